"""The lake takes a staged file over as it is: rows are written once, and every file is one that it names."""

import contextlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from django.conf import settings

from portal.warehouse import checks
from portal.warehouse.errors import ColumnsChanged, StalePublish
from portal.warehouse.port import How, StagedTable
from tests.lake import Lake

TARGET = "ops.days"
MANY = "SELECT range AS n, 'day-' || range % 3 AS day FROM range(1000)"


def put(lake: Lake, sql: str, how: How, *, run: str) -> StagedTable:
    with lake.writer() as warehouse:
        staged = replace(lake.stage(warehouse, TARGET, sql), how=how)
        warehouse.publish([staged], run_id=run, fence=1)
    return staged


def files() -> set[str]:
    return {
        path.name
        for path in (Path(settings.LAKE_DATA) / "ops" / "days").glob("*")
        if "delete" not in path.name
    }


def named(lake: Lake) -> dict[str, bool]:
    """Return the files that the lake's catalog names, and whether by a path inside the lake."""
    with contextlib.closing(psycopg2.connect(settings.LAKE_URL)) as server, server.cursor() as cursor:
        cursor.execute(
            f"SELECT d.path, d.path_is_relative FROM {lake.schema}.ducklake_data_file d"  # noqa: S608
            f" JOIN {lake.schema}.ducklake_table t USING (table_id) WHERE table_name = 'days'"
        )
        return dict(cursor.fetchall())


def totals(lake: Lake, **options: Any) -> tuple[Any, ...]:
    return lake.ask("SELECT count(*), sum(n), count(DISTINCT day) FROM ops.days", **options).rows[0]


def test_the_staged_file_itself_becomes_the_tables(lake: Lake) -> None:
    staged = put(lake, MANY, How(), run="run-1")
    (name,) = files()
    assert (Path(settings.LAKE_DATA) / "ops" / "days" / name).stat().st_ino == staged.path.stat().st_ino
    # Inside the lake's folder, so that the folder can be moved.
    assert named(lake) == {name: True}
    staged.path.unlink()
    assert totals(lake) == (1000, 499_500, 3)


def test_on_another_disk_it_is_copied(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_link(*_: Any) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(Path, "hardlink_to", no_link)
    put(lake, MANY, How(), run="run-1").path.unlink()
    assert totals(lake) == (1000, 499_500, 3)


def test_every_mode_takes_files(lake: Lake) -> None:
    put(lake, MANY, How(drift="refuse"), run="run-1")
    with lake.reader() as warehouse:
        first = warehouse.snapshot()
    by_day = How("partition", ("day",), "day-1", drift="refuse")
    put(lake, "SELECT 1::BIGINT AS n, 'day-1' AS day FROM range(20)", by_day, run="run-2")
    assert totals(lake)[::2] == (667 + 20, 3)
    assert lake.ask("SELECT count(*), sum(n) FROM ops.days WHERE day = 'day-1'").rows == [(20, 20)]
    upsert = How("upsert", ("n",), drift="refuse")
    put(lake, "SELECT range AS n, 'new' AS day FROM range(500, 1500)", upsert, run="run-3")
    assert lake.ask("SELECT count(*), min(n) FROM ops.days WHERE day = 'new'").rows == [(1000, 500)]
    assert lake.ask("SELECT count(*) FROM ops.days WHERE n >= 500 AND day <> 'new'").rows == [(0,)]
    # Columns in another order, and one more: it is empty in older rows.
    more = "SELECT 'more' AS day, 7 AS extra, range AS n FROM range(5000, 5100)"
    put(lake, more, How("upsert", ("n",), drift="add"), run="run-4")
    assert lake.ask(
        "SELECT day, extra, count(*) FROM ops.days WHERE n >= 1499 GROUP BY ALL ORDER BY 1"
    ).rows == [
        ("more", 7, 100),
        ("new", None, 1),
    ]
    with pytest.raises(ColumnsChanged, match="missing"):
        put(lake, MANY, How(drift="refuse"), run="run-5")
    put(lake, "SELECT 'last' AS day, 7 AS extra, range AS n FROM range(50)", How(drift="refuse"), run="run-6")
    with lake.reader() as warehouse:
        assert [each.name for each in warehouse.columns(TARGET)] == ["n", "day", "extra"]
    assert totals(lake) == (50, 1225, 1)
    assert totals(lake, snapshot=first) == (1000, 499_500, 3)
    assert files() == set(named(lake))


def test_what_is_not_published_leaves_no_file(lake: Lake) -> None:
    put(lake, MANY, How(), run="run-2")
    before = files()
    with pytest.raises(StalePublish):
        put(lake, MANY, How(), run="run-1")
    with lake.writer() as warehouse:
        # The first is placed before the second one fails.
        staged = [
            replace(lake.stage(warehouse, TARGET, MANY), how=How()),
            replace(lake.stage(warehouse, "ops.words", "SELECT 1 AS n FROM range(20)"), how=How()),
        ]
        warehouse.publish(staged, run_id="run-3", fence=1)
        staged[1] = replace(lake.stage(warehouse, "ops.words", "SELECT 'a' AS m"), how=How(drift="refuse"))
        with pytest.raises(ColumnsChanged):
            warehouse.publish(staged, run_id="run-4", fence=1)
    assert len(files()) == 2
    assert files() == before | set(named(lake))


def test_publishers_in_each_others_way_leave_no_file(lake: Lake) -> None:
    def some(worker: int) -> None:
        with lake.writer() as warehouse:
            for turn in range(4):
                how = How("append", drift="refuse")
                run = f"run-{worker}-{turn}"
                sql = f"SELECT range AS n, '{worker}' AS day, '{run}' AS _run_id FROM range(50)"  # noqa: S608
                staged = replace(lake.stage(warehouse, TARGET, sql), how=how)
                warehouse.publish([staged], run_id=run, fence=1)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(some, range(3)))
    assert totals(lake)[0] == 3 * 4 * 50
    assert files() == set(named(lake))


def test_a_type_that_files_name_otherwise_is_written_anew(lake: Lake) -> None:
    put(lake, "SELECT TIMETZ '10:00:00+00' AS n, 'a' AS day FROM range(20)", How(), run="run-1")
    assert lake.ask("SELECT count(*) FROM ops.days WHERE n = TIMETZ '10:00:00+00'").rows == [(20,)]


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ("range", None),
        ("-range", None),
        ("range % 999", "2 of 1,000 rows"),
        ("CASE WHEN range > 997 THEN NULL ELSE range END", "2 of 1,000 rows"),
        ("CASE WHEN range > 998 THEN NULL ELSE range END", None),
        ("CASE WHEN range = 0 THEN 5 ELSE range END", "2 of 1,000 rows"),
        ("CASE WHEN range > 997 THEN 'NaN'::DOUBLE ELSE range END", "2 of 1,000 rows"),
    ],
)
def test_a_key_that_rises_is_told_from_one_that_does_not(lake: Lake, values: str, found: str | None) -> None:
    with lake.writer() as warehouse:
        staged = lake.stage(warehouse, TARGET, f"SELECT {values} AS n FROM range(1000)")  # noqa: S608
        (result,) = warehouse.check(staged, [checks.unique("n")])
    assert (result.passed, result.observed) == (found is None, found or "none")


def test_a_large_table_is_described_by_some_of_its_rows(lake: Lake) -> None:
    sql = (
        "SELECT range AS n, CASE WHEN range % 4 = 0 THEN NULL ELSE 'day-' || range % 2 END AS day,"
        " CASE WHEN range = 149999 THEN 'ann@example.com' END AS note FROM range(150000)"
    )
    with lake.writer() as warehouse:
        staged = lake.stage(warehouse, TARGET, sql)
        number, day, note = warehouse.profile(staged)
        assert warehouse.profile(staged) == [number, day, note]
    assert (number.minimum, number.maximum, number.distinct_count) == ("0", "149999", 150_000)
    assert min(number.histogram) > 0.9
    assert (day.null_fraction, day.distinct_count) == (0.25, 2)
    assert day.histogram == [1.0, pytest.approx(0.5, abs=0.05)]
    # Even one address among so many empty values is found.
    assert note.personal
