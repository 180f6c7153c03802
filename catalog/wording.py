"""A metric's definition in words, for people who do not read JSON."""

import re
from typing import Any, assert_never

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext

from catalog.choices import Grain
from catalog.definitions import (
    Aggregation,
    Cumulative,
    Derived,
    Direction,
    ExpertSql,
    Filter,
    Measure,
    MetricDefinition,
    Operator,
    Ratio,
    Simple,
    Threshold,
)

_CHECK = re.compile(r"(?P<kind>\w+)(?:\((?P<what>.*)\))?")

DIRECTIONS = {
    Direction.UP: gettext_lazy("higher is better"),
    Direction.DOWN: gettext_lazy("lower is better"),
    Direction.BAND: gettext_lazy("best within its range"),
}


def computation(definition: MetricDefinition) -> list[tuple[str, str]]:
    """Return how the number is computed, as (label, words)."""
    how = definition.computation
    match how:
        case Simple():
            return [(_("Counts"), measure(how.measure))]
        case Ratio():
            return [(_("Counts"), measure(how.numerator)), (_("Divided by"), measure(how.denominator))]
        case Derived():
            inputs = ", ".join(f"{alias} = {key}" for alias, key in how.inputs.items())
            return [(_("Expression"), how.expression), (_("Where"), inputs)]
        case Cumulative():
            return [(_("Adds up"), measure(how.measure)), (_("Over"), _window(how))]
        case ExpertSql():
            return [(_("Counts"), _("what an expert’s own SQL returns"))]
        case _:
            assert_never(how)


def measure(what: Measure) -> str:
    """Say a measure: «rows where arr_delay is less than 15»."""
    column = what.column or ""
    said = {
        Aggregation.SUM: _("sum of {column}"),
        Aggregation.COUNT: _("rows where {column} is given") if column else _("rows"),
        Aggregation.COUNT_DISTINCT: _("different values of {column}"),
        Aggregation.AVERAGE: _("average of {column}"),
        Aggregation.MIN: _("smallest {column}"),
        Aggregation.MAX: _("largest {column}"),
        Aggregation.MEDIAN: _("median of {column}"),
        Aggregation.SUM_BOOLEAN: _("rows where {column} is true"),
    }[what.aggregation].format(column=column)
    if not what.filters:
        return said
    conditions = _(" and ").join(condition(each) for each in what.filters)
    return _("{what} where {conditions}").format(what=said, conditions=conditions)


def condition(given: Filter) -> str:
    """Say a filter: «arr_delay is less than 15»."""
    pattern = {
        Operator.EQ: _("{column} is {value}"),
        Operator.NE: _("{column} is not {value}"),
        Operator.LT: _("{column} is less than {value}"),
        Operator.LE: _("{column} is at most {value}"),
        Operator.GT: _("{column} is more than {value}"),
        Operator.GE: _("{column} is at least {value}"),
        Operator.IN: _("{column} is one of {value}"),
        Operator.IS_NULL: _("{column} is empty"),
        Operator.IS_NOT_NULL: _("{column} is not empty"),
    }[given.operator]
    return pattern.format(column=given.column, value=_value(given.value))


def check(name: str) -> str:
    """Say a check of a publish: «carrier is never empty»; a name of another form stays as it is."""
    found = _CHECK.fullmatch(name)
    kind, what = (found["kind"], found["what"] or "") if found else ("", "")
    column, _arrow, other = what.partition(" → ")
    patterns = {
        "row_count_at_least": _("There are enough rows"),
        "row_count_at_most": _("There are not too many rows"),
        "expression": _("Every row: {column}"),
        "in_partition": _("All rows belong to the partition of {column}"),
        "not_null": _("{column} is never empty"),
        "unique": _("No two rows share {column}"),
        "in_set": _("{column} holds known values only"),
        "in_range": _("{column} stays within its range"),
        "referential": _("Each {column} is known in {other}"),
    }
    return patterns[kind].format(column=column, other=other) if kind in patterns else name


def expected(said: str) -> str:
    """Say what a check of a publish expects: «no empty values»; other words stay as they are."""
    patterns = (
        (r"≥ (?P<count>[\d,]+) rows", _("at least {count} rows")),
        (r"≤ (?P<count>[\d,]+) rows", _("at most {count} rows")),
        (r"no empty values", _("no empty values")),
        (r"each key once", _("each key once")),
        (r"one of (?P<values>.*)", _("one of {values}")),
        (r"(?P<low>\S+) to (?P<high>\S+)", _("{low} to {high}")),
        (r"known in (?P<other>.*)", _("known in {other}")),
    )
    for pattern, words in patterns:
        if found := re.fullmatch(pattern, said):
            return words.format(**found.groupdict())
    return said


def observed(said: str) -> str:
    """Say what a check of a publish found: «7,602 of 336,776 rows»; other words stay as they are."""
    found = re.fullmatch(r"(?P<some>[\d,]+) of (?P<all>[\d,]+) rows", said)
    return _("{some} of {all} rows").format(**found.groupdict()) if found else said


def threshold(limit: Threshold, shown: str, grain: str) -> str:
    """Say a threshold: «below 70 % for 2 days»; ``shown`` is the limit with its unit."""
    how = {
        "<": pgettext("threshold", "below {limit}"),
        "<=": pgettext("threshold", "at or below {limit}"),
        ">": pgettext("threshold", "above {limit}"),
        ">=": pgettext("threshold", "at or above {limit}"),
    }[limit.operator].format(limit=shown)
    if limit.consecutive == 1:
        return how
    count = limit.consecutive
    long = {
        Grain.DAY: ngettext("{how} for {count} day", "{how} for {count} days", count),
        Grain.WEEK: ngettext("{how} for {count} week", "{how} for {count} weeks", count),
        Grain.MONTH: ngettext("{how} for {count} month", "{how} for {count} months", count),
    }[Grain(grain)]
    return long.format(how=how, count=count)


def _window(how: Cumulative) -> str:
    match how.grain_to_date:
        case "week":
            return _("the week so far")
        case "month":
            return _("the month so far")
        case "year":
            return _("the year so far")
    if not how.window:
        return _("all time")
    # «28 days», as the definition's pattern holds it to.
    count, unit = how.window.split()
    words = {
        "day": ngettext("the last {count} day", "the last {count} days", int(count)),
        "week": ngettext("the last {count} week", "the last {count} weeks", int(count)),
        "month": ngettext("the last {count} month", "the last {count} months", int(count)),
    }[unit.removesuffix("s")]
    return words.format(count=count)


def _value(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_value(each) for each in value)
    if isinstance(value, bool):
        return _("true") if value else _("false")
    return str(value)
