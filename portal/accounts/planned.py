"""Statements that PostgreSQL keeps parsed and planned for the life of a connection.

Parsing and planning cost it more than reading a few rows by an index. The constants stand in the text, since
they decide which partial index serves; only what changes from call to call is a parameter.

Between us and the server may stand a pool that gives each statement another connection. What one of them has
prepared is unknown to the next: the first time that happens, this process goes back to whole statements.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, ClassVar, Final
from weakref import WeakKeyDictionary

from django.db import DatabaseError, DataError, ProgrammingError, connection
from psycopg2 import errors

# A connection keeps so many; each takes some 50 kB of the server.
_MOST: Final = 64
_PLACE: Final = re.compile(r"%s|%%")


class Plans:
    """What this process knows of its connections; each belongs to one thread."""

    named: ClassVar[WeakKeyDictionary[Any, set[str]]] = WeakKeyDictionary()
    # Off where no statement may be prepared.
    on: ClassVar[bool] = True


@dataclass(slots=True)
class Planned:
    """A statement with ``%s`` for constants and values; ``places`` number the values, None is a constant."""

    sql: str
    constants: tuple[Any, ...]
    places: tuple[int | None, ...]
    # Which values stand in it, each once.
    _used: tuple[int, ...] = field(init=False)
    _refused: bool = field(default=False, init=False)
    _text: str = field(default="", init=False)
    _name: str = field(default="", init=False)

    def __post_init__(self) -> None:
        self._used = tuple(sorted({place for place in self.places if place is not None}))

    def whole(self, values: Sequence[Any]) -> tuple[str, tuple[Any, ...]]:
        """Return the statement and its parameters as any connection takes them."""
        pairs = zip(self.constants, self.places, strict=True)
        return self.sql, tuple(constant if place is None else values[place] for constant, place in pairs)

    def planned(self, values: Sequence[Any]) -> tuple[str, tuple[Any, ...]] | None:
        """Prepare it on this thread's connection if need be and return how it is executed there.

        None where it has to be sent whole: within a transaction, which an error would spoil, and where the
        server cannot tell of what type a value is.
        """
        if connection.in_atomic_block or not self.prepare():
            return None
        return self.execution(values)

    def prepare(self) -> bool:
        """Prepare it on this thread's connection if need be; say whether it is. Not within a transaction."""
        if not Plans.on or self._refused:
            return False
        connection.ensure_connection()
        return self.is_prepared or self._prepare(Plans.named.setdefault(connection.connection, set()))

    @property
    def is_prepared(self) -> bool:
        """Say whether this thread's connection has it, as far as this process knows."""
        return Plans.on and self._name in Plans.named.get(connection.connection, ())

    def execution(self, values: Sequence[Any]) -> tuple[str, tuple[Any, ...]]:
        """Return how it is executed where it is prepared."""
        places = ", ".join(["%s"] * len(self._used))
        return f"EXECUTE {self._name}({places})" if places else f"EXECUTE {self._name}", tuple(
            values[place] for place in self._used
        )

    def _prepare(self, known: set[str]) -> bool:
        with connection.cursor() as cursor:
            # Threads may write it at the same time, and write the same; whoever sees the name sees the text.
            if not self._name:
                self._text = self._written(cursor.cursor)
                self._name = f"desk_{blake2b(self._text.encode(), digest_size=12).hexdigest()}"
            if len(known) >= _MOST:
                cursor.execute("DEALLOCATE ALL")
                known.clear()
            try:
                cursor.execute(f"PREPARE {self._name} AS {self._text}")
            except (ProgrammingError, DataError) as error:
                # Nobody knows of what type a value will be; or the whole statement is wrong, and will say so.
                self._refused = True
                if isinstance(error.__cause__, errors.DuplicatePreparedStatement):
                    Plans.on = False
                return False
        known.add(self._name)
        return True

    def _written(self, cursor: Any) -> str:
        numbers = {place: number for number, place in enumerate(self._used, start=1)}
        pairs = zip(self.constants, self.places, strict=True)

        def put(found: re.Match[str]) -> str:
            if found[0] == "%%":
                return "%"
            constant, place = next(pairs)
            return f"${numbers[place]}" if place is not None else cursor.mogrify("%s", [constant]).decode()

        return _PLACE.sub(put, self.sql)


def lost_plan(error: DatabaseError) -> bool:
    """Say whether a statement failed only for how it was prepared, and see that the next one does not."""
    match error.__cause__:
        case errors.InvalidSqlStatementName():
            Plans.on = False
        case errors.FeatureNotSupported():
            # «cached plan must not change result type»: a column was altered under a living connection.
            connection.close()
        case _:
            # A number that no column of its type can hold: as part of a whole statement it equals none.
            return isinstance(error, DataError)
    return True
