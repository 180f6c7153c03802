"""The kinds that fill the lake, in the forked body of a real worker."""

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg2
import pymysql
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

PASSWORD = "hush-hush-42"


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


@contextlib.contextmanager
def slow_postgresql(mark: str) -> Iterator[tuple[dict[str, Any], Callable[[], int]]]:
    """Yield a source whose SELECT takes a minute, and how to count such statements on the server."""
    try:
        server = psycopg2.connect(host="127.0.0.1", user="postgres", dbname="postgres", connect_timeout=2)
    except psycopg2.Error as error:
        pytest.skip(f"PostgreSQL on 127.0.0.1:5432 does not let postgres in: {error}")
    server.autocommit = True
    with contextlib.closing(server), server.cursor() as cursor:

        def going() -> int:
            find = (
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE state = 'active' AND query LIKE 'COPY %%' || %s || '%%'"
            )
            cursor.execute(find, (mark,))
            (count,) = cursor.fetchone() or (0,)
            return int(count)

        source = {"type": "postgresql", "port": 5432, "database": "postgres", "user": "postgres"}
        yield {**source, "sql": f"SELECT pg_sleep(60)::text AS {mark}"}, going


@contextlib.contextmanager
def slow_mysql(mark: str) -> Iterator[tuple[dict[str, Any], Callable[[], int]]]:
    """Yield the same of MariaDB, by an account that may do nothing else there."""
    try:
        server = pymysql.connect(host="127.0.0.1", user="root", database="test", autocommit=True)
    except (pymysql.MySQLError, OSError) as error:
        pytest.skip(f"MariaDB on 127.0.0.1:3306 does not let root in: {error}")
    with contextlib.closing(server), server.cursor() as cursor:

        def going() -> int:
            # What the session computes, not the one that looks for it.
            find = "SELECT count(*) FROM information_schema.processlist WHERE user = %s AND info LIKE %s"
            cursor.execute(find, (mark, f"%{mark}%"))
            (count,) = cursor.fetchone() or (0,)
            return int(count)

        cursor.execute(f"CREATE USER {mark}@'%' IDENTIFIED BY '{PASSWORD}'")
        cursor.execute(f"GRANT SELECT ON test.* TO {mark}@'%'")
        try:
            source = {"type": "mysql", "port": 3306, "database": "test", "user": mark}
            yield {**source, "sql": f"SELECT SLEEP(60) AS {mark}"}, going
        finally:
            cursor.execute(f"DROP USER {mark}@'%'")


SLOW = {"postgresql": slow_postgresql, "mysql": slow_mysql}


@pytest.mark.parametrize("kind", SLOW)
def test_who_cancels_an_extraction_ends_its_statement_too(
    processes: Processes, files: Path, kind: str
) -> None:
    mark = f"dd_{uuid4().hex[:12]}"
    with stored_secret("database"), SLOW[kind](mark) as (source, going):
        config = {
            "source": {**source, "host": "127.0.0.1", "secret": "database"},
            "target": "sales.orders",
        }
        key_ring = str(settings.KEY_RING_FILE)
        allowed = f"127.0.0.1:{source['port']}"
        processes.worker(WORKER_SLOTS="1", OUTGOING_ALLOW=allowed, KEY_RING_FILE=key_ring)
        run = start(make("extract_load", config))
        until(going, seconds=90, what="the server works on the statement")
        asked_at = time.monotonic()
        runs.cancel(run=run, by=TESTS)
        ended(run)
        assert time.monotonic() - asked_at < 3
        assert run.state == RunState.CANCELLED
        until(lambda: not going(), seconds=6, what="the server stopped the statement")
        assert not any("may go on" in line for line in log_lines(run))


@contextlib.contextmanager
def stored_secret(name: str) -> Iterator[None]:
    secret = Secret(name=name, hosts=["127.0.0.1"])
    secret.put(PASSWORD)
    secret.save()
    try:
        yield
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
