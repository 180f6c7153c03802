"""The metric definition: one checked shape for every way to state a metric.

It is a superset of what MetricFlow and Apache Ossie hold, with the 3A block beside it: what makes a metric
accessible, actionable and auditable. Filters are ``field op literal`` and never free text, so that nothing
a person types reaches SQL unparsed; the one exception is the ``sql`` type, which experts write and a
linter reads.
"""

import datetime as dt
import hashlib
import json
import re
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

_IDENTIFIER = re.compile(r"^[a-z_][a-z0-9_]{0,62}$")
Identifier = Annotated[str, Field(min_length=1, max_length=63, pattern=_IDENTIFIER.pattern)]


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Aggregation(StrEnum):
    """How rows become one number (MetricFlow's names)."""

    SUM = "sum"
    COUNT = "count"
    COUNT_DISTINCT = "count_distinct"
    AVERAGE = "average"
    MIN = "min"
    MAX = "max"
    MEDIAN = "median"
    SUM_BOOLEAN = "sum_boolean"


class Operator(StrEnum):
    """How a filter compares a column with a literal."""

    EQ = "="
    NE = "!="
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="
    IN = "in"
    IS_NULL = "is null"
    IS_NOT_NULL = "is not null"


class Filter(_Shape):
    """One condition on a column; several are joined by AND."""

    column: Identifier
    operator: Operator
    value: str | int | float | bool | list[str | int | float] | None = None

    @model_validator(mode="after")
    def _value_fits(self) -> Self:
        without = self.operator in {Operator.IS_NULL, Operator.IS_NOT_NULL}
        if without != (self.value is None):
            message = f"«{self.operator}» takes {'no value' if without else 'a value'}"
            raise ValueError(message)
        if (self.operator is Operator.IN) != isinstance(self.value, list):
            raise ValueError("a list of values goes with «in», and only with it")
        return self


class Measure(_Shape):
    """An aggregation over one column of the dataset (no column: over its rows), under filters."""

    aggregation: Aggregation
    column: Identifier | None = None
    filters: tuple[Filter, ...] = ()

    @model_validator(mode="after")
    def _column_given(self) -> Self:
        if self.column is None and self.aggregation is not Aggregation.COUNT:
            message = f"{self.aggregation} needs a column"
            raise ValueError(message)
        return self


class Simple(_Shape):
    """One measure."""

    type: Literal["simple"] = "simple"
    measure: Measure


class Ratio(_Shape):
    """One measure by another; the denominator is the sample size."""

    type: Literal["ratio"] = "ratio"
    numerator: Measure
    denominator: Measure


class Derived(_Shape):
    """An arithmetic expression over other metrics, named by their keys' aliases."""

    type: Literal["derived"] = "derived"
    expression: str = Field(min_length=1, max_length=500, pattern=r"^[a-z0-9_+\-*/(). ]+$")
    inputs: dict[Identifier, str] = Field(min_length=1, description="alias → metric key")


class Cumulative(_Shape):
    """A measure summed over a trailing window or since the start of a grain."""

    type: Literal["cumulative"] = "cumulative"
    measure: Measure
    window: str | None = Field(default=None, pattern=r"^\d+ (day|week|month)s?$")
    grain_to_date: Literal["week", "month", "year"] | None = None


class ExpertSql(_Shape):
    """One SELECT that returns (period, value[, sample]) for legacy figures; linted before it runs."""

    type: Literal["sql"] = "sql"
    sql: str = Field(min_length=1, max_length=20_000)


Computation = Annotated[Simple | Ratio | Derived | Cumulative | ExpertSql, Field(discriminator="type")]


class Direction(StrEnum):
    """Which way is good."""

    UP = "up_good"
    DOWN = "down_good"
    BAND = "band"


class Unit(_Shape):
    """What is counted; ``percent`` shows a share of 0–1 times 100."""

    kind: Literal["percent", "number", "minutes", "currency"] = "number"
    label_en: str = ""
    label_ko: str = ""
    currency: str | None = Field(default=None, pattern=r"^[A-Z]{3}$")
    decimals: int = Field(default=1, ge=0, le=6)


class Accessible(_Shape):
    """How the trend is seen at a glance."""

    chart: Literal["line", "bar"] = "line"
    comparison: Literal["previous_period", "year_ago"] = "previous_period"
    default_grain: Literal["day", "week", "month"] = "day"


class Target(_Shape):
    """The value to reach from a day on; the newest that has begun holds."""

    since: dt.date
    value: float


class Threshold(_Shape):
    """When the metric is in trouble: so many consecutive periods beyond the limit, on enough rows."""

    level: Literal["warn", "critical"]
    operator: Literal["<", "<=", ">", ">="]
    value: float
    consecutive: int = Field(default=1, ge=1, le=60)
    least_sample: int = Field(default=0, ge=0)


class Actionable(_Shape):
    """Who does what when it moves; people are named by e-mail, as in other systems of record."""

    backup: str | None = None
    targets: tuple[Target, ...] = ()
    thresholds: tuple[Threshold, ...] = ()
    playbook_en: str = ""
    playbook_ko: str = ""
    question_template: str = ""


class Auditable(_Shape):
    """What makes a shown number checkable."""

    tolerance: float = Field(default=0.0, ge=0, description="Relative difference a verification may show.")
    retention_days: int = Field(default=1096, ge=1)
    reviewer: str | None = None


class Annotation(_Shape):
    """A known event on the time axis; both days belong to it."""

    starts_on: dt.date
    ends_on: dt.date
    label_en: str
    label_ko: str


class MetricDefinition(_Shape):
    """Everything that a metric's number depends on, and how it is to be read.

    ``dataset`` is the key of the dataset it is computed from, ``time_column`` the column that dates a row;
    periods are cut in ``time_zone`` when that column carries one.
    """

    dataset: str
    purpose_en: str = ""
    purpose_ko: str = ""
    time_column: Identifier
    time_zone: str = "UTC"
    week_start: Literal["monday"] = "monday"
    grains: tuple[Literal["day", "week", "month"], ...] = ("day", "week", "month")
    computation: Computation
    additivity: Literal["additive", "semi_additive", "non_additive"] = "non_additive"
    unit: Unit = Unit()
    direction: Direction = Direction.UP
    accessible: Accessible = Accessible()
    actionable: Actionable = Actionable()
    auditable: Auditable = Auditable()
    annotations: tuple[Annotation, ...] = ()

    @field_validator("grains")
    @classmethod
    def _some_grain(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value or len(set(value)) != len(value):
            raise ValueError("give each grain once, and at least one")
        return value

    @property
    def hash(self) -> str:
        """SHA-256 of what the number depends on; the words around it do not count."""
        return hashlib.sha256(json.dumps(self.core, sort_keys=True, ensure_ascii=False).encode()).hexdigest()

    @property
    def core(self) -> dict[str, Any]:
        """What the number depends on, as JSON."""
        return self.model_dump(
            mode="json", include={"dataset", "time_column", "time_zone", "week_start", "computation"}
        )

    def target_on(self, day: dt.date) -> float | None:
        """Return the target that holds on a day."""
        begun = [target for target in self.actionable.targets if target.since <= day]
        return max(begun, key=lambda target: target.since).value if begun else None


def measures_of(computation: Computation) -> tuple[Measure, ...]:
    """Return the measures that a computation is made of; none for derived and expert SQL."""
    if isinstance(computation, Ratio):
        return computation.numerator, computation.denominator
    if isinstance(computation, Simple | Cumulative):
        return (computation.measure,)
    return ()


def columns_of(definition: MetricDefinition) -> list[str]:
    """Return the columns that the definition names, each once, sorted."""
    measures = measures_of(definition.computation)
    if not measures:
        return []
    named = {definition.time_column}
    for measure in measures:
        named |= {measure.column} if measure.column else set()
        named |= {condition.column for condition in measure.filters}
    return sorted(named)


class Difference(_Shape):
    """One place at which two definitions differ; ``None`` stands for nothing there."""

    place: str
    before: Any
    after: Any


def difference(before: MetricDefinition, after: MetricDefinition) -> list[Difference]:
    """Return where two definitions differ in what the number depends on, by place."""
    old, new = _leaves(before.core), _leaves(after.core)
    return [
        Difference(place=place, before=old.get(place), after=new.get(place))
        for place in sorted(old.keys() | new.keys())
        if old.get(place) != new.get(place)
    ]


def _leaves(value: Any, place: str = "") -> dict[str, Any]:
    """Return each value of a tree by its dotted place; a list's items count from 1."""
    if isinstance(value, dict):
        items = [(str(name), item) for name, item in value.items()]
    elif isinstance(value, list):
        items = [(str(index), item) for index, item in enumerate(value, start=1)]
    else:
        return {place: value}
    found: dict[str, Any] = {}
    for name, item in items:
        found |= _leaves(item, f"{place}.{name}" if place else name)
    return found
