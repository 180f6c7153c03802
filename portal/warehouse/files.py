"""Read files of people's making strictly into staging: every deviation is named by file, line and column."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import duckdb

from portal.said import said
from portal.warehouse import csv_files, json_files, keeping, parquet_files, staging
from portal.warehouse.checks import literal, quoted_name
from portal.warehouse.errors import BadRow, Unit
from portal.warehouse.guarding import is_outage
from portal.warehouse.lines import place_of_json, place_of_record
from portal.warehouse.port import FileSource, StagedTable
from portal.warehouse.reading import Reading, unreadable
from portal.warehouse.recoding import in_utf_8

_READERS: Final = {"csv": csv_files.read, "json": json_files.read, "parquet": parquet_files.read}


def stage(
    connection: duckdb.DuckDBPyConnection,
    source: FileSource,
    *,
    target: str,
    folder: Path,
    derived: Mapping[str, tuple[str, str]] | None = None,
) -> StagedTable:
    """Read the files into one staged table; raises BadRow, MissingInput.

    ``derived`` adds columns as (type, expression over the others), empty where it gives no such value.
    """
    for file in source.files:
        if file.path.stat().st_size == 0:
            raise BadRow(file=file.name, line=1, column="", reason=said("the file is empty"))
    folder.mkdir(parents=True, exist_ok=True)
    source = in_utf_8(source, folder)
    added = {name: f"CAST({literal(str(value))} AS {kind})" for name, (kind, value) in source.added.items()}
    for name, (kind, expression) in (derived or {}).items():
        added[name] = f"TRY(CAST({expression} AS {kind}))"
    more = "".join(f", {value} AS {quoted_name(name)}" for name, value in added.items())
    reading = reading_of(connection, source)
    try:
        sql = f"SELECT *{more} FROM ({reading.sql(source.files)})"  # noqa: S608
        path = staging.write(connection, sql, target=target, folder=folder)
    except (duckdb.InterruptException, duckdb.OutOfMemoryException):
        raise
    except duckdb.Error as error:
        if is_outage(error):
            raise
        staging.forget_rejects(connection)
        require_readable(connection, source, reading)
        raise
    if source.format == "csv" and (reject := staging.first_reject(connection, source.files)):
        raise reject
    return staging.staged_at(connection, path, target=target, files=source)


def reading_of(connection: duckdb.DuckDBPyConnection, source: FileSource) -> Reading:
    """Return how the files are read; raises BadRow, MissingInput."""
    return _READERS[source.format](connection, source)


def require_readable(connection: duckdb.DuckDBPyConnection, source: FileSource, reading: Reading) -> None:
    """Raise BadRow or MissingInput for the first file that cannot be read to its end."""
    for file in source.files:
        alone = replace(source, files=(file,))
        try:
            refused = keeping.first_refused(connection, reading.rows([file]), reading.columns)
        except (duckdb.InterruptException, duckdb.OutOfMemoryException):
            raise
        except duckdb.Error as error:
            if is_outage(error):
                raise
            raise unreadable(file, error) from error
        reject = staging.first_reject(connection, [file]) if source.format == "csv" else None
        # Rows are counted without the rejected lines: what comes after one of these is placed too early, but
        # never before it.
        faults = [fault for fault in (reject, _bad_row(alone, refused) if refused else None) if fault]
        if faults:
            raise min(faults, key=lambda each: each.line)


def _bad_row(source: FileSource, refused: keeping.Refused) -> BadRow:
    (file,) = source.files
    unit: Unit = "row"
    line = refused.number + 1
    if source.format == "csv":
        unit, line = "line", (place_of_record(source, refused.number) or ("", line))[1]
    if source.format == "json":
        unit, line = place_of_json(file.path, refused.number)
    return BadRow(file=file.name, line=line, column=refused.column, reason=refused.reason, unit=unit)
