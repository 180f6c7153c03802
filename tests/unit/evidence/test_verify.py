"""Each verdict, provoked on a real lake."""

import json
from dataclasses import replace
from typing import Any, cast

import pytest

from portal.evidence.choices import Half, Verdict
from portal.evidence.hashing import result_hash
from portal.evidence.verify import Cited, CitedRows, Findings, compare, rerun
from portal.warehouse.cells import Cells
from portal.warehouse.errors import QueryTimeout
from tests.lake import Lake

SQL = "SELECT day AS period, avg(late) AS value, count(*) AS sample FROM ops.trips GROUP BY 1 ORDER BY 1"
TRIPS = "SELECT * FROM (VALUES (DATE '2013-02-08', 0.5), (DATE '2013-02-09', 0.25)) AS t(day, late)"
RESTATED = "SELECT * FROM (VALUES (DATE '2013-02-08', 0.5), (DATE '2013-02-09', 0.75)) AS t(day, late)"


def cite(lake: Lake, *, sql: str = SQL, snapshot: int | None = None, **changes: Any) -> Cited:
    answer = lake.ask(sql, snapshot=snapshot)
    values = {row[0].isoformat(): row[1] for row in answer.rows}
    stated = {"parameters": {}, "snapshot": snapshot, "values": values, **changes}
    return Cited(sql=sql, result_hash=result_hash(answer.columns, answer.rows), **stated)


def judge(lake: Lake, cited: Cited, *, definition_changed: bool = False) -> Findings:
    with lake.reader() as warehouse:
        return compare(warehouse, cited, rerun(warehouse, cited), definition_changed=definition_changed)


def test_the_same_data_give_the_same_value(lake: Lake) -> None:
    first = lake.publish("ops.trips", TRIPS, run_id="run-1")
    found = judge(lake, cite(lake, snapshot=first))
    assert (found.verdict, found.recorded, found.newest) == (Verdict.VERIFIED, Half.SAME, Half.SAME)
    assert (found.snapshot, found.tables, found.changes, found.reads) == (first, [], {}, ["ops.trips"])


def test_the_same_rows_published_again_are_no_change(lake: Lake) -> None:
    first = lake.publish("ops.trips", TRIPS, run_id="run-1")
    second = lake.publish("ops.trips", f"{TRIPS} ORDER BY day DESC", run_id="run-2")
    found = judge(lake, cite(lake, snapshot=first))
    assert (found.verdict, found.snapshot, found.tables) == (Verdict.VERIFIED, second, [])


def test_restated_rows_are_named_with_table_and_values(lake: Lake) -> None:
    first = lake.publish("ops.trips", TRIPS, run_id="run-1")
    lake.publish("ops.other", "SELECT 1 AS n", run_id="run-1")
    lake.publish("ops.trips", RESTATED, run_id="run-2")
    found = judge(lake, cite(lake, snapshot=first))
    assert (found.verdict, found.recorded, found.newest) == (Verdict.INPUT_CHANGED, Half.SAME, Half.DIFFERENT)
    assert [(table.name, table.rows_before, table.rows_after) for table in found.tables] == [
        ("ops.trips", 2, 2)
    ]
    assert {day: (each.before, each.after) for day, each in found.changes.items()} == {
        "2013-02-09": (0.25, 0.75)
    }
    assert found.changed_count == 1


def test_a_change_that_the_number_does_not_feel_leaves_it_verified(lake: Lake) -> None:
    first = lake.publish("ops.trips", f"SELECT *, 'a' AS word FROM ({TRIPS})", run_id="run-1")  # noqa: S608
    lake.publish("ops.trips", f"SELECT *, 'b' AS word FROM ({TRIPS})", run_id="run-2")  # noqa: S608
    found = judge(lake, cite(lake, snapshot=first))
    assert found.verdict is Verdict.VERIFIED
    assert [table.name for table in found.tables] == ["ops.trips"]


@pytest.mark.parametrize(
    ("tolerance", "verdict"), [(0.01, Verdict.VERIFIED), (0.0001, Verdict.INPUT_CHANGED)]
)
def test_a_difference_within_the_tolerance_is_the_same_value(
    lake: Lake, tolerance: float, verdict: Verdict
) -> None:
    first = lake.publish(
        "ops.trips", "SELECT DATE '2013-02-08' AS day, 100.0::DOUBLE AS late", run_id="run-1"
    )
    lake.publish("ops.trips", "SELECT DATE '2013-02-08' AS day, 100.5::DOUBLE AS late", run_id="run-2")
    assert judge(lake, cite(lake, snapshot=first, tolerance=tolerance)).verdict is verdict


def test_another_definition_is_told_before_changed_data(lake: Lake) -> None:
    first = lake.publish("ops.trips", TRIPS, run_id="run-1")
    lake.publish("ops.trips", RESTATED, run_id="run-2")
    found = judge(lake, cite(lake, snapshot=first), definition_changed=True)
    assert found.verdict is Verdict.DEFINITION_CHANGED
    assert found.changed_count == 1


def test_chance_in_the_query_is_not_reproducible(lake: Lake) -> None:
    first = lake.publish("ops.trips", TRIPS, run_id="run-1")
    sql = "SELECT day AS period, random() AS value FROM ops.trips ORDER BY 1"
    found = judge(lake, cite(lake, sql=sql, snapshot=first))
    assert (found.verdict, found.recorded) == (Verdict.NOT_REPRODUCIBLE, Half.DIFFERENT)


def test_a_query_that_runs_no_more_is_not_reproducible(lake: Lake) -> None:
    first = lake.publish("ops.trips", TRIPS, run_id="run-1")
    cited = Cited(
        sql="SELECT day, gone_function(late) FROM ops.trips",
        parameters={},
        snapshot=first,
        result_hash="",
        values={},
    )
    found = judge(lake, cited)
    assert (found.verdict, found.recorded) == (Verdict.NOT_REPRODUCIBLE, Half.BROKEN)
    assert "gone_function" in found.words


def test_a_dropped_table_is_a_source_gone(lake: Lake) -> None:
    first = lake.publish("ops.trips", TRIPS, run_id="run-1")
    cited = cite(lake, snapshot=first)
    with lake.writer() as warehouse:
        warehouse.drop(["ops.trips"])
    found = judge(lake, cited)
    assert (found.verdict, found.recorded, found.newest) == (Verdict.SOURCE_GONE, Half.SAME, Half.GONE)
    assert [(table.name, table.rows_before, table.rows_after) for table in found.tables] == [
        ("ops.trips", 2, None)
    ]


def test_a_column_that_is_no_more_is_a_source_gone(lake: Lake) -> None:
    first = lake.publish("ops.trips", TRIPS, run_id="run-1")
    lake.publish("ops.trips", "SELECT DATE '2013-02-08' AS day", run_id="run-2")
    found = judge(lake, cite(lake, snapshot=first))
    assert found.verdict is Verdict.SOURCE_GONE
    assert "late" in found.words


def test_an_expired_snapshot_is_a_source_gone(lake: Lake) -> None:
    first = lake.publish("ops.trips", TRIPS, run_id="run-1")
    cited = cite(lake, snapshot=first)
    lake.publish("ops.trips", TRIPS, run_id="run-2")
    with lake.writer() as warehouse:
        warehouse._connection(None).execute(  # type: ignore[attr-defined]
            f"CALL ducklake_expire_snapshots('lake', versions => [{first}])"
        )
    found = judge(lake, cited)
    assert (found.verdict, found.recorded, found.newest) == (Verdict.SOURCE_GONE, Half.GONE, Half.SAME)
    assert str(first) in found.words


@pytest.mark.parametrize(("now", "verdict"), [(TRIPS, Verdict.VERIFIED), (RESTATED, Verdict.INPUT_CHANGED)])
def test_without_history_only_the_newest_data_are_asked(lake: Lake, now: str, verdict: Verdict) -> None:
    lake.publish("ops.trips", TRIPS, run_id="run-1")
    cited = cite(lake)
    lake.publish("ops.trips", now, run_id="run-2")
    found = judge(lake, cited)
    assert (found.verdict, found.recorded, found.snapshot) == (verdict, Half.NO_HISTORY, None)


def test_parameters_are_bound_again(lake: Lake) -> None:
    first = lake.publish("ops.trips", TRIPS, run_id="run-1")
    sql = "SELECT day AS period, late AS value FROM ops.trips WHERE late > $least"
    answer = lake.ask(sql, params={"least": 0.3})
    hashed = result_hash(answer.columns, answer.rows)
    cited = Cited(sql=sql, parameters={"least": 0.3}, snapshot=first, result_hash=hashed, values={})
    assert judge(lake, cited).verdict is Verdict.VERIFIED


def test_a_slow_query_is_no_verdict(lake: Lake) -> None:
    first = lake.publish("ops.trips", TRIPS, run_id="run-1")
    slow = "SELECT count(*) FROM range(100000000) a, range(100000) b, ops.trips"
    cited = Cited(sql=slow, parameters={}, snapshot=first, result_hash="", values={})
    with lake.reader() as warehouse, pytest.raises(QueryTimeout):
        rerun(warehouse, cited, timeout=0.2)


TABLE = "SELECT day, late FROM ops.trips"


def cite_table(
    lake: Lake, sql: str = TABLE, *, snapshot: int | None, kept: int = 100, **parameters: Any
) -> Cited:
    """Cite the answer of a query as its run keeps it: the first rows, and a hash over all of them."""
    answer = lake.ask(sql, params=parameters or None, snapshot=snapshot)
    cells = Cells()
    table = CitedRows(
        columns=answer.columns,
        rows=[cells.row(row) for row in answer.rows[:kept]],
        whole=len(answer.rows) <= kept,
        floats=frozenset({1}),
    )
    hashed = result_hash(answer.columns, answer.rows)
    return Cited(sql, parameters, snapshot, hashed, values={}, table=table)


def test_a_table_comes_out_again_in_any_order(lake: Lake) -> None:
    first = lake.publish("ops.trips", TRIPS, run_id="run-1")
    cited = cite_table(lake, f"{TABLE} ORDER BY day", snapshot=first)
    turned = replace(cited, sql=f"{TABLE} ORDER BY day DESC")
    assert judge(lake, turned).verdict is Verdict.VERIFIED
    # Of a table that was cut nobody can say that the rest is the same.
    unknown = replace(turned, table=replace(cast("CitedRows", turned.table), whole=False))
    assert judge(lake, unknown).verdict is Verdict.NOT_REPRODUCIBLE


def test_rows_that_came_and_went_are_named(lake: Lake) -> None:
    first = lake.publish("ops.trips", TRIPS, run_id="run-1")
    lake.publish("ops.trips", RESTATED, run_id="run-2")
    found = judge(lake, cite_table(lake, snapshot=first, kept=1))
    assert (found.verdict, found.changes) == (Verdict.INPUT_CHANGED, {})
    assert [table.name for table in found.tables] == ["ops.trips"]
    assert found.rows is not None
    assert (found.rows.before, found.rows.after) == ([["2013-02-09", "0.25"]], [["2013-02-09", "0.75"]])
    assert (found.rows.before_count, found.rows.after_count) == (1, 1)


def test_other_columns_are_a_change_without_rows(lake: Lake) -> None:
    first = lake.publish("ops.trips", TRIPS, run_id="run-1")
    lake.publish("ops.trips", f"SELECT *, 'a' AS word FROM ({TRIPS})", run_id="run-2")  # noqa: S608
    found = judge(lake, cite_table(lake, "SELECT * FROM ops.trips", snapshot=first))
    assert found.verdict is Verdict.INPUT_CHANGED
    assert found.rows is not None
    assert (found.rows.columns_after, found.rows.before) == (["day", "late", "word"], [])


def test_a_table_whose_snapshot_is_gone_is_compared_with_what_was_kept(lake: Lake) -> None:
    first = lake.publish("ops.trips", TRIPS, run_id="run-1")
    cited = cite_table(lake, snapshot=first)
    lake.publish("ops.trips", RESTATED, run_id="run-2")
    with lake.writer() as warehouse:
        warehouse._connection(None).execute(  # type: ignore[attr-defined]
            f"CALL ducklake_expire_snapshots('lake', versions => [{first}])"
        )
    found = judge(lake, cited)
    assert (found.verdict, found.recorded, found.newest) == (Verdict.SOURCE_GONE, Half.GONE, Half.DIFFERENT)
    assert found.rows is not None
    assert (found.rows.before_count, found.rows.after_count) == (1, 1)


@pytest.mark.parametrize(
    ("condition", "value"),
    [
        ("late > $p", 0.3),
        ("day >= $p", "2013-02-09"),
        ("day = ANY($p::DATE[])", ["2013-02-08"]),
        ("late IS NOT NULL AND $p", True),
        ("2 = $p", 2),
    ],
)
def test_parameters_keep_their_types_in_json(lake: Lake, condition: str, value: Any) -> None:
    first = lake.publish("ops.trips", TRIPS, run_id="run-1")
    sql = f"{TABLE} WHERE {condition}"
    cited = cite_table(lake, sql, snapshot=first, p=value)
    assert cited.table is not None
    assert cited.table.rows
    again = replace(cited, parameters=json.loads(json.dumps(dict(cited.parameters))))
    assert judge(lake, again).verdict is Verdict.VERIFIED
