"""Checks as jobs state them: a rule in a job's configuration, made into a check of the warehouse."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Literal, Self

from django.utils.translation import gettext_noop
from pydantic import BaseModel, ConfigDict, Field, model_validator

from catalog.published import PublishedCheck
from jobs.complaints import WrongField
from portal.said import said
from portal.warehouse import checks
from portal.warehouse.errors import RefusedSql
from portal.warehouse.expressions import condition, parsed
from portal.warehouse.port import Check, CheckResult, ColumnInfo

_CHECKS: Final = {
    "not_null": gettext_noop("Never empty"),
    "unique": gettext_noop("No value twice"),
    "accepted_values": gettext_noop("Only certain values"),
    "range": gettext_noop("Between two limits"),
    "row_count": gettext_noop("Number of rows"),
    "expression": gettext_noop("A condition in SQL"),
}
# What people write SQL of the lake in.
DIALECT: Final = "duckdb"
_SEVERITIES: Final = {
    "block": gettext_noop("The run fails"),
    "warn": gettext_noop("It is only shown"),
}


def _beside(*checks: str) -> dict[str, Any]:
    """Say that the form shows a field for these checks alone."""
    return {"when": {"check": list(checks)}}


class RefusedRule(Exception):
    """A rule names what is not there, or a condition that may not run."""

    error_class = "settings"


class CheckRule(BaseModel):
    """What must hold for the rows, and what happens where it does not."""

    model_config = ConfigDict(extra="forbid")

    check: Literal["not_null", "unique", "accepted_values", "range", "row_count", "expression"] = Field(
        title=gettext_noop("Check"), json_schema_extra={"labels": dict(_CHECKS)}
    )
    columns: list[str] = Field(
        default=[],
        title=gettext_noop("Columns"),
        description=gettext_noop("One a line. Where no value may stand twice they count together."),
        json_schema_extra=_beside("not_null", "unique", "accepted_values", "range"),
    )
    values: list[str | int | float] = Field(
        default=[],
        title=gettext_noop("Accepted values"),
        description=gettext_noop("One a line; nothing else may stand there."),
        json_schema_extra=_beside("accepted_values"),
    )
    minimum: float | None = Field(
        default=None,
        title=gettext_noop("Minimum"),
        description=gettext_noop("The lowest value, or the fewest rows."),
        json_schema_extra=_beside("range", "row_count"),
    )
    maximum: float | None = Field(
        default=None,
        title=gettext_noop("Maximum"),
        description=gettext_noop("The highest value, or the most rows."),
        json_schema_extra=_beside("range", "row_count"),
    )
    expression: str = Field(
        default="",
        title=gettext_noop("Expression"),
        description=gettext_noop("It must be true in every row, such as amount >= 0."),
        json_schema_extra={"widget": "condition", **_beside("expression")},
    )
    severity: Literal["block", "warn"] = Field(
        default="block",
        title=gettext_noop("If it fails"),
        description=gettext_noop("A run that fails publishes nothing."),
        json_schema_extra={"labels": dict(_SEVERITIES)},
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        needs = {
            "not_null": bool(self.columns),
            "unique": bool(self.columns),
            "accepted_values": bool(self.columns and self.values),
            "range": bool(self.columns) and None not in (self.minimum, self.maximum),
            "row_count": (self.minimum, self.maximum) != (None, None),
            "expression": bool(self.expression.strip()),
        }
        words = {
            "not_null": said("Name the columns that this check is about."),
            "unique": said("Name the columns that this check is about."),
            "accepted_values": said("Name the columns of this check, and the values that may stand there."),
            "range": said("Name the columns of this check, its minimum and its maximum."),
            "row_count": said("Give this check a minimum or a maximum."),
            "expression": said("Write the condition that must be true in every row."),
        }
        if not needs[self.check]:
            raise ValueError(words[self.check])
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise WrongField("maximum", said("It is below the minimum: no value could be between them."))
        if self.check == "expression":
            try:
                parsed(self.expression, dialect=DIALECT)
            except RefusedSql as error:
                raise WrongField("expression", error.message) from error
        return self


def checks_of(
    rules: Sequence[CheckRule],
    columns: Sequence[ColumnInfo],
    *,
    dialect: str,
    withheld: Collection[str] = (),
) -> list[Check]:
    """Return the checks for a table with these columns; raises RefusedRule.

    The values of ``withheld`` columns may not be asked for: by a limit or condition they could be guessed.
    """
    kinds = {column.name: column.data_type for column in columns}
    for rule in rules:
        asked = [name for name in rule.columns if name in withheld]
        if asked and rule.check not in {"not_null", "unique"}:
            raise RefusedRule(
                said(
                    "The values of %(column)s are masked for the job's owner: check %(check)s may not ask.",
                    column=asked[0],
                    check=rule.check,
                )
            )
    kinds = {name: kind for name, kind in kinds.items() if name not in withheld}
    names = frozenset(column.name for column in columns)
    return _apart(check for rule in rules for check in _of(rule, kinds, names, dialect))


def published_checks(results: Sequence[CheckResult]) -> list[PublishedCheck]:
    """Return results as the catalog keeps them."""
    return [
        PublishedCheck(
            name=one.name,
            passed=one.passed,
            blocking=one.blocking,
            observed=one.observed,
            expected=one.expected,
        )
        for one in results
    ]


def _apart(made: Iterable[Check]) -> list[Check]:
    """Return each question once, blocking where one of its rules blocks, and each by a name of its own."""
    asked: dict[Check, Check] = {}
    for check in made:
        question = replace(check, blocking=True)
        if question not in asked or check.blocking:
            asked[question] = check
    named: dict[str, Check] = {}
    for check in asked.values():
        # Results are kept by name: of two questions with one name only the last would count.
        name, count = check.name, 1
        while name in named:
            count += 1
            name = f"{check.name} ({count})"
        named[name] = replace(check, name=name)
    return list(named.values())


def _of(rule: CheckRule, kinds: Mapping[str, str], names: Collection[str], dialect: str) -> list[Check]:
    for name in rule.columns:
        if name not in names:
            raise RefusedRule(
                said(
                    "The check %(check)s names the column «%(column)s», which is not there.",
                    check=rule.check,
                    column=name,
                )
            )
    match rule.check:
        case "row_count":
            return _row_count(rule)
        case "expression":
            return [_expression(rule, kinds, dialect)]
    return _of_columns(rule)


def _of_columns(rule: CheckRule) -> list[Check]:
    blocking, low, high = rule.severity == "block", rule.minimum or 0, rule.maximum or 0
    match rule.check:
        case "not_null":
            return [checks.not_null(name, blocking=blocking) for name in rule.columns]
        case "unique":
            return [checks.unique(*rule.columns, blocking=blocking)]
        case "accepted_values":
            return [checks.in_set(name, rule.values, blocking=blocking) for name in rule.columns]
    return [checks.in_range(name, low, high, blocking=blocking) for name in rule.columns]


def _row_count(rule: CheckRule) -> list[Check]:
    blocking, found = rule.severity == "block", []
    if rule.minimum is not None:
        found.append(checks.row_count_at_least(int(rule.minimum), blocking=blocking))
    if rule.maximum is not None:
        found.append(checks.row_count_at_most(int(rule.maximum), blocking=blocking))
    return found


def _expression(rule: CheckRule, kinds: Mapping[str, str], dialect: str) -> Check:
    words = rule.expression.strip()
    try:
        safe = condition(words, columns=kinds, dialect=dialect)
    except RefusedSql as error:
        message = said("The check «%(condition)s»: %(why)s", condition=words[:100], why=error.message)
        raise RefusedRule(message) from error
    name = f"expression({words[:80]})"
    return checks.holds(name, safe, expected=words[:200], blocking=rule.severity == "block")
