"""Read whichever source the configuration names into one file of the run's folder."""

import time
from pathlib import Path

from jobs.choices import ErrorClass
from jobs.runners.base import Context
from jobs.runners.extraction import http_pages, mysql, postgresql
from jobs.runners.extraction.extracted import Extracted, ExtractError, TooLarge, write_rows
from jobs.runners.extraction.models import External, HttpApi, MySql, PostgreSql
from jobs.runners.extraction.statements import RefusedStatement, select_from, select_of
from portal.said import said, said_of


def extract(
    context: Context, source: External, *, partition: str | None, column: str, folder: Path
) -> Extracted:
    """Copy the rows; of a table only those of the partition, by its ``column``. Raises ExtractError."""
    began = time.monotonic()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / "extracted"
    try:
        found = _copied(context, source, partition, column, path)
    except TooLarge as error:
        raise ExtractError(source.place, said_of(error), ErrorClass.SETTINGS) from error
    seconds = time.monotonic() - began
    context.log.info("%s: %s rows in %.2f s", source.place, f"{found.rows:,}", seconds)
    return found


def _copied(context: Context, source: External, partition: str | None, column: str, path: Path) -> Extracted:
    match source:
        case HttpApi():
            return http_pages.extract(context, source, partition, path)
        case PostgreSql():
            return postgresql.extract(context, source, _select(source, partition, column), path)
    return mysql.extract(context, source, _select(source, partition, column), path)


def empty(source: External, found: Extracted, names: list[str]) -> Extracted:
    """Return a copy without rows that has at least its columns; raises ExtractError where none are known."""
    if not names:
        reason = said("there are no records; declare the columns, so that an empty table can be made")
        raise ExtractError(source.place, reason, ErrorClass.BAD_INPUT)
    with found.path.open("w", encoding="utf-8", newline="") as file:
        write_rows(file, names, [])
    return Extracted(found.path, "csv", 0)


def _select(source: PostgreSql | MySql, partition: str | None, column: str) -> str:
    if not source.table:
        try:
            return select_of(source.sql, dialect=source.dialect, partition=partition)
        except RefusedStatement as error:
            raise ExtractError(source.place, said_of(error), ErrorClass.SETTINGS) from error
    return select_from(
        source.table,
        list(source.columns),
        dialect=source.dialect,
        partition=None if partition is None else (column, partition),
    )
