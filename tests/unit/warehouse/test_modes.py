"""The ways rows enter a table: what is late changes nothing, what comes twice is there once."""

from dataclasses import replace
from typing import Any

import pytest

from portal.warehouse.errors import ColumnsChanged, StalePublish, TargetMoved
from portal.warehouse.port import How, StagedView
from tests.lake import Lake

APPEND = How("append", drift="refuse")


def put(lake: Lake, sql: str, how: How, *, run: str, fence: int = 1) -> int:
    with lake.writer() as warehouse:
        staged = replace(lake.stage(warehouse, "ops.words", sql), how=how)
        return warehouse.publish([staged], run_id=run, fence=fence)


def rows(lake: Lake) -> list[tuple[Any, ...]]:
    return lake.ask("SELECT * FROM ops.words ORDER BY ALL").rows


def by_day(value: str) -> How:
    return How("partition", ("day",), value, drift="refuse")


def test_a_run_appends_once_however_often_it_tries(lake: Lake) -> None:
    for run, fence in (("run-1", 1), ("run-2", 1), ("run-1", 2)):
        put(lake, f"SELECT 1 AS n, '{run}' AS _run_id", APPEND, run=run, fence=fence)
    assert rows(lake) == [(1, "run-1"), (1, "run-2")]
    with pytest.raises(StalePublish):
        put(lake, "SELECT 2 AS n, 'run-1' AS _run_id", APPEND, run="run-1", fence=1)
    assert rows(lake) == [(1, "run-1"), (1, "run-2")]


def test_partitions_come_in_any_order_each_behind_its_own_fence(lake: Lake) -> None:
    put(lake, "SELECT 1 AS n, 'mon' AS day", by_day("mon"), run="run-2")
    put(lake, "SELECT 2 AS n, 'tue' AS day", by_day("tue"), run="run-1")
    with pytest.raises(StalePublish):
        put(lake, "SELECT 3 AS n, 'mon' AS day", by_day("mon"), run="run-1", fence=9)
    put(lake, "SELECT 4 AS n, 'mon' AS day WHERE false", by_day("mon"), run="run-3")
    assert rows(lake) == [(2, "tue")]
    # A full publish stands for every partition: what is older comes too late.
    put(lake, "SELECT 5 AS n, 'wed' AS day", How(drift="refuse"), run="run-5")
    with pytest.raises(StalePublish):
        put(lake, "SELECT 6 AS n, 'thu' AS day", by_day("thu"), run="run-4")
    assert rows(lake) == [(5, "wed")]


def test_an_older_full_publish_leaves_newer_parts_as_they_are(lake: Lake) -> None:
    put(lake, "SELECT 1 AS n, 'mon' AS day", by_day("mon"), run="run-5")
    with pytest.raises(StalePublish):
        put(lake, "SELECT 2 AS n, 'tue' AS day", How(drift="refuse"), run="run-3")
    assert rows(lake) == [(1, "mon")]
    # The newest stands for all parts, also for one that the same run wrote before its job was changed.
    put(lake, "SELECT 3 AS n, 'tue' AS day", How(drift="refuse"), run="run-6")
    with pytest.raises(StalePublish):
        put(lake, "SELECT 4 AS n, 'mon' AS day", by_day("mon"), run="run-5", fence=2)
    assert rows(lake) == [(3, "tue")]


def test_a_day_is_one_part_however_a_run_writes_it(lake: Lake) -> None:
    put(lake, "SELECT 1 AS n, DATE '2026-01-01' AS day", by_day("2026-01-01"), run="run-5")
    with pytest.raises(StalePublish):
        put(lake, "SELECT 2 AS n, DATE '2026-01-01' AS day", by_day("2026-1-1"), run="run-4")
    assert lake.ask("SELECT n FROM ops.words").rows == [(1,)]


def test_only_what_is_newer_is_added(lake: Lake) -> None:
    newer = How("newer", ("n",), drift="refuse")
    put(lake, "SELECT range AS n FROM range(3)", newer, run="run-1")
    # As if another run had added rows since these were staged.
    put(lake, "SELECT range AS n FROM range(5)", newer, run="run-2")
    put(lake, "SELECT range AS n FROM range(5)", newer, run="run-2", fence=2)
    assert rows(lake) == [(0,), (1,), (2,), (3,), (4,)]


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT 1 AS n", "«word» is missing"),
        ("SELECT 1 AS n, 'a' AS word, 2 AS more", "«more» is new"),
        ("SELECT 'one' AS n, 'a' AS word", "«n» is VARCHAR now, it was INTEGER"),
    ],
)
def test_other_columns_are_refused_and_change_nothing(lake: Lake, sql: str, said: str) -> None:
    put(lake, "SELECT 1 AS n, 'a' AS word", How(), run="run-1")
    for how in (How(drift="refuse"), How("upsert", ("n",), drift="refuse")):
        with pytest.raises(ColumnsChanged, match=said):
            put(lake, sql, how, run="run-2")
    assert rows(lake) == [(1, "a")]


def test_new_columns_are_empty_in_older_rows(lake: Lake) -> None:
    put(lake, "SELECT 1 AS n", How(), run="run-1")
    put(lake, "SELECT 'x' AS \"a.b\", 2 AS n", How("upsert", ("n",), drift="add"), run="run-2")
    assert rows(lake) == [(1, None), (2, "x")]


def test_a_dropped_view_and_its_ledger_are_gone(lake: Lake) -> None:
    put(lake, "SELECT 1 AS n, 'mon' AS day", by_day("mon"), run="run-9")
    with lake.writer() as warehouse:
        warehouse.publish([StagedView("ops.days", "SELECT day FROM ops.words")], run_id="run-9", fence=1)
        assert warehouse.tables() == ["ops.days", "ops.words"]
        with pytest.raises(StalePublish):
            warehouse.publish([StagedView("ops.days", "SELECT 1 AS n")], run_id="run-1", fence=1)
        warehouse.drop(["ops.days", "ops.words"])
        assert warehouse.tables() == []
    put(lake, "SELECT 1 AS n, 'mon' AS day", by_day("mon"), run="run-1")


def test_rows_made_from_the_targets_own_enter_only_what_is_still_so(lake: Lake) -> None:
    seen = put(lake, "SELECT 1 AS n", How(), run="run-1")
    put(lake, "SELECT n FROM range(2) AS r(n)", How(made_at=seen), run="run-3")
    with pytest.raises(TargetMoved):
        put(lake, "SELECT n FROM range(9) AS r(n)", How(made_at=seen), run="run-4")
    assert rows(lake) == [(0,), (1,)]
    put(lake, "SELECT n FROM range(9) AS r(n)", How(), run="run-4")


def test_lists_and_long_cells_are_described(lake: Lake) -> None:
    sql = (
        "SELECT [1, 2] AS numbers, [DATE '2026-01-01'] AS days, [1.5::DECIMAL(5, 2)] AS sums,"
        " repeat('x', 5000000) AS long, range(1000) AS many, 7::DECIMAL(5, 2) AS plain, 'a\\x00'::BLOB AS raw"
    )
    put(lake, sql, How(), run="run-1")
    with lake.reader() as warehouse:
        described = {each.name: each.histogram for each in warehouse.profile("ops.words")}
        cells = warehouse.sample("ops.words", personal=dict.fromkeys(described, False)).rows[0]
    assert set(described) == {"numbers", "days", "sums", "long", "many", "plain", "raw"}
    assert described["plain"] == [1.0]
    assert cells[:3] == ([1, 2], ["2026-01-01"], ["1.50"])
    assert max(len(str(cell)) for cell in cells) == 301
