"""Run a statement with DuckDB so that its errors become ours, in time and piece by piece."""

import contextlib
import re
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import duckdb

from portal.said import said
from portal.warehouse.errors import QueryFailed, QueryTimeout, QueryTooLarge, WarehouseError

# So many rows become Python's values at a time, so that a large answer is cut before it is all there.
_PIECE = 500
_PLACE = re.compile(r"^LINE (\d+): ", re.MULTILINE)


class Interruptible(Protocol):
    """What can be stopped from another thread."""

    def interrupt(self) -> None:
        """Stop what it does now."""


class Watchdog:
    """Stop what an engine does when its time is over.

    Its one thread begins before any statement: one that begins while a statement has taken all the memory
    may die before it has said that it runs, and whoever began it then waits for that for ever. The thread does
    not keep the engine alive: one that nobody closes lets go of its connections when nobody has it any more.
    """

    def __init__(self, engine: Interruptible) -> None:
        """Begin to watch an engine."""
        self._engine = weakref.ref(engine)
        self._changed = threading.Condition()
        self._ends: float | None = None
        self._gone = False
        threading.Thread(target=self._run, name="watchdog", daemon=True).start()
        weakref.finalize(engine, self.close)

    @contextlib.contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Stop what runs inside after so many seconds; raises QueryTimeout."""
        self._let(time.monotonic() + seconds)
        try:
            yield
        except duckdb.InterruptException:
            message = said(
                "The query took longer than %(seconds)s seconds and was stopped.", seconds=f"{seconds:g}"
            )
            raise QueryTimeout(message) from None
        finally:
            self._let(None)

    def close(self) -> None:
        """Watch no longer."""
        with self._changed:
            self._gone = True
            self._changed.notify()

    def _let(self, ends: float | None) -> None:
        with self._changed:
            self._ends = ends
            if ends is not None:
                self._changed.notify()

    def _run(self) -> None:
        while not self._gone:
            # What it watches may leave it nothing to wait with: it looks again when that has ended.
            with contextlib.suppress(MemoryError):
                self._look()

    def _look(self) -> None:
        with self._changed:
            left = None if self._ends is None else self._ends - time.monotonic()
            if left is not None and left <= 0:
                # While the lock is held nothing else can have begun, so no later statement is stopped.
                self._ends = None
                if (engine := self._engine()) is not None:
                    engine.interrupt()
            elif not self._gone:
                self._changed.wait(left)


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
