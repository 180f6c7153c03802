"""Profiles and samples by DuckDB: what a column holds, without showing whom."""

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence

import duckdb

from portal.warehouse.asking import relation, some
from portal.warehouse.cells import Cells
from portal.warehouse.checks import quoted_name
from portal.warehouse.personal import looks_personal, mask
from portal.warehouse.port import ColumnInfo, ColumnProfile, StagedTable, Table

BARS = 12
# So many values of a column are looked at to judge whether it is personal.
_LOOK = 500
# Up to so many rows distinct values are counted one by one, beyond it they are estimated (within some 2 %).
_EXACT = 2_000_000
# Of larger relations so many rows, or fewer where there are many columns, stand for all in its bars.
_MANY = 100_000
_CELLS = 1_000_000
# The whole type: a list of numbers (BIGINT[]) is none.
_NUMBERS = re.compile(r"U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL\(\d+, ?\d+\)")
_TIMES = re.compile(r"DATE|TIMESTAMP(_S|_MS|_NS| WITH TIME ZONE)?")
# The longest text of a sample's cell: what is shown beside others needs no more, and samples of many tables
# travel in one message.
_SAMPLED = 300


def profile(
    connection: duckdb.DuckDBPyConnection,
    source: StagedTable | str,
    columns: Sequence[ColumnInfo],
    personal: Mapping[str, bool],
) -> list[ColumnProfile]:
    """Describe each column: one pass counts, another one picks the rows that show the rest."""
    rows = relation(source)
    (size,) = connection.execute(f"SELECT count(*) FROM {rows}").fetchone() or (0,)  # noqa: S608
    measured = _measured(connection, rows, columns, size)
    with _picked(connection, source, columns, size) as picked:
        hidden = _personal(connection, rows, columns, personal, picked)
        described = []
        for column, (filled, distinct, low, high) in zip(columns, measured, strict=True):
            shown = column.name not in hidden
            described.append(
                ColumnProfile(
                    name=column.name,
                    data_type=column.data_type,
                    personal=not shown,
                    null_fraction=1 - filled / size if size else None,
                    distinct_count=min(distinct, filled),
                    minimum=(low or "")[:200] if shown else "",
                    maximum=(high or "")[:200] if shown else "",
                    histogram=_histogram(connection, picked, column) if shown and filled else [],
                )
            )
    return described


def sample(
    connection: duckdb.DuckDBPyConnection,
    rows: str,
    columns: Sequence[ColumnInfo],
    personal: Mapping[str, bool],
    *,
    limit: int,
) -> Table:
    """Return some rows, spread over the relation and the same each time, personal values masked."""
    hidden = _personal(connection, rows, columns, personal)
    found = connection.execute(
        f"SELECT * FROM {rows} USING SAMPLE reservoir({int(limit)} ROWS) REPEATABLE (7)"  # noqa: S608
    ).fetchall()
    shown = Cells(longest=_SAMPLED)
    cells = [
        tuple(
            mask(value) if column.name in hidden else shown.cell(value)
            for column, value in zip(columns, row, strict=True)
        )
        for row in found
    ]
    return Table(columns=tuple(column.name for column in columns), rows=cells)


def _measured(
    connection: duckdb.DuckDBPyConnection, rows: str, columns: Sequence[ColumnInfo], size: int
) -> list[tuple[int, int, str | None, str | None]]:
    """Return of each column how many values and different values it has, its lowest and its highest."""
    distinct = "count(DISTINCT {})" if size <= _EXACT else "approx_count_distinct({})"
    parts = ", ".join(
        f"count({name}), {distinct.format(name)}, CAST(min({name}) AS VARCHAR), CAST(max({name}) AS VARCHAR)"
        for name in (quoted_name(column.name) for column in columns)
    )
    found = connection.execute(f"SELECT {parts} FROM {rows}").fetchone() or ()  # noqa: S608
    return [found[index : index + 4] for index in range(0, len(found), 4)]


@contextlib.contextmanager
def _picked(
    connection: duckdb.DuckDBPyConnection,
    source: StagedTable | str,
    columns: Sequence[ColumnInfo],
    size: int,
) -> Iterator[str]:
    """Give a relation of some of the rows; of all, if they are few."""
    most = max(_LOOK * 10, min(_MANY, _CELLS // len(columns)))
    if size <= most:
        yield relation(source)
        return
    chosen = some(source, size=size, most=most)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE picked AS {chosen}")
    try:
        yield "temp.picked"
    finally:
        connection.execute("DROP TABLE temp.picked")


def _personal(
    connection: duckdb.DuckDBPyConnection,
    rows: str,
    columns: Sequence[ColumnInfo],
    classified: Mapping[str, bool],
    picked: str = "",
) -> set[str]:
    hidden = {name for name, personal in classified.items() if personal}
    for column in columns:
        if column.name in classified:
            continue
        if looks_personal(column.name, _values(connection, rows, column, picked)):
            hidden.add(column.name)
    return hidden


def _values(
    connection: duckdb.DuckDBPyConnection, rows: str, column: ColumnInfo, picked: str = ""
) -> list[str]:
    """Return some different values of a column as texts."""
    name = quoted_name(column.name)
    few = f"SELECT {name} FROM {picked or rows} USING SAMPLE reservoir({_LOOK * 10} ROWS) REPEATABLE (7)"  # noqa: S608
    distinct = (
        f"SELECT CAST(v AS VARCHAR) FROM (SELECT DISTINCT {name} AS v FROM {{}}"  # noqa: S608
        f" WHERE {name} IS NOT NULL LIMIT {_LOOK})"
    )
    found = connection.execute(distinct.format(f"({few})")).fetchall()
    if len(found) < _LOOK // 10:
        # A column that is mostly empty, or has few values: then all of them are soon found.
        found = connection.execute(distinct.format(rows)).fetchall()
    return [value for (value,) in found]


def _histogram(connection: duckdb.DuckDBPyConnection, rows: str, column: ColumnInfo) -> list[float]:
    name = quoted_name(column.name)
    if _NUMBERS.fullmatch(column.data_type):
        return _ranges(connection, rows, f"CAST({name} AS DOUBLE)")
    if _TIMES.fullmatch(column.data_type):
        return _ranges(connection, rows, f"epoch({name})")
    counts = connection.execute(
        f"SELECT count(*) FROM {rows} WHERE {name} IS NOT NULL GROUP BY {name} ORDER BY 1 DESC LIMIT {BARS}"  # noqa: S608
    ).fetchall()
    return _relative([count for (count,) in counts])


def _ranges(connection: duckdb.DuckDBPyConnection, rows: str, value: str) -> list[float]:
    counts = connection.execute(
        f"WITH v AS (SELECT {value} AS v FROM {rows} WHERE {value} IS NOT NULL AND isfinite({value})),"  # noqa: S608
        " b AS (SELECT min(v) AS low, max(v) AS high FROM v)"
        # least() passes over NULL, so that a range without width must be told beforehand.
        " SELECT CASE WHEN high > low THEN"
        f" CAST(least(floor((v - low) / (high - low) * {BARS}), {BARS - 1}) AS INTEGER) END, count(*)"
        " FROM v, b GROUP BY 1"
    ).fetchall()
    bars = dict(counts)
    if set(bars) == {None}:  # Every value is the same one.
        return [1.0]
    return _relative([bars.get(index, 0) for index in range(BARS)]) if bars else []


def _relative(counts: Sequence[int]) -> list[float]:
    highest = max(counts, default=0)
    return [round(count / highest, 4) for count in counts] if highest else []
