"""F40: the lake's catalog is away, drops in the middle, or does not answer: runs fail as what that is."""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import psycopg2
import pytest

from jobs.actions.queries import ask
from jobs.artifacts import ARTIFACTS
from jobs.choices import ErrorClass, Isolation, RunState
from jobs.models import Run
from portal.audit.actions import Actor
from portal.demo.people import load_people
from portal.evidence.models import Evidence
from tests.factories.catalog import dataset
from tests.faults.own import locked
from tests.faults.partition import Way
from tests.faults.processes import Processes, ended, failed_only_for, job, start, until
from tests.lake import Lake
from tests.unit.jobs.loading import make

pytestmark = pytest.mark.fault

NUMBERS = 20_000
JOINED = "SELECT count(*) FROM tests.numbers JOIN tests.others USING (number)"
DROPS = 60
# However the catalog's end meets the engine, it is one of these.
SENTENCES = ("The lake cannot be reached", "The connection to the lake broke off")


@pytest.fixture
def way(lake: Lake, settings: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[Way]:
    """Lead every worker of the test to the lake's catalog by a way that may end."""
    monkeypatch.setenv("SOURCE_FOLDER", str(lake.folder))
    for name in ("LAKE_SCHEMA", "LAKE_DATA"):
        monkeypatch.setenv(name, lake.environment[name])
    for table in ("tests.numbers", "tests.others"):
        lake.publish(table, "SELECT range AS number FROM range(20000)")
    one = Way(settings.LAKE_URL)  # type: ignore[attr-defined]
    monkeypatch.setenv("LAKE_URL", one.url)
    monkeypatch.setenv("LAKE_READER_URL", one.by(settings.LAKE_READER_URL))  # type: ignore[attr-defined]
    yield one
    one.close()


def holding_commits(lake: Lake, url: str) -> AbstractContextManager[int]:
    """Let whoever publishes wait in the middle of their commit."""
    return locked(url, f"{lake.schema}.ducklake_snapshot", "SHARE")


def committing(schema: str, url: str) -> bool:
    server = psycopg2.connect(url)
    try:
        with server.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE %s",
                [f"%{schema}%"],
            )
            return bool((cursor.fetchone() or (0,))[0])
    finally:
        server.close()


def tried_in_vain(run: Run) -> bool:
    """Say whether an attempt ended because of the lake; every one that did not succeed must have."""
    return failed_only_for(run, ErrorClass.WAREHOUSE, SENTENCES)


def on_disk() -> list[Path]:
    return [path for path in ARTIFACTS.folder().rglob("*") if path.is_file()]


def test_f40_a_catalog_that_goes_away_while_a_load_publishes_leaves_the_table_as_it_was(
    processes: Processes, lake: Lake, way: Way, settings: object
) -> None:
    url = settings.LAKE_URL  # type: ignore[attr-defined]
    file = lake.folder / "orders.csv"
    config = {"source": {"path": file.name}, "target": "sales.orders", "mode": "append"}
    load = make("extract_load", config, max_attempts=9, backoff=1, backoff_cap=1)
    processes.worker()

    def write(numbers: range) -> None:
        file.write_text("id\n" + "".join(f"{number}\n" for number in numbers))

    def orders() -> list[tuple[int, int]]:
        rows: list[tuple[int, int]] = lake.ask("SELECT count(*), count(DISTINCT id) FROM sales.orders").rows
        return rows

    write(range(100))
    assert ended(start(load), seconds=90).state == RunState.SUCCEEDED
    write(range(100, 300))
    with holding_commits(lake, url):
        run = start(load)
        until(lambda: committing(lake.schema, url), seconds=60, what="the load commits")
        with way.down():
            until(lambda: tried_in_vain(run), seconds=30, what="the attempt failed")
            assert orders() == [(100, 100)]
            assert ended(start(job("test-nothing"))).state == RunState.SUCCEEDED
            run.refresh_from_db()
            assert run.is_open
    assert ended(run, seconds=60).state == RunState.SUCCEEDED
    tried_in_vain(run)
    assert orders() == [(300, 300)]


def test_f40_a_catalog_that_does_not_answer_costs_a_load_its_time_and_nobody_else_theirs(
    processes: Processes, lake: Lake, way: Way, settings: object
) -> None:
    url = settings.LAKE_URL  # type: ignore[attr-defined]
    (lake.folder / "orders.csv").write_text("id\n1\n2\n")
    config = {"source": {"path": "orders.csv"}, "target": "sales.orders"}
    load = make("extract_load", config, timeout=8, max_attempts=3, backoff=1, backoff_cap=1)
    processes.worker()
    assert ended(start(load), seconds=90).state == RunState.SUCCEEDED
    (lake.folder / "orders.csv").write_text("id\n3\n")
    with holding_commits(lake, url):
        run = start(load)
        until(lambda: committing(lake.schema, url), what="the load commits")
        with way.cut():
            assert ended(start(job("test-nothing"))).state == RunState.SUCCEEDED
            ended(run, seconds=20)
    assert (run.state, run.error["class"]) == (RunState.TIMED_OUT, "timeout")
    assert lake.ask("SELECT id FROM sales.orders ORDER BY 1").rows == [(1,), (2,)]
    run = ended(start(load), seconds=60)
    assert run.state == RunState.SUCCEEDED, run.error
    tried_in_vain(run)
    assert lake.ask("SELECT id FROM sales.orders").rows == [(3,)]


def test_f40_nothing_half_made_is_kept_of_a_run_that_found_no_lake(
    processes: Processes, way: Way, settings: object
) -> None:
    settings.VAR = processes.folder / "var"  # type: ignore[attr-defined]
    processes.worker()
    keeps = job("test-keep-and-read", max_attempts=9)
    user = load_people()["ben"]
    dataset("numbers", columns=("number",), table={"physical_name": "tests.numbers"})
    with way.down():
        run = start(keeps, sql="SELECT count(*) FROM tests.numbers")
        query = ask(
            sql="SELECT max(number) AS n FROM tests.numbers",
            parameters={},
            chart=None,
            by=Actor.person(user),
            requested_by=user,
        )
        for each in (run, query):
            until(partial(tried_in_vain, each), seconds=60, what="an attempt failed")
        assert not run.artifacts.exists()
        assert not Evidence.objects.filter(run_id=query.pk).exists()
        assert on_disk() == []
    assert ended(run, seconds=60).state == RunState.SUCCEEDED
    (path,) = on_disk()
    assert path.read_text() == f"[({NUMBERS},)]"
    assert run.artifacts.get().stored == path.name
    assert run.artifacts.get().fence == run.fence
    assert ended(query, seconds=60).state == RunState.SUCCEEDED, query.error
    assert Evidence.objects.get(run_id=query.pk).result.rows == [[NUMBERS - 1]]


def test_f40_reads_whose_catalog_drops_are_right_or_tried_again(processes: Processes, way: Way) -> None:
    """The engine takes it in many ways, some of which it does not survive: whatever reads next is well."""
    processes.worker()
    reads = job("test-read", isolation=Isolation.WARM, max_attempts=20)
    assert ended(start(reads, sql=JOINED), seconds=60).state == RunState.SUCCEEDED
    runs = [start(reads, sql=JOINED) for _ in range(30)]
    for _ in range(DROPS):
        with way.down():
            time.sleep(0.02)
        time.sleep(0.1)
    for run in runs:
        assert ended(run, seconds=60).state == RunState.SUCCEEDED, run.error
        assert run.outputs["rows"] == [[str(NUMBERS)]]
    vain = [tried_in_vain(run) for run in runs]
    assert any(vain)
