"""Write rows to staging, and find again where in a file a row stands."""

from collections.abc import Sequence
from pathlib import Path

import duckdb

from portal.warehouse import asking
from portal.warehouse.checks import literal
from portal.warehouse.errors import BadRow
from portal.warehouse.lines import line_of_byte, place_of_record
from portal.warehouse.port import Check, CheckResult, FileSource, SourceFile, StagedTable

_REJECTS = (
    "SELECT s.file_path, e.line_byte_position, coalesce(e.column_name, ''), e.error_message"
    " FROM reject_errors e JOIN reject_scans s USING (scan_id, file_id)"
    " ORDER BY s.scan_id, s.file_id, e.line_byte_position, e.column_idx LIMIT 1"
)


def write(connection: duckdb.DuckDBPyConnection, sql: str, *, target: str, folder: Path) -> Path:
    """Write what a SELECT returns into a Parquet file and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{target}.parquet"
    # The second version's encodings take less time and a third less room, to write and to read.
    how = "FORMAT parquet, PARQUET_VERSION v2, COMPRESSION snappy"
    connection.execute(f"COPY ({sql}) TO {literal(str(path))} ({how})")
    return path


def staged_at(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    *,
    target: str,
    files: FileSource | None = None,
) -> StagedTable:
    """Describe a staged file."""
    rows = f"read_parquet({literal(str(path))})"
    (count,) = asking.one(connection, f"SELECT count(*) FROM {rows}")  # noqa: S608
    columns = tuple(asking.columns(connection, rows))
    return StagedTable(target=target, path=path, columns=columns, row_count=count, files=files)


def first_reject(connection: duckdb.DuckDBPyConnection, files: Sequence[SourceFile]) -> BadRow | None:
    """Return the first row that the last reading of CSV files has rejected."""
    first = connection.execute(_REJECTS).fetchone()
    forget_rejects(connection)
    if first is None:
        return None
    path, position, column, message = first
    file = next((each for each in files if str(each.path) == path), SourceFile(Path(path).name, Path(path)))
    line = line_of_byte(file.path, position)
    return BadRow(file=file.name, line=line, column=column, reason=message.strip().splitlines()[0])


def forget_rejects(connection: duckdb.DuckDBPyConnection) -> None:
    """Forget what readings of CSV files have rejected so far."""
    connection.execute("DROP TABLE IF EXISTS reject_errors; DROP TABLE IF EXISTS reject_scans")


def first_row(connection: duckdb.DuckDBPyConnection, staged: StagedTable, condition: str) -> int | None:
    """Return the number (from 0) of the first staged row for which the condition holds."""
    rows = f"read_parquet({literal(str(staged.path))}, file_row_number = true)"
    judged = f"SELECT file_row_number, ({condition}) AS bad FROM {rows}"  # noqa: S608
    number: int | None = asking.one(
        connection,
        f"SELECT min(file_row_number) FILTER (bad) FROM ({judged})",  # noqa: S608
    )[0]
    return number


def put(
    connection: duckdb.DuckDBPyConnection, source: StagedTable | str, wanted: Sequence[Check]
) -> list[CheckResult]:
    """Put checks to staged rows or a published table; those that look at each row alone in one pass."""
    rows = asking.relation(source)
    counts = iter(_counts(connection, rows, [check for check in wanted if check.of_each_row]))
    return [
        _result(connection, source, check, next(counts) if check.of_each_row else None) for check in wanted
    ]


def _counts(
    connection: duckdb.DuckDBPyConnection, rows: str, wanted: Sequence[Check]
) -> list[tuple[int, int]]:
    """Return for each check how many rows are bad, of how many."""
    if not wanted:
        return []
    # The condition may hold a window, which FILTER does not take.
    bad = ", ".join(f"({check.violations}) AS b{index}" for index, check in enumerate(wanted))
    counts = ", ".join(f"count(*) FILTER (b{index})" for index in range(len(wanted)))
    *found, total = asking.one(connection, f"SELECT {counts}, count(*) FROM (SELECT {bad} FROM {rows})")  # noqa: S608
    return [(count, total) for count in found]


def _result(
    connection: duckdb.DuckDBPyConnection,
    source: StagedTable | str,
    check: Check,
    counted: tuple[int, int] | None,
) -> CheckResult:
    rows = asking.relation(source)
    place: tuple[str, int] | None = None
    if check.sql:
        passed, observed = asking.one(connection, check.sql.replace("{rows}", rows))
    elif any(asking.one(connection, quick.replace("{rows}", rows))[0] for quick in check.quick):
        passed, observed = True, ""
    else:
        ((count, total),) = [counted] if counted else _counts(connection, rows, [check])
        passed, observed = count == 0, f"{count:,} of {total:,} rows"
        if count and isinstance(source, StagedTable):
            place = _place(connection, source, check.violations)
    return CheckResult(
        name=check.name,
        passed=bool(passed),
        observed="none" if passed and not check.sql else str(observed),
        expected=check.expected,
        blocking=check.blocking,
        file=place[0] if place else "",
        line=place[1] if place else None,
    )


def _place(
    connection: duckdb.DuckDBPyConnection, staged: StagedTable, condition: str
) -> tuple[str, int] | None:
    if staged.files is None:
        return None
    number = first_row(connection, staged, condition)
    return place_of_record(staged.files, number) if number is not None else None
