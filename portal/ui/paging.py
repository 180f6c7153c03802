"""Keyset paging: a page is found by the last row's values, so page 1,000 costs what page 1 costs.

A cursor names a row by the values it is ordered by and the direction; nothing secret is in it, and rows
are always chosen from the caller's own queryset.
"""

import base64
import binascii
import datetime as dt
import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce
from typing import Any, Final, Generic, TypeVar

from django.core.exceptions import SuspiciousOperation, ValidationError
from django.db import DataError, transaction
from django.db.models import Model, Q, QuerySet

M = TypeVar("M", bound=Model)

_READ: Final[Mapping[str, Callable[[str], Any]]] = {
    "t": dt.datetime.fromisoformat,
    "d": dt.date.fromisoformat,
    "u": uuid.UUID,
    "n": Decimal,
}


class BadCursor(SuspiciousOperation):
    """The cursor was not made by this list."""


@dataclass(frozen=True, slots=True)
class Page(Generic[M]):
    """Some rows of a list, and the cursors of the pages beside it (None: there is none)."""

    items: list[M]
    next_cursor: str | None
    previous_cursor: str | None

    def __bool__(self) -> bool:
        return bool(self.items)


def keyset(queryset: QuerySet[M], *, order: tuple[str, ...], cursor: str | None, size: int = 50) -> Page[M]:
    """Return the page that the cursor points to.

    ``order`` names non-null columns ("-created_at", "id"; "asset__name" follows a relation); the last one
    must be unique, or rows that are equal in all of them get lost between two pages.
    """
    backward, values = _decode(cursor, len(order)) if cursor else (False, None)
    sought = tuple(_reverse(name) for name in order) if backward else order
    rows = queryset.order_by(*sought)
    found = _read(rows, sought, values, size + 1)
    if values is None:
        return first_page(found, order=order, size=size)
    more = len(found) > size
    items = found[:size]
    if backward:
        items.reverse()
    if not items:
        return Page([], None, None)
    after = _encode(items[-1], order, backward=False)
    before = _encode(items[0], order, backward=True)
    if backward:
        return Page(items, after, before if more else None)
    return Page(items, after if more else None, before)


def first_page(found: list[M], *, order: tuple[str, ...], size: int) -> Page[M]:
    """Return the first page of a list: ``found`` are its first ``size`` rows, and the next one if any."""
    items = found[:size]
    return Page(items, _encode(items[-1], order, backward=False) if len(found) > size else None, None)


def _read(rows: QuerySet[M], order: tuple[str, ...], values: list[Any] | None, most: int) -> list[M]:
    if values is None:
        return list(rows[:most])
    try:
        # A forged cursor may hold values that do not fit the columns: only the database finds out.
        with transaction.atomic():
            return list(rows.filter(_beyond(order, values))[:most])
    except (ValueError, TypeError, OverflowError, ValidationError, DataError) as error:
        raise BadCursor("The cursor belongs to another list.") from error


def _reverse(name: str) -> str:
    return name[1:] if name.startswith("-") else f"-{name}"


def _beyond(order: tuple[str, ...], values: list[Any]) -> Q:
    """Return the condition «after this row»: a > x, or a = x and b > y, and so on."""
    names = [name.lstrip("-") for name in order]
    steps = ["lt" if name.startswith("-") else "gt" for name in order]
    choices = []
    for index, name in enumerate(names):
        same = dict(zip(names[:index], values[:index], strict=True))
        choices.append(Q(**same, **{f"{name}__{steps[index]}": values[index]}))
    # The first column's bound lets PostgreSQL start in the middle of the index; it cannot see it in the OR.
    bound = Q(**{f"{names[0]}__{steps[0]}e": values[0]})
    return bound & reduce(lambda one, other: one | other, choices)


def _encode(row: Model, order: tuple[str, ...], *, backward: bool) -> str:
    values = [_write(_value(row, name.lstrip("-"))) for name in order]
    text = json.dumps([int(backward), *values], separators=(",", ":"), ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decode(cursor: str, length: int) -> tuple[bool, list[Any]]:
    try:
        parts = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        backward, *values = parts
        read = [_READ[value[0]](value[1]) if isinstance(value, list) else value for value in values]
    except (ValueError, TypeError, KeyError, IndexError, ArithmeticError, binascii.Error) as error:
        raise BadCursor("The cursor cannot be read.") from error
    if backward not in (0, 1) or len(read) != length or any(isinstance(value, dict) for value in read):
        raise BadCursor("The cursor belongs to another list.")
    return bool(backward), read


def _value(row: Any, name: str) -> Any:
    return reduce(getattr, name.split("__"), row)


def _write(value: Any) -> Any:
    match value:
        case dt.datetime():
            return ["t", value.isoformat()]
        case dt.date():
            return ["d", value.isoformat()]
        case uuid.UUID():
            return ["u", str(value)]
        case Decimal():
            return ["n", str(value)]
        case str() | int() | float() | bool():
            return value
    message = f"cannot page by {type(value).__name__}; order by columns that are never null"
    raise TypeError(message)
