"""Publishing is one transaction behind a fence; readers see all of it or nothing."""

import subprocess
import sys
import textwrap
import threading
import weakref

import pytest

from portal.warehouse.errors import QueryFailed, QueryTimeout, StalePublish, WarehouseUnavailable
from tests.lake import Lake

ONE = "SELECT 1 AS n, 'a' AS word"
TWO = "SELECT n, 'b' AS word FROM range(2) AS r(n)"


def test_a_published_table_can_be_read(lake: Lake) -> None:
    lake.publish("ops.words", ONE)
    assert lake.ask("SELECT * FROM ops.words").dicts() == [{"n": 1, "word": "a"}]
    with lake.reader() as warehouse:
        assert warehouse.tables() == ["ops.words"]
        assert [column.name for column in warehouse.columns("ops.words")] == ["n", "word"]


def test_an_old_snapshot_shows_the_old_rows(lake: Lake) -> None:
    first = lake.publish("ops.words", ONE, run_id="run-1")
    second = lake.publish("ops.words", TWO, run_id="run-2")
    assert second > first
    with lake.reader() as warehouse:
        assert warehouse.snapshot() == second
        assert warehouse.row_count("ops.words", snapshot=first) == 1
        assert warehouse.row_count("ops.words") == 2


def test_another_shape_replaces_the_table_and_keeps_its_past(lake: Lake) -> None:
    first = lake.publish("ops.words", ONE, run_id="run-1")
    lake.publish("ops.words", "SELECT DATE '2013-02-08' AS day", run_id="run-2")
    with lake.reader() as warehouse:
        assert [column.name for column in warehouse.columns("ops.words")] == ["day"]
        assert warehouse.query("SELECT word FROM ops.words", snapshot=first).rows == [("a",)]


def test_a_stale_fence_changes_nothing(lake: Lake) -> None:
    before = lake.publish("ops.words", ONE, run_id="run-1", fence=3)
    with pytest.raises(StalePublish):
        lake.publish("ops.words", TWO, run_id="run-1", fence=2)
    with lake.reader() as warehouse:
        assert warehouse.snapshot() == before
        assert warehouse.row_count("ops.words") == 1


def test_an_older_run_changes_nothing(lake: Lake) -> None:
    lake.publish("ops.words", ONE, run_id="run-2", fence=1)
    with pytest.raises(StalePublish):
        lake.publish("ops.words", TWO, run_id="run-1", fence=9)


def test_the_same_attempt_may_publish_again(lake: Lake) -> None:
    lake.publish("ops.words", ONE, run_id="run-1", fence=2)
    lake.publish("ops.words", TWO, run_id="run-1", fence=2)
    assert lake.ask("SELECT count(*) FROM ops.words").rows == [(2,)]


def test_one_stale_target_stops_all_of_them(lake: Lake) -> None:
    lake.publish("ops.words", ONE, run_id="run-9")
    with lake.writer() as warehouse:
        staged = [lake.stage(warehouse, target, TWO) for target in ("ops.numbers", "ops.words")]
        with pytest.raises(StalePublish):
            warehouse.publish(staged, run_id="run-1", fence=1)
        assert warehouse.tables() == ["ops.words"]
        assert warehouse.row_count("ops.words") == 1


def test_a_failing_table_leaves_the_others_as_they_were(lake: Lake) -> None:
    lake.publish("ops.words", ONE, run_id="run-1")
    with lake.writer() as warehouse:
        staged = [lake.stage(warehouse, target, TWO) for target in ("ops.words", "ops.zebra")]
        staged[1].path.write_bytes(b"not parquet")
        with pytest.raises(Exception, match=r"zebra|parquet|Parquet"):
            warehouse.publish(staged, run_id="run-2", fence=1)
        assert warehouse.tables() == ["ops.words"]
        assert warehouse.row_count("ops.words") == 1
        # The connection is usable again: the transaction was rolled back.
        staged = [lake.stage(warehouse, "ops.words", TWO)]
        warehouse.publish(staged, run_id="run-2", fence=1)
    assert lake.ask("SELECT count(*) FROM ops.words").rows == [(2,)]


def test_dropped_tables_are_gone_and_may_come_back(lake: Lake) -> None:
    lake.publish("ops.words", ONE, run_id="run-5")
    with lake.writer() as warehouse:
        warehouse.drop(["ops.words", "ops.never_there"])
        assert warehouse.tables() == []
    lake.publish("ops.words", ONE, run_id="run-1")


def test_an_empty_lake_says_so(lake: Lake) -> None:
    with pytest.raises(WarehouseUnavailable, match="nothing has been published"):
        lake.reader()


def test_an_unreachable_lake_does_not_tell_its_password(settings, lake: Lake) -> None:
    settings.LAKE_URL = "postgresql://someone:hunter2secret@127.0.0.1:1/nowhere"
    with pytest.raises(WarehouseUnavailable) as caught:
        lake.writer()
    assert "hunter2secret" not in str(caught.value)
    assert caught.value.__suppress_context__
    assert "LAKE_URL" in str(caught.value)


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO ops.words VALUES (2, 'x')",
        "DROP TABLE ops.words",
        "SELECT 1; SELECT 2",
        "COPY (SELECT 1) TO '/tmp/desk-leak.csv'",
        "ATTACH '/tmp/desk-leak.db'",
        "SET threads = 64",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "CALL ducklake_cleanup_old_files('lake')",
    ],
)
def test_a_reader_writes_nothing_and_opens_no_file(lake: Lake, sql: str) -> None:
    lake.publish("ops.words", ONE)
    with pytest.raises(QueryFailed):
        lake.ask(sql)


def test_a_reader_shows_no_connection_string(lake: Lake) -> None:
    lake.publish("ops.words", ONE)
    shown = str(lake.ask("SELECT * FROM duckdb_databases()").rows)
    assert "password" not in shown.lower()
    assert "host" not in shown.lower()


def test_a_query_is_cut_at_its_limit_and_stopped_at_its_time(lake: Lake) -> None:
    lake.publish("ops.words", "SELECT n FROM range(50) AS r(n)")
    answer = lake.ask("SELECT n FROM ops.words ORDER BY n", limit=10)
    assert len(answer.rows) == 10
    assert answer.cut
    with lake.reader() as warehouse:
        with pytest.raises(QueryTimeout):
            warehouse.query("SELECT count(*) FROM range(10000000000000)", timeout=0.2)
        assert warehouse.row_count("ops.words") == 50


def test_a_query_begins_no_thread_and_is_stopped_at_its_time_all_the_same(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    # While a statement has all the memory a new thread may die early, and its beginner waits for it for ever.
    def refuse(thread: threading.Thread) -> None:
        message = f"{thread.name} begins"
        raise AssertionError(message)

    lake.publish("ops.words", ONE)
    with lake.reader() as warehouse:
        monkeypatch.setattr(threading.Thread, "start", refuse)
        for _ in range(2):
            with pytest.raises(QueryTimeout):
                warehouse.read("SELECT count(*) FROM range(10000000000000)", limit=1, timeout=0.2)
            assert warehouse.read("SELECT 1 AS n", limit=1, timeout=60).rows == [(1,)]


def test_an_engine_that_is_closed_leaves_no_thread(lake: Lake) -> None:
    def watching() -> set[threading.Thread]:
        return {each for each in threading.enumerate() if each.name == "watchdog"}

    lake.publish("ops.words", ONE)
    before = watching()
    with lake.reader():
        (ours,) = watching() - before
    ours.join(timeout=10)
    assert not ours.is_alive()


def test_an_engine_that_nobody_closes_goes_with_whoever_had_it(lake: Lake) -> None:
    lake.publish("ops.words", ONE)
    before = set(threading.enumerate())
    reader = lake.reader()
    (ours,) = [each for each in set(threading.enumerate()) - before if each.name == "watchdog"]
    gone = weakref.ref(reader)
    del reader
    assert gone() is None, "something keeps it, and its transaction in the lake's catalog"
    ours.join(timeout=10)
    assert not ours.is_alive()


def test_parameters_are_bound(lake: Lake) -> None:
    lake.publish("ops.words", ONE)
    assert lake.ask("SELECT n FROM ops.words WHERE word = $word", params={"word": "a' OR 1=1 --"}).rows == []
    assert lake.ask("SELECT n FROM ops.words WHERE word = $word", params={"word": "a"}).rows == [(1,)]


PUBLISHER = textwrap.dedent(
    """
    import sys, pathlib
    from dataclasses import replace
    import django; django.setup()
    from portal.warehouse import connect
    from portal.warehouse.errors import StalePublish
    from portal.warehouse.port import How
    folder, run, fence, value = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    how = How("partition", ("v",), str(value)) if sys.argv[5:] else How()
    with connect(read_only=False) as warehouse:
        staged = [
            warehouse.stage_query(
                f"SELECT {value} AS v FROM range(20000)", target=target, folder=folder / f"{run}-{fence}"
            )
            for target in ("ops.one", "ops.two")
        ]
        staged = [replace(each, how=how) for each in staged]
        print("ready", flush=True)
        sys.stdin.readline()
        try:
            print(warehouse.publish(staged, run_id=run, fence=fence), flush=True)
        except StalePublish:
            print("stale", flush=True)
    """
)


def _publisher(
    lake: Lake, *, run: str, fence: int, value: int, part: bool = False
) -> "subprocess.Popen[str]":
    words = [run, str(fence), str(value), *(["part"] if part else [])]
    process = subprocess.Popen(
        [sys.executable, "-c", PUBLISHER, str(lake.folder), *words],
        env=lake.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.fault
def test_of_two_processes_the_paused_older_attempt_cannot_publish(lake: Lake) -> None:
    old = _publisher(lake, run="run-1", fence=1, value=1)
    new = _publisher(lake, run="run-1", fence=2, value=2)
    new_says, _ = new.communicate("go\n", timeout=60)
    old_says, _ = old.communicate("go\n", timeout=60)
    assert new_says.strip().isdigit()
    assert old_says.strip() == "stale"
    assert lake.ask("SELECT DISTINCT v FROM ops.one").rows == [(2,)]


@pytest.mark.fault
@pytest.mark.parametrize("at_once", [False, True])
def test_of_two_processes_an_older_full_publish_never_wipes_a_newer_part(lake: Lake, at_once: bool) -> None:
    full = _publisher(lake, run="run-3", fence=1, value=3)
    part = _publisher(lake, run="run-5", fence=1, value=5, part=True)
    if at_once:
        for process in (full, part):
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
    part_says, _ = part.communicate("" if at_once else "go\n", timeout=60)
    full_says, _ = full.communicate("" if at_once else "go\n", timeout=60)
    assert part_says.strip().isdigit()
    assert full_says.strip() == "stale" or at_once
    assert (5,) in lake.ask("SELECT DISTINCT v FROM ops.one").rows


@pytest.mark.fault
def test_processes_that_publish_at_once_end_with_the_newest_and_readers_never_see_half(lake: Lake) -> None:
    lake.publish("ops.one", "SELECT 0 AS v FROM range(20000)", run_id="run-0")
    lake.publish("ops.two", "SELECT 0 AS v FROM range(20000)", run_id="run-0")
    # All at first sight of each other: the ledger rows exist, the values differ.
    processes = [_publisher(lake, run="run-1", fence=fence, value=fence) for fence in (1, 2, 3)]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    seen = set()
    with lake.reader() as warehouse:
        while any(process.poll() is None for process in processes):
            (row,) = warehouse.query(
                "SELECT (SELECT min(v) FROM ops.one), (SELECT max(v) FROM ops.one),"
                " (SELECT count(*) FROM ops.one), (SELECT min(v) FROM ops.two),"
                " (SELECT max(v) FROM ops.two), (SELECT count(*) FROM ops.two)"
            ).rows
            seen.add(row)
    said = [process.communicate(timeout=60)[0].strip() for process in processes]
    assert all(word == "stale" or word.isdigit() for word in said), said
    assert said[2].isdigit()
    assert all(
        len({low, high, low2, high2}) == 1 and n == n2 == 20000 for low, high, n, low2, high2, n2 in seen
    ), seen
    assert lake.ask("SELECT DISTINCT v FROM ops.two").rows == [(3,)]
