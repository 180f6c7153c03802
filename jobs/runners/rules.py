"""Checks as jobs state them: a rule in a job's configuration, made into a check of the warehouse."""

from collections.abc import Collection, Mapping, Sequence
from typing import Literal, Self

from django.utils.translation import gettext_noop
from pydantic import BaseModel, ConfigDict, Field, model_validator

from catalog.published import PublishedCheck
from portal.warehouse import checks
from portal.warehouse.errors import RefusedSql
from portal.warehouse.expressions import condition
from portal.warehouse.port import Check, CheckResult, ColumnInfo


class RefusedRule(Exception):
    """A rule names what is not there, or a condition that may not run."""

    error_class = "bad_input"


class CheckRule(BaseModel):
    """What must hold for the rows, and what happens where it does not."""

    model_config = ConfigDict(extra="forbid")

    check: Literal["not_null", "unique", "accepted_values", "range", "row_count", "expression"] = Field(
        title=gettext_noop("Check"), description=gettext_noop("What is looked at.")
    )
    columns: list[str] = Field(
        default=[],
        title=gettext_noop("Columns"),
        description=gettext_noop("The columns it is about; for «unique» they count together."),
    )
    values: list[str | int | float] = Field(
        default=[],
        title=gettext_noop("Accepted values"),
        description=gettext_noop("For «accepted_values»: nothing else may stand there."),
    )
    minimum: float | None = Field(
        default=None,
        title=gettext_noop("Minimum"),
        description=gettext_noop("For «range» the lowest value, for «row_count» the fewest rows."),
    )
    maximum: float | None = Field(
        default=None,
        title=gettext_noop("Maximum"),
        description=gettext_noop("For «range» the highest value, for «row_count» the most rows."),
    )
    expression: str = Field(
        default="",
        title=gettext_noop("Expression"),
        description=gettext_noop(
            "For «expression»: a condition that must be true in every row, such as amount >= 0."
        ),
        json_schema_extra={"widget": "sql"},
    )
    severity: Literal["block", "warn"] = Field(
        default="block",
        title=gettext_noop("If it fails"),
        description=gettext_noop(
            "«block»: the run fails and nothing is published. «warn»: it is only shown."
        ),
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
            "not_null": "name its columns",
            "unique": "name its columns",
            "accepted_values": "name its columns and values",
            "range": "name its columns, minimum and maximum",
            "row_count": "give a minimum or a maximum",
            "expression": "write an expression",
        }
        if not needs[self.check]:
            message = f"{self.check}: {words[self.check]}"
            raise ValueError(message)
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
            message = (
                f"The values of {asked[0]} are masked for the job's owner: check {rule.check} may not ask."
            )
            raise RefusedRule(message)
    kinds = {name: kind for name, kind in kinds.items() if name not in withheld}
    names = frozenset(column.name for column in columns)
    made = [check for rule in rules for check in _of(rule, kinds, names, dialect)]
    # Two rules about the same thing are one; the last one counts.
    return list({check.name: check for check in made}.values())


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


def _of(rule: CheckRule, kinds: Mapping[str, str], names: Collection[str], dialect: str) -> list[Check]:
    for name in rule.columns:
        if name not in names:
            message = f"The check {rule.check} names the column «{name}», which is not there."
            raise RefusedRule(message)
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
        message = f"The check «{words[:100]}»: {error.message}"
        raise RefusedRule(message) from error
    name = f"expression({words[:80]})"
    return checks.holds(name, safe, expected=words[:200], blocking=rule.severity == "block")
