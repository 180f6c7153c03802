"""Compute a number or a table again, at its recorded snapshot and at the newest, and judge the outcome.

Nothing here writes. It works on the warehouse port and therefore belongs into a run's body.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isclose
from typing import Any

from pydantic import BaseModel

from portal.evidence.choices import Half, Verdict
from portal.evidence.differing import RowDifference, difference
from portal.evidence.hashing import MOST_ROWS, result_hash
from portal.warehouse.cells import Cells
from portal.warehouse.errors import QueryFailed, SnapshotGone
from portal.warehouse.port import Table, Warehouse

# So many changed values are kept, the newest; their number is exact.
_MOST_CHANGES = 400
# Engines add floats in any order; what is closer than this is the same sum.
_NOISE = 1e-9

Values = Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class CitedRows:
    """The table that evidence shows; ``whole`` says that no row of the answer is missing in ``rows``.

    ``floats`` are the places of the columns whose values count within the noise of adding them up.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    whole: bool
    floats: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Cited:
    """What evidence says: of a series its numbers as they are shown, by their first day; else its table.

    ``tolerance`` is the relative difference that still counts as the same value.
    """

    sql: str
    parameters: Mapping[str, Any]
    snapshot: int | None
    result_hash: str
    values: Values
    tolerance: float = 0.0
    table: CitedRows | None = None


class ChangedTable(BaseModel):
    """A table that does not hold what it held; without ``rows_after`` it is gone."""

    name: str
    rows_before: int | None
    rows_after: int | None


class Change(BaseModel):
    """A value that is another one now; None where there is none."""

    before: float | None
    after: float | None


class Findings(BaseModel):
    """How both computations went and what follows; ``snapshot`` is the newest one that was read.

    ``changes`` are those of a series, ``rows`` those of a table.
    """

    verdict: Verdict
    recorded: Half
    newest: Half
    snapshot: int | None
    engine: str
    reads: list[str] = []
    tables: list[ChangedTable] = []
    changes: dict[str, Change] = {}
    changed_count: int = 0
    rows: RowDifference | None = None
    words: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one computation went: its values by first day, or its table; the engine's words where it failed."""

    half: Half
    values: Values | None = None
    columns: tuple[str, ...] = ()
    rows: Sequence[Sequence[Any]] | None = None
    words: str = ""


def rerun(warehouse: Warehouse, cited: Cited, *, timeout: float = 120.0) -> Outcome:
    """Run the query at the snapshot that it was recorded at."""
    if cited.snapshot is None:
        return Outcome(Half.NO_HISTORY)
    try:
        answer = _ask(warehouse, cited, snapshot=cited.snapshot, timeout=timeout)
    except SnapshotGone as error:
        return Outcome(Half.GONE, words=str(error))
    except QueryFailed as error:
        return Outcome(Half.BROKEN, words=str(error))
    return _outcome(answer, cited)


def compare(
    warehouse: Warehouse, cited: Cited, recorded: Outcome, *, definition_changed: bool, timeout: float = 120.0
) -> Findings:
    """Run the query on the newest data and judge both outcomes."""
    newest_snapshot = None if cited.snapshot is None else warehouse.snapshot()
    if newest_snapshot is not None and newest_snapshot == cited.snapshot:
        newest, tables = recorded, []
    else:
        newest = _newest(warehouse, cited, snapshot=newest_snapshot, timeout=timeout)
        tables = _changed_tables(warehouse, cited, newest_snapshot)
    changes = {}
    if cited.table is None:
        changes = _changes(cited.values or recorded.values or {}, newest.values, cited.tolerance)
    verdict = _verdict(recorded.half, newest.half, tables, definition_changed=definition_changed)
    return Findings(
        verdict=verdict,
        recorded=recorded.half,
        newest=newest.half,
        snapshot=newest_snapshot,
        engine=warehouse.engine,
        reads=warehouse.reads(cited.sql),
        tables=tables,
        changes=dict(sorted(changes.items(), reverse=True)[:_MOST_CHANGES]),
        changed_count=len(changes),
        rows=_changed_rows(cited.table, recorded, newest) if cited.table else None,
        words=recorded.words or newest.words,
    )


def _verdict(
    recorded: Half, newest: Half, tables: list[ChangedTable], *, definition_changed: bool
) -> Verdict:
    # The gravest first: a number that does not come out of its own data needs no further question.
    if recorded in {Half.DIFFERENT, Half.BROKEN}:
        return Verdict.NOT_REPRODUCIBLE
    if Half.GONE in {recorded, newest}:
        return Verdict.SOURCE_GONE
    if definition_changed:
        return Verdict.DEFINITION_CHANGED
    if newest is not Half.DIFFERENT:
        return Verdict.VERIFIED
    # With history the data must have changed to give another value; without, nothing else can be said.
    return Verdict.INPUT_CHANGED if tables or recorded is Half.NO_HISTORY else Verdict.NOT_REPRODUCIBLE


def _ask(warehouse: Warehouse, cited: Cited, *, snapshot: int | None, timeout: float) -> Table:
    parameters = dict(cited.parameters) or None
    return warehouse.query(cited.sql, parameters, limit=MOST_ROWS, timeout=timeout, snapshot=snapshot)


def _newest(warehouse: Warehouse, cited: Cited, *, snapshot: int | None, timeout: float) -> Outcome:
    try:
        answer = _ask(warehouse, cited, snapshot=snapshot, timeout=timeout)
    except QueryFailed as error:
        # It ran on the old data, so what it reads is not there any more, or not in that shape.
        return Outcome(Half.GONE, words=str(error))
    return _outcome(answer, cited)


def _outcome(answer: Table, cited: Cited) -> Outcome:
    same = result_hash(answer.columns, answer.rows) == cited.result_hash
    if cited.table is not None:
        rows = _plain(answer)
        same = same or _same_rows(cited.table, answer.columns, rows)
        return Outcome(Half.SAME if same else Half.DIFFERENT, columns=answer.columns, rows=rows)
    values = _values(answer)
    same = same or (bool(cited.values) and not _changes(cited.values, values, cited.tolerance))
    return Outcome(Half.SAME if same else Half.DIFFERENT, values)


def _plain(answer: Table) -> list[list[Any]]:
    cells = Cells()
    return [cells.row(row) for row in answer.rows]


def _same_rows(table: CitedRows, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> bool:
    """Say whether it is the same table in another order, as far as its rows have been kept to say so."""
    return (
        table.whole
        and list(table.columns) == list(columns)
        and len(table.rows) == len(rows)
        and difference(columns, table.rows, rows, floats=table.floats).is_empty
    )


def _changed_rows(table: CitedRows, recorded: Outcome, newest: Outcome) -> RowDifference | None:
    """Return what the newest table has and has not; None where one of the two is not known as a whole."""
    if newest.rows is None:
        return None
    columns = list(table.columns)
    if columns != list(newest.columns):
        return RowDifference(columns=columns, columns_after=list(newest.columns))
    # What was just computed from the recorded data is whole; what was kept may have been cut.
    before = recorded.rows if recorded.half is Half.SAME and recorded.rows is not None else None
    if before is None and table.whole:
        before = table.rows
    if before is None:
        return None
    return difference(columns, before, newest.rows, floats=table.floats)


def _values(answer: Table) -> Values:
    return {_period(row[0]): None if row[1] is None else float(row[1]) for row in answer.rows}


def _period(cell: Any) -> str:
    if isinstance(cell, dt.datetime):
        return cell.date().isoformat()
    return cell.isoformat() if isinstance(cell, dt.date) else str(cell)


def _changes(before: Values, after: Values | None, tolerance: float) -> dict[str, Change]:
    if after is None:
        return {}
    return {
        period: Change(before=before.get(period), after=after.get(period))
        for period in before.keys() | after.keys()
        if (period in before) != (period in after)
        or not _close(before.get(period), after.get(period), tolerance)
    }


def _close(before: float | None, after: float | None, tolerance: float) -> bool:
    if before is None or after is None:
        return before is after
    return isclose(before, after, rel_tol=max(tolerance, _NOISE), abs_tol=1e-15)


def _changed_tables(warehouse: Warehouse, cited: Cited, newest: int | None) -> list[ChangedTable]:
    if cited.snapshot is None:
        return []
    changed = []
    for table in warehouse.reads(cited.sql):
        try:
            before = warehouse.fingerprint(table, snapshot=cited.snapshot)
        except (QueryFailed, SnapshotGone):
            before = None
        try:
            after = warehouse.fingerprint(table, snapshot=newest)
        except QueryFailed:
            after = None
        # Where the old snapshot is gone nobody can say whether it changed: only what is missing is named.
        if after is None or (before is not None and before != after):
            changed.append(
                ChangedTable(
                    name=table,
                    rows_before=before.row_count if before else None,
                    rows_after=after.row_count if after else None,
                )
            )
    return changed
