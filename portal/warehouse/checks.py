"""The checks that staged rows can be put to, each made by a function of its name."""

import re
from collections.abc import Sequence
from typing import Final

from django.utils.translation import gettext_noop

from portal.said import in_a_row, joined, said
from portal.warehouse.errors import CheckFailed
from portal.warehouse.port import Check, CheckResult, StagedTable

Literal = str | int | float
# The figures of checks are kept as they read in English; here they are read in other languages.
_FIGURES: Final = (
    (re.compile(r"≥ (?P<count>[\d,]+) rows"), gettext_noop("≥ %(count)s rows")),
    (re.compile(r"≤ (?P<count>[\d,]+) rows"), gettext_noop("≤ %(count)s rows")),
    (re.compile(r"(?P<count>[\d,]+) of (?P<total>[\d,]+) rows"), gettext_noop("%(count)s of %(total)s rows")),
    (re.compile(r"(?P<count>[\d,]+) rows"), gettext_noop("%(count)s rows")),
    (re.compile(r"no empty values"), gettext_noop("no empty values")),
    (re.compile(r"each key once"), gettext_noop("each key once")),
    (re.compile(r"one of (?P<values>.*)", re.DOTALL), gettext_noop("one of %(values)s")),
    (re.compile(r"(?P<low>-?[\d.,e+-]+) to (?P<high>-?[\d.,e+-]+)"), gettext_noop("%(low)s to %(high)s")),
    (re.compile(r"known in (?P<table>\S+)"), gettext_noop("known in %(table)s")),
)


def quoted_name(name: str) -> str:
    """Return one identifier in quotes; a dot in it is a part of the name."""
    return '"' + name.replace('"', '""') + '"'


def quoted(name: str) -> str:
    """Return an identifier in quotes, each part of ``schema.name`` on its own."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in name.split("."))


def literal(value: Literal) -> str:
    """Return a text or number as an SQL literal."""
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else repr(value)


def row_count_at_least(least: int, *, blocking: bool = True) -> Check:
    """Expect so many rows or more."""
    return Check(
        name="row_count_at_least",
        expected=f"≥ {least:,} rows",
        sql=f"SELECT count(*) >= {least}, format('{{:,}} rows', count(*)) FROM {{rows}}",  # noqa: S608
        blocking=blocking,
    )


def row_count_at_most(most: int, *, blocking: bool = True) -> Check:
    """Expect so many rows or fewer."""
    return Check(
        name="row_count_at_most",
        expected=f"≤ {most:,} rows",
        sql=f"SELECT count(*) <= {most}, format('{{:,}} rows', count(*)) FROM {{rows}}",  # noqa: S608
        blocking=blocking,
    )


def holds(name: str, condition: str, *, expected: str, blocking: bool = True) -> Check:
    """Expect a condition to be true (or unknown) for every row; it is SQL that has been checked."""
    return Check(name=name, expected=expected, violations=f"NOT ({condition})", blocking=blocking)


def in_partition(column: str, value: str, data_type: str) -> Check:
    """Expect every row to belong to one partition."""
    return Check(
        name=f"in_partition({column})",
        expected=value,
        violations=f"{quoted_name(column)} IS DISTINCT FROM CAST({literal(value)} AS {data_type})",
    )


def not_null(column: str, *, blocking: bool = True) -> Check:
    """Expect a value in every row."""
    return Check(
        name=f"not_null({column})",
        expected="no empty values",
        violations=f"{quoted_name(column)} IS NULL",
        blocking=blocking,
    )


def unique(*columns: str, blocking: bool = True) -> Check:
    """Expect the columns together to name a row once."""
    key = ", ".join(quoted_name(column) for column in columns)
    once = f"SELECT NOT EXISTS (SELECT 1 FROM {{rows}} GROUP BY {key} HAVING count(*) > 1)"  # noqa: S608
    # What rises from row to row stands there once, and to see that takes neither memory nor time.
    steps = f"SELECT {key} > lag({key}) OVER () AS rises FROM {{rows}}"  # noqa: S608
    rises = f"SELECT count(*) - count(*) FILTER (rises) <= 1 FROM ({steps})"  # noqa: S608
    return Check(
        name=f"unique({', '.join(columns)})",
        expected="each key once",
        violations=f"count(*) OVER (PARTITION BY {key}) > 1",
        quick=(rises, once) if len(columns) == 1 else (once,),
        blocking=blocking,
    )


def in_set(column: str, values: Sequence[Literal], *, blocking: bool = True) -> Check:
    """Expect nothing but these values (or none)."""
    return Check(
        name=f"in_set({column})",
        expected="one of " + ", ".join(map(str, values)),
        violations=f"{quoted_name(column)} NOT IN ({', '.join(map(literal, values))})",
        blocking=blocking,
    )


def in_range(column: str, low: float, high: float, *, blocking: bool = True) -> Check:
    """Expect values from ``low`` to ``high``, both included (or none)."""
    return Check(
        name=f"in_range({column})",
        expected=f"{low:,} to {high:,}",
        violations=f"{quoted_name(column)} NOT BETWEEN {low!r} AND {high!r}",
        blocking=blocking,
    )


def referential(column: str, other: StagedTable, other_column: str, *, blocking: bool = True) -> Check:
    """Expect each value (or none) to stand in a column of another staged table."""
    found = f"SELECT {quoted_name(other_column)} FROM read_parquet({literal(str(other.path))})"  # noqa: S608
    return Check(
        name=f"referential({column} → {other.target}.{other_column})",
        expected=f"known in {other.target}",
        violations=f"{quoted_name(column)} IS NOT NULL AND {quoted_name(column)} NOT IN ({found})",
        blocking=blocking,
    )


def require(target: str, results: Sequence[CheckResult]) -> None:
    """Raise CheckFailed, naming every failed check that blocks."""
    failed = [result for result in results if result.blocking and not result.passed]
    if failed:
        raise CheckFailed(in_a_row(said("«%(table)s» was not published.", table=target), failures(failed)))


def failures(failed: Sequence[CheckResult]) -> str:
    """Return what each of these checks expected, and what it found."""
    return joined("; ", [_failure(one) for one in failed])


def _failure(one: CheckResult) -> str:
    words = {"check": one.name, "expected": _figure(one.expected), "found": _figure(one.observed)}
    if not one.line:
        return said("%(check)s: expected %(expected)s, found %(found)s", **words)
    return said(
        "%(check)s: expected %(expected)s, found %(found)s (first at %(file)s, line %(line)s)",
        **words,
        file=one.file,
        line=one.line,
    )


def _figure(text: str) -> str:
    for pattern, template in _FIGURES:
        if found := pattern.fullmatch(text):
            return said(template, **found.groupdict())
    return text
