"""Which of the clock's steps have anything to do: one statement a tick instead of several for each step.

A portal at rest asks once a second, all day; what it does not ask costs nothing.
"""

from collections.abc import Iterable
from typing import Any

from django.db import connection
from django.db.models import QuerySet, Value

from portal.events import ClockStep


class Signs:
    """The signs of these steps, written once."""

    def __init__(self, steps: Iterable[ClockStep]) -> None:
        self._steps = tuple(steps)
        self._sql = ""
        self._params: tuple[Any, ...] = ()

    def due(self) -> list[ClockStep]:
        """Return the steps that have something to do, in their order, with all that have no signs."""
        if not self._sql:
            self._write()
        with connection.cursor() as cursor:
            cursor.execute(self._sql, self._params)
            row = cursor.fetchone()
        return [step for step, sign in zip(self._steps, row, strict=True) if sign]

    def _write(self) -> None:
        columns: list[str] = []
        params: list[Any] = []
        for step in self._steps:
            found = [] if step.signs is None else [_exists(queryset) for queryset in step.signs()]
            columns.append(" OR ".join(sql for sql, _ in found) or "true")
            params += [each for _, own in found for each in own]
        self._sql, self._params = f"SELECT {', '.join(columns)}", tuple(params)


def _exists(queryset: QuerySet[Any, Any]) -> tuple[str, tuple[Any, ...]]:
    sql, params = queryset.order_by().values(one=Value(1))[:1].query.sql_with_params()
    return f"EXISTS({sql})", params
