"""Run a statement with DuckDB so that its errors become ours, in time and piece by piece."""

import contextlib
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

import duckdb

from portal.said import said
from portal.warehouse.errors import QueryFailed, QueryTimeout, QueryTooLarge, WarehouseError

# So many rows become Python's values at a time, so that a large answer is cut before it is all there.
_PIECE = 500
_PLACE = re.compile(r"^LINE (\d+): ", re.MULTILINE)


@contextlib.contextmanager
def interrupted_after(connection: duckdb.DuckDBPyConnection, seconds: float) -> Iterator[None]:
    """Stop what runs inside after so many seconds; raises QueryTimeout."""
    timer = threading.Timer(seconds, connection.interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    except duckdb.InterruptException:
        message = said(
            "The query took longer than %(seconds)s seconds and was stopped.", seconds=f"{seconds:g}"
        )
        raise QueryTimeout(message) from None
    finally:
        timer.cancel()


@contextlib.contextmanager
def as_query_error(sql: str = "") -> Iterator[None]:
    """Raise the engine's errors as ours; with ``sql`` they know their place in it."""
    try:
        yield
    except (duckdb.OutOfMemoryException, MemoryError) as exc:
        raise QueryTooLarge(said("The query needs more memory than it may have.")) from exc
    except (duckdb.IOException, duckdb.ConnectionException) as exc:
        raise WarehouseError(first_line(exc)) from exc
    except duckdb.Error as exc:
        line, column = _place(str(exc), sql)
        raise QueryFailed(first_line(exc), line=line, column=column) from exc


def one_select(connection: duckdb.DuckDBPyConnection, sql: str) -> duckdb.Statement:
    """Return the statement, which must be a single SELECT."""
    statements = connection.extract_statements(sql)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise QueryFailed(said("A query is one SELECT."))
    return statements[0]


def fetch(
    cursor: duckdb.DuckDBPyConnection,
    *,
    limit: int,
    watch: Callable[[list[tuple[Any, ...]]], None] | None,
) -> tuple[list[tuple[Any, ...]], bool]:
    """Return the first rows, at most so many, and whether there were more."""
    rows: list[tuple[Any, ...]] = []
    while len(rows) <= limit and (piece := cursor.fetchmany(_PIECE)):
        if watch is not None:
            watch(piece)
        rows += piece
    return rows[:limit], len(rows) > limit


def first_line(error: Exception) -> str:
    """Return the first line of what the engine said."""
    return str(error).strip().splitlines()[0]


def _place(message: str, sql: str) -> tuple[int | None, int | None]:
    """Read where the engine points: a line «LINE 3: …», below it a caret under the place.

    It shows a piece of a long line only; where that piece cannot be found again only the line is told.
    """
    found = _PLACE.search(message)
    if found is None:
        return None, None
    number = int(found[1])
    shown, _, rest = message[found.start() :].partition("\n")
    caret = rest.partition("\n")[0].find("^")
    lines = sql.splitlines()
    if caret < 0 or number > len(lines):
        return number, None
    before = len(found[0])
    piece = shown[before:].removeprefix("...").removesuffix("...")
    begins = lines[number - 1].find(piece)
    if begins < 0:
        return number, None
    skipped = 3 if shown[before:].startswith("...") else 0
    return number, begins + caret - before - skipped + 1
