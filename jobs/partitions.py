"""Partitions: the days, weeks and months over which a job runs, and how its parameters name them."""

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from jobs.choices import PartitionUnit
from jobs.models import Schedule
from portal.said import said

Schema = Mapping[str, Any]

# What a schedule's parameter may take from its slot: the partition in which the slot lies, or one before it.
BY_SLOT: Final[dict[str, str | Promise]] = {
    "day": _("the day of the start"),
    "day-1": _("the day before the start"),
    "week": _("the Monday of the start’s week"),
    "week-1": _("the Monday of the week before"),
    "month": _("the start’s month"),
    "month-1": _("the month before"),
}
_WORD: Final = re.compile(r"(day|week|month)(?:-([1-9][0-9]{0,2}))?")


def parameters_for(schema: Schema) -> list[str]:
    """Return the parameters of a schema that can take a partition: days and free text."""
    properties = schema.get("properties") or {}
    return [name for name, own in properties.items() if _takes_partition(own)]


def begins(unit: PartitionUnit, first: date, last: date) -> Iterator[date]:
    """Yield the first days of the partitions from the one of ``first`` to that of ``last``."""
    begin = begin_of(unit, first)
    while begin <= last:
        yield begin
        if unit == PartitionUnit.MONTH:
            begin = (begin + timedelta(days=31)).replace(day=1)
        else:
            begin += timedelta(days=7 if unit == PartitionUnit.WEEK else 1)


def begin_of(unit: str, day: date) -> date:
    """Return the first day of the partition in which a day lies."""
    if unit == PartitionUnit.MONTH:
        return day.replace(day=1)
    return day - timedelta(days=day.weekday()) if unit == PartitionUnit.WEEK else day


def written(begin: date, unit: str, schema: Schema) -> str:
    """Return the partition as the job reads it: its first day; a month alone where it takes free text."""
    is_day = any(each.get("format") == "date" for each in _options(schema))
    return f"{begin:%Y-%m}" if unit == PartitionUnit.MONTH and not is_day else begin.isoformat()


def is_word(word: Any) -> bool:
    """Say whether this names a partition by the slot: «day», «week», «month», or so many before: «day-1»."""
    return isinstance(word, str) and _WORD.fullmatch(word) is not None


def problems(by_slot: Mapping[str, Any], schema: Schema) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with parameters that a schedule takes from its slot: the parameter, and why."""
    takes = parameters_for(schema)
    for name, word in by_slot.items():
        if not is_word(word):
            yield name, said("Write day, week or month, or one before it, such as day-1.")
        elif name not in takes:
            yield name, said("The job has no parameter %(name)s that takes a day.", name=name)


def params_at(schedule: Schedule, slot: datetime, schema: Schema) -> dict[str, Any]:
    """Return the parameters of the run of a slot: those that are kept, and those that the slot gives.

    The day of a slot is that of its schedule's zone.
    """
    day = slot.astimezone(ZoneInfo(schedule.zone)).date()
    properties = schema.get("properties") or {}
    given = {
        name: _written_before(word, day, properties.get(name, {}))
        for name, word in schedule.by_slot.items()
        if is_word(word)
    }
    return {**schedule.params, **given}


def _written_before(word: str, day: date, schema: Schema) -> str:
    unit, _dash, count = word.partition("-")
    begin = begin_of(unit, day)
    for _each in range(int(count or 0)):
        begin = begin_of(unit, begin - timedelta(days=1))
    return written(begin, unit, schema)


def _options(schema: Schema) -> list[Schema]:
    return [schema, *schema.get("anyOf", ()), *schema.get("oneOf", ())]


def _takes_partition(schema: Schema) -> bool:
    return any(
        each.get("type") in ("string", ["string", "null"])
        and "enum" not in each
        and each.get("format", "date") == "date"
        for each in _options(schema)
    )
