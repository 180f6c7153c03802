"""Querysets whose SQL is written once a process: only their values change from call to call.

Django writes a queryset's SQL anew each time, which costs several times what reading a few rows by an index
costs. Pages that are asked for all day read by prepared querysets; everything else reads as usual.
"""

import datetime as dt
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final, Generic, TypeVar, cast
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import EmptyResultSet
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connection
from django.db.models import Count, QuerySet, Value, prefetch_related_objects

from portal.accounts.planned import Planned, lost_plan

Row = TypeVar("Row")

# So many shapes are known at once; a shape is the constants, and the roles and the lengths of the values.
_MOST_SHAPES: Final = 256
# Two sets of values that stand for the real ones while SQL is written. Multiples of a power of two, so that
# a set of them is walked through in the same order.
_BASES: Final = (1_900_000_000 // 65_536 * 65_536, 2_000_000_000 // 65_536 * 65_536)
# A constant of this year or a later one means «never»; any other moment was read from the clock.
_NEVER: Final = 9000


class NotPreparable(TypeError):
    """The queryset cannot be written once for all values; the message says why."""


class _Special(Enum):
    """What a shape is known as that has no statement."""

    NO_ROWS = auto()
    ASKS_FOR_TEAMS = auto()


@dataclass(frozen=True, slots=True)
class _Statement:
    """A queryset with its SQL."""

    queryset: Any
    compiler: Any
    planned: Planned


@dataclass(slots=True)
class _Source:
    """What Django's iterables ask of a queryset."""

    db: str
    query: Any
    model: Any
    _fields: Any
    _known_related_objects: Any


class Prepared(Generic[Row]):
    """A queryset that is built and written once for each shape.

    ``build`` makes it of constants (by position, hashable) and values (by name): ints, texts, UUIDs, dates,
    collections of them, and users, of whom it may ask roles, teams and the id. A tuple keeps its length; any
    other collection is a set, in which a value may come to stand twice. It must neither read the clock nor
    the database, nor compare with None. A shape that cannot hold any row is built each time.
    """

    def __init__(self, build: "Callable[..., QuerySet[Any, Row]]") -> None:
        self._build = build
        self._known: dict[Hashable, _Statement | _Special] = {}

    def __call__(self, *constants: Hashable, **values: Any) -> list[Row]:
        """Return the rows; raises NotPreparable when the queryset depends on more than its values."""
        # Whoever sees everything is not asked for their teams.
        teams = False
        statement = self._statement(constants, values, teams=teams)
        if statement is _Special.ASKS_FOR_TEAMS:
            teams = True
            statement = self._statement(constants, values, teams=teams)
        if isinstance(statement, _Special):
            return list(self._build(*constants, **values))
        flat = [each for value in values.values() for each in _flat(value, teams=teams)]
        return cast("list[Row]", _run(statement, flat))

    def first(self, *constants: Hashable, **values: Any) -> Row | None:
        """Return the first row, or None; the queryset itself bounds how many are read."""
        return next(iter(self(*constants, **values)), None)

    def _statement(
        self, constants: tuple[Hashable, ...], values: dict[str, Any], *, teams: bool
    ) -> _Statement | _Special:
        shape = (constants, tuple((name, *_shape(value, teams=teams)) for name, value in values.items()))
        known = self._known.get(shape)
        if known is None:
            if len(self._known) >= _MOST_SHAPES:
                self._known.clear()
            known = self._known[shape] = self._learn(constants, values, teams=teams)
        return known

    def _learn(
        self, constants: tuple[Hashable, ...], values: dict[str, Any], *, teams: bool
    ) -> _Statement | _Special:
        try:
            return self._write(constants, values, teams=teams)
        except EmptyResultSet:
            return _Special.NO_ROWS
        except NotPreparable:
            if teams or not any(isinstance(value, AbstractBaseUser) for value in values.values()):
                raise
            return _Special.ASKS_FOR_TEAMS

    def _write(self, constants: tuple[Hashable, ...], values: dict[str, Any], *, teams: bool) -> _Statement:
        one, other = [self._written(base, constants, values, teams=teams) for base in _BASES]
        if one.planned != other.planned:
            message = "it is not the same twice: it reads the clock, or values stand in the text of its SQL"
            raise NotPreparable(message)
        if moment := next((each for each in one.planned.constants if _is_moment(each)), None):
            message = f"it holds {moment}, read while it was built: pass it as a value"
            raise NotPreparable(message)
        return one

    def _written(
        self, base: int, constants: tuple[Hashable, ...], values: dict[str, Any], *, teams: bool
    ) -> _Statement:
        marks: list[Any] = []
        stand_ins = {name: _stand_in(value, base, marks, teams=teams) for name, value in values.items()}
        with _no_queries():
            queryset: Any = self._build(*constants, **stand_ins)
            compiler = queryset.query.get_compiler(DEFAULT_DB_ALIAS)
            sql, params = compiler.as_sql()
        if any(getattr(each, "queryset", None) is not None for each in queryset._prefetch_related_lookups):
            raise NotPreparable("a prefetched queryset of its own would read for the values that stand in")
        numbers = {(type(mark), mark): number for number, mark in enumerate(marks)}
        places = tuple(numbers.get((type(each), each)) for each in params)
        number = 0
        for name, value in values.items():
            needed = range(number, number := number + len(_flat(value, teams=teams)))
            if not isinstance(value, AbstractBaseUser) and not set(needed) <= set(places):
                message = f"{name} does not stand in the SQL as it is given"
                raise NotPreparable(message)
        held = tuple(None if place is not None else each for each, place in zip(params, places, strict=True))
        return _Statement(queryset, compiler, Planned(sql, held, places))


def counting(queryset: QuerySet[Any, Any]) -> QuerySet[Any, int]:
    """Return a queryset of one row, the number of rows of this one; of no row where there are none."""
    counted: Any = queryset.order_by().annotate(one=Value(1)).values("one").annotate(number=Count("pk"))
    numbers: QuerySet[Any, int] = counted.values_list("number", flat=True)
    return numbers


def _run(statement: _Statement, values: list[Any]) -> list[Any]:
    planned = statement.planned.planned(values)
    if planned is not None:
        try:
            return _read(statement, planned)
        except DatabaseError as error:
            if not lost_plan(error):
                raise
    return _read(statement, statement.planned.whole(values))


def _read(statement: _Statement, sql: tuple[str, tuple[Any, ...]]) -> list[Any]:
    # Statements belong to all threads, connections to one.
    compiler = copy(statement.compiler)
    compiler.connection = connection
    compiler.as_sql = lambda *_args, **_kwargs: sql
    query = copy(statement.queryset.query)
    query.get_compiler = lambda *_args, **_kwargs: compiler
    queryset = statement.queryset
    source = _Source(
        DEFAULT_DB_ALIAS, query, queryset.model, queryset._fields, queryset._known_related_objects
    )
    rows = list(queryset._iterable_class(source))
    if queryset._prefetch_related_lookups:
        prefetch_related_objects(rows, *queryset._prefetch_related_lookups)
    return rows


def _shape(value: Any, *, teams: bool) -> tuple[Hashable, ...]:
    match value:
        case AbstractBaseUser():
            person: Any = value
            asked = len(_flat(person, teams=True)) if teams else None
            return (person.__class__, tuple(sorted(person.roles)), person.is_active, asked)
        case tuple() | list() | set() | frozenset():
            return (type(value) is tuple, *{type(each) for each in value}, len(_flat(value, teams=teams)))
    kind: Any = type(value)
    return (kind,)


def _flat(value: Any, *, teams: bool) -> list[Any]:
    """Return the single values; of a set as many as a power of two, so that there are few shapes."""
    match value:
        case AbstractBaseUser():
            person: Any = value
            return [person.pk, *(_flat(person.team_ids, teams=teams) if teams else ())]
        case tuple():
            return list(value)
        case list() | set() | frozenset():
            found = list(value)
            wanted = 1 << max(0, len(found) - 1).bit_length()
            return found + found[-1:] * (wanted - len(found)) if found else []
    return [value]


def _stand_in(value: Any, base: int, marks: list[Any], *, teams: bool) -> Any:
    """Return a value of the same shape made of marks, which are noted."""
    made = [_mark(each, base + len(marks) + number) for number, each in enumerate(_flat(value, teams=teams))]
    marks += made
    match value:
        case AbstractBaseUser():
            person: Any = value
            # All other columns are missing: who asks for them would read the database, and is told.
            known = {"id": made[0], "roles": list(person.roles), "is_active": person.is_active}
            stand_in = person.__class__.from_db(DEFAULT_DB_ALIAS, list(known), list(known.values()))
            if teams:
                stand_in.__dict__["team_ids"] = frozenset(made[1:])
            return stand_in
        case tuple() | list() | set() | frozenset():
            return tuple(made)
    return made[0]


def _mark(value: Any, number: int) -> Any:
    match value:
        case bool():
            raise NotPreparable("a bool is a constant")
        case int():
            return number
        case str():
            return f"value {number}"
        case UUID():
            return UUID(int=number)
        case dt.datetime():
            return dt.datetime.fromtimestamp(number, dt.UTC)
        case dt.date():
            return dt.date.fromordinal(number % 65_536 + (1 if number < _BASES[1] else 65_536))
    message = f"{type(value).__name__} cannot be a value of a prepared queryset"
    raise NotPreparable(message)


def _is_moment(constant: Any) -> bool:
    return isinstance(constant, dt.date) and constant.year < _NEVER


@contextmanager
def _no_queries() -> Iterator[None]:
    def refuse(*_args: Any) -> Any:
        raise NotPreparable("it reads the database while it is built")

    with connection.execute_wrapper(refuse):
        yield
