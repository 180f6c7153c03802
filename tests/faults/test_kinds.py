"""The kinds that fill the lake, in the forked body of a real worker."""

import contextlib
import time
from pathlib import Path
from uuid import uuid4

import psycopg2
import pytest
from django.conf import settings

from jobs.actions import runs
from jobs.choices import RunState
from jobs.models import Run, Secret
from tests.conftest import Cast
from tests.faults.processes import (
    Processes,
    Started,
    alive,
    children,
    ended,
    log_lines,
    start,
    until,
    with_descendants,
)
from tests.lake import Lake
from tests.unit.jobs.loading import TESTS, make

pytestmark = pytest.mark.fault


@pytest.fixture
def files(lake: Lake, monkeypatch: pytest.MonkeyPatch, settings: object) -> Path:
    folder = lake.folder / "files"
    folder.mkdir()
    monkeypatch.setenv("SOURCE_FOLDER", str(folder))
    for name in ("LAKE_SCHEMA", "LAKE_DATA"):
        monkeypatch.setenv(name, lake.environment[name])
    return folder


def test_a_worker_loads_files_and_says_what_it_could_not_read(
    processes: Processes, lake: Lake, files: Path
) -> None:
    (files / "a.csv").write_text("id,amount\n1,1.5\n2,2.5\n")
    config = {
        "source": {"path": "a.csv"},
        "target": "sales.orders",
        "mode": "append",
        "checks": [{"check": "expression", "expression": "amount > 0"}],
    }
    job = make("extract_load", config)
    processes.worker(WORKER_SLOTS="1")
    run = ended(start(job), seconds=90)
    assert (run.state, run.error) == (RunState.SUCCEEDED, {})
    (files / "a.csv").write_text("id,amount\n3,-1\n")
    run = ended(start(job), seconds=90)
    assert "expression(amount > 0)" in run.error["message"]
    (files / "a.csv").write_text("id,amount\n3,much\n")
    run = ended(start(job), seconds=90)
    assert (run.error["class"], run.error["place"]) == ("bad_input", {"line": 2})
    assert lake.ask("SELECT id FROM sales.orders ORDER BY 1").rows == [(1,), (2,)]


def test_who_cancels_an_extraction_ends_its_statement_too(processes: Processes, files: Path) -> None:
    try:
        server = psycopg2.connect(host="127.0.0.1", user="postgres", dbname="postgres", connect_timeout=2)
    except psycopg2.Error as error:
        pytest.skip(f"PostgreSQL on 127.0.0.1:5432 does not let postgres in: {error}")
    server.autocommit = True
    secret = Secret(name="pg")
    secret.put("hush-hush-42")
    secret.save()
    mark = f"dd_{uuid4().hex[:12]}"
    source = {"type": "postgresql", "host": "127.0.0.1", "database": "postgres", "user": "postgres"}
    config = {
        "source": {**source, "secret": "pg", "sql": f"SELECT pg_sleep(60)::text AS {mark}"},
        "target": "sales.orders",
    }
    with contextlib.closing(server), server.cursor() as cursor:

        def copies() -> int:
            find = (
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE state = 'active' AND query LIKE 'COPY %%' || %s || '%%'"
            )
            cursor.execute(find, (mark,))
            (count,) = cursor.fetchone() or (0,)
            return int(count)

        try:
            key_ring = str(settings.KEY_RING_FILE)
            processes.worker(WORKER_SLOTS="1", OUTGOING_ALLOW="127.0.0.1:5432", KEY_RING_FILE=key_ring)
            run = start(make("extract_load", config))
            until(copies, seconds=90, what="the server copies")
            asked_at = time.monotonic()
            runs.cancel(run=run, by=TESTS)
            ended(run)
            assert time.monotonic() - asked_at < 3
            assert run.state == RunState.CANCELLED
            until(lambda: not copies(), seconds=6, what="the server stopped the statement")
        finally:
            secret.delete()


def test_a_cancelled_dbt_project_leaves_no_process_and_publishes_nothing(
    processes: Processes, lake: Lake, monkeypatch: pytest.MonkeyPatch, cast: Cast
) -> None:
    folder = lake.folder / "dbt" / "slow"
    (folder / "models").mkdir(parents=True)
    (folder / "dbt_project.yml").write_text("name: slow\nversion: '1.0'\nprofile: any\n")
    (folder / "models" / "quick.sql").write_text("select 1 as one")
    endless = "select count(*) as n from range(100000000000) a, {{ ref('quick') }} where a.range % 7 = 3"
    (folder / "models" / "slow.sql").write_text("{{ config(materialized='table') }}\n" + endless)
    monkeypatch.setenv("DBT_FOLDER", str(lake.folder / "dbt"))
    for name in ("LAKE_SCHEMA", "LAKE_DATA"):
        monkeypatch.setenv(name, lake.environment[name])
    lake.publish("ops.one", "SELECT 1 AS one")
    worker = processes.worker(WORKER_SLOTS="1")
    run = start(make("dbt", {"project": "slow"}, owner_email=cast.dan.email))
    until(lambda: any("START sql table model dbt.slow" in line for line in log_lines(run)), seconds=120)
    until(lambda: Run.objects.get(pk=run.pk).progress.get("fraction") == 0.5, what="one of two nodes done")
    started = dbt_processes(worker)
    assert started
    asked_at = time.monotonic()
    runs.cancel(run=run, by=TESTS)
    assert ended(run).state == RunState.CANCELLED
    assert time.monotonic() - asked_at < 4
    assert not [pid for pid in started if alive(pid)]
    with lake.reader() as warehouse:
        assert warehouse.tables() == ["ops.one"]


def dbt_processes(worker: Started) -> list[int]:
    bodies = [pid for pid in with_descendants(worker) if pid != worker.pid]
    found = {child for body in bodies for child in children(body)}
    return [pid for pid in found if b"jobs.runners.dbt.child" in Path(f"/proc/{pid}/cmdline").read_bytes()]
