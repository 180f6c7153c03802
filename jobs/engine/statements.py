"""The engine's own statements, which a connection of a worker keeps planned from one run to the next.

To plan a claim takes PostgreSQL three times as long as to do it.
"""

import re
from collections.abc import Callable
from typing import Any, Final, TypeVar

from django.db import DatabaseError, connection, transaction

from portal.accounts.planned import Planned, lost_plan

T = TypeVar("T")
Row = tuple[Any, ...]
# What a transaction's work executes a statement with: ``execute(statement, name=value, …)``.
Execute = Callable[..., Row | None]

_VALUE: Final = re.compile(r"%\((\w+)\)s")


class Statement:
    """SQL that returns at most one row, with ``%(name)s`` for its values.

    ``first`` goes along before it: what is ``SET LOCAL`` for the transaction that it begins.
    """

    def __init__(self, sql: str, *, first: str = "") -> None:
        self._first = f"{first}; " if first else ""
        found = _VALUE.findall(sql)
        self._names = tuple(dict.fromkeys(found))
        places = tuple(self._names.index(name) for name in found)
        self._planned = Planned(_VALUE.sub("%s", sql), (None,) * len(places), places)

    def prepare(self) -> None:
        """Have it planned on this connection if it is not; not within a transaction."""
        self._planned.prepare()

    def alone(self, **values: Any) -> Row | None:
        """Execute it, outside a transaction as one of its own, and return its row."""
        if not connection.in_atomic_block and self._planned.prepare():
            try:
                return self.planned(**values)
            except _LostPlanError:
                pass
        return self.whole(**values)

    def planned(self, **values: Any) -> Row | None:
        """Execute it as prepared; raises what makes ``transact`` begin anew where it is not any more."""
        if not self._planned.is_prepared:
            return self.whole(**values)
        try:
            return self._row(*self._planned.execution(self._ordered(values)))
        except DatabaseError as error:
            if not lost_plan(error):
                raise
            raise _LostPlanError from error

    def whole(self, **values: Any) -> Row | None:
        """Execute it as any connection takes it."""
        return self._row(*self._planned.whole(self._ordered(values)))

    def _ordered(self, values: dict[str, Any]) -> list[Any]:
        return [values[name] for name in self._names]

    def _row(self, sql: str, values: tuple[Any, ...]) -> Row | None:
        with connection.cursor() as cursor:
            cursor.execute(self._first + sql, values)
            row: Row | None = cursor.fetchone()
        return row


def transact(work: Callable[[Execute], T], *statements: Statement) -> T:
    """Do the work in a transaction, with these statements planned.

    The work is begun anew where the connection turns out not to know a plan any more: before such a statement
    it does nothing that a rollback does not undo.
    """
    if not connection.in_atomic_block:
        for statement in statements:
            statement.prepare()
        try:
            with transaction.atomic():
                return work(Statement.planned)
        except _LostPlanError:
            pass
    with transaction.atomic():
        return work(Statement.whole)


class _LostPlanError(Exception):
    """A plan was lost, and with it the transaction."""
