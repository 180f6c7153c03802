"""The seam between our metric definitions and whatever turns them into SQL."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from catalog.definitions import MetricDefinition

Grain = Literal["day", "week", "month"]


@dataclass(frozen=True, slots=True)
class Source:
    """Where a dataset lives: its table as ``schema.name``, and the type of each of its columns."""

    table: str
    columns: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a definition may refer to: datasets by their keys, other metrics by theirs."""

    sources: Mapping[str, Source]
    metrics: Mapping[str, MetricDefinition] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CompiledMetric:
    """One SELECT that returns a row a period: (period DATE, value DOUBLE, sample BIGINT), oldest first.

    A period without any row of the dataset is left out; ``sample`` is how many rows the value rests on.
    """

    sql: str
    dialect: str
    compiler: str
    columns: tuple[str, str, str] = ("period", "value", "sample")


class MetricCompiler(Protocol):
    """Turns a definition into SQL for one dialect."""

    def compile(
        self, definition: MetricDefinition, grain: Grain, surroundings: Surroundings
    ) -> CompiledMetric:
        """Compile for one grain; raises BadDefinition or what is unknown: dataset, column, metric."""
