"""Compute one section of a report; what goes wrong in it is said in it and stops no other."""

import datetime as dt
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from django.utils import timezone

from catalog.charts import ChartPoint, series_spec
from catalog.choices import ChartLayout
from catalog.definitions import MetricDefinition
from catalog.models import Metric, MetricPoint
from catalog.readable import readable_tables
from catalog.series import Figure as Glance
from catalog.series import complete, figure_of, headline_grain, known_until
from jobs.runners.report.config import Format, Language, MetricSection, QuerySection, ShownColumn
from portal.accounts.models import User
from portal.accounts.permissions import Permission
from portal.evidence.hashing import MOST_ROWS, result_hash
from portal.ui import vega
from portal.ui.result_chart import NO_CHART, ChartChoice, ChartRefused, draw
from portal.warehouse.cells import Cells
from portal.warehouse.errors import QueryFailed, QueryTimeout, QueryTooLarge, RefusedSql
from portal.warehouse.linting import prepare
from portal.warehouse.port import Reading, Warehouse

# What the page shows of a query; the files hold every row that was read.
KEPT_ROWS = 500
KEPT_BYTES = 300_000
READ_BYTES = 64_000_000
LANGUAGES: tuple[Language, ...] = get_args(Language)

Reason = Literal[
    "slow",
    "large",
    "refused",
    "failed",
    "no_rights",
    "no_metric",
    "no_values",
    "gone",
    "no_grain",
    "no_column",
    "no_chart_column",
    "no_value",
]


class SectionFailed(Exception):
    """A section cannot be computed; ``why`` is its code, ``line`` the query's line.

    No words of the linter or the engine: they may name or quote what not every reader of the report may see.
    """

    def __init__(self, why: Reason, line: int | None = None) -> None:
        super().__init__(why if line is None else f"{why}, line {line}")
        self.why, self.line = why, line


@dataclass(frozen=True, slots=True)
class Table:
    """Rows for the files, as the engine gave them; ``shown`` are the columns that were chosen, if any."""

    columns: list[str]
    rows: list[list[Any]]
    types: list[str] = field(default_factory=list)
    shown: Sequence[ShownColumn] = ()

    def chosen(self, language: Language = "en") -> "Table":
        """Return the columns that were chosen, in their order, under the names they have in a language."""
        if not self.shown:
            return self
        places = [self.columns.index(each.name) for each in self.shown]
        return Table(
            columns=[spoken_title(each, language) for each in self.shown],
            rows=[[row[place] for place in places] for row in self.rows],
            types=[self.types[place] for place in places] if self.types else [],
            shown=self.shown,
        )

    @property
    def formats(self) -> list[Format]:
        """How each column is written."""
        return [each.format for each in self.shown] or ["usual"] * len(self.columns)


def spoken_title(column: ShownColumn, language: str) -> str:
    """Return what a column is called in a language."""
    return str(getattr(column, f"title_{language}", "") or column.title_en or column.name)


@dataclass(frozen=True, slots=True)
class Computed:
    """A section: what its evidence keeps, and what the files show."""

    outputs: dict[str, Any]
    table: Table
    charts: Mapping[str, str] = field(default_factory=dict)
    drawn: ChartChoice = NO_CHART
    headline: "Headline | None" = None
    metric: "Metric | None" = None


@dataclass(frozen=True, slots=True)
class Headline:
    """The figure of a metric and what it is compared with."""

    definition: MetricDefinition
    grain: str
    starts_on: dt.date
    value: float
    before: dt.date | None
    change: float | None


def compute_query(
    section: QuerySection,
    *,
    warehouse: Warehouse,
    owner: User | None,
    params: Mapping[str, Any],
    timeout: float,
) -> Computed:
    """Run a section's query with the owner's rights of this moment; raises SectionFailed.

    Personal columns stay out even where the owner may read them: others read the report.
    """
    if owner is None or not owner.is_active or not owner.may(Permission.RUN_SQL):
        raise SectionFailed("no_rights")
    values = {**section.parameters, **params}
    try:
        prepared = prepare(
            section.sql,
            dialect=warehouse.dialect,
            tables=readable_tables(owner, for_others=True),
            parameters=values.keys(),
        )
    except RefusedSql as error:
        raise SectionFailed("refused", error.line) from error
    used = {name: value for name, value in values.items() if name in prepared.parameters}
    if any(value is None for value in used.values()):
        raise SectionFailed("no_value")
    began = time.monotonic()
    reading = _read(warehouse, prepared.sql, used, timeout=timeout)
    took = round((time.monotonic() - began) * 1000)
    if not {each.name for each in section.columns} <= set(reading.columns):
        raise SectionFailed("no_column")
    cells = Cells()
    rows = _kept(reading, cells)
    charts, problem = _draw(section, reading)
    result = {
        "sql": prepared.sql,
        "parameters": used,
        "dialect": warehouse.dialect,
        "engine": warehouse.engine,
        "snapshot": reading.snapshot,
        "tables": list(prepared.tables),
        "columns": [
            {"name": name, "type": kind} for name, kind in zip(reading.columns, reading.types, strict=True)
        ],
        "rows": rows,
        "row_count": len(reading.rows),
        "cut": len(rows) < len(reading.rows),
        "result_hash": result_hash(reading.columns, reading.rows),
        "duration_ms": took,
        "charts": charts,
    }
    table = Table(
        list(reading.columns), [list(row) for row in reading.rows], list(reading.types), section.columns
    )
    wide = {language: layouts["wide"] for language, layouts in charts.items()}
    told = {
        "result": result,
        "chart_problem": problem,
        "no_table": section.no_table,
        "columns": [each.model_dump() for each in section.columns],
    }
    return Computed(told, table, wide, section.chart if charts else NO_CHART)


def _read(warehouse: Warehouse, sql: str, values: Mapping[str, Any], *, timeout: float) -> Reading:
    size = 0

    def watch(rows: list[tuple[Any, ...]]) -> None:
        nonlocal size
        size += sum(len(cell) if isinstance(cell, str | bytes) else 16 for row in rows for cell in row)
        if size > READ_BYTES:
            raise SectionFailed("large")

    try:
        reading = warehouse.read(sql, values, limit=MOST_ROWS, timeout=timeout, watch=watch)
    except QueryTimeout as error:
        raise SectionFailed("slow") from error
    except QueryTooLarge as error:
        raise SectionFailed("large") from error
    except QueryFailed as error:
        raise SectionFailed("failed", error.line) from error
    if reading.cut:
        raise SectionFailed("large")
    return reading


def _kept(reading: Reading, cells: Cells) -> list[list[Any]]:
    kept: list[list[Any]] = []
    size = 0
    for row in reading.rows[:KEPT_ROWS]:
        shown = cells.row(row)
        size += len(json.dumps(shown, ensure_ascii=False).encode())
        if size > KEPT_BYTES:
            break
        kept.append(shown)
    return kept


def _draw(section: QuerySection, reading: Reading) -> tuple[dict[str, dict[str, str]], dict[str, str] | None]:
    try:
        return draw(reading.columns, reading.rows, section.chart), None
    except ChartRefused as refused:
        if refused.code == "no_column":
            raise SectionFailed("no_chart_column") from refused
        return {}, {"code": refused.code, "column": refused.column}


@dataclass(frozen=True, slots=True)
class ReadMetric:
    """A metric as it stands: its figure, all points of the grain, and the last complete ones."""

    metric: Metric
    version: int
    definition: MetricDefinition
    grain: str
    figure: Glance
    points: list[MetricPoint]
    whole: list[MetricPoint]


def read_metric(section: MetricSection, *, owner: User | None) -> ReadMetric:
    """Take the metric's newest complete figure and its last periods; raises SectionFailed."""
    seen = (
        Metric.objects.visible_to(owner) if owner is not None and owner.is_active else Metric.objects.none()
    )
    found = seen.select_related("asset", "version").filter(asset__key=section.metric)
    metric = found.first()
    if metric is None or metric.version is None:
        raise SectionFailed("no_metric")
    definition = metric.version.parsed
    grain = section.grain or headline_grain(definition).value
    if grain not in definition.grains:
        raise SectionFailed("no_grain")
    points = list(metric.points.filter(grain=grain, version=metric.version).order_by("starts_on"))
    newest_day = metric.points.filter(grain="day").order_by("-starts_on").values_list("starts_on", flat=True)
    until = known_until(definition, newest_day.first(), timezone.now())
    figure = figure_of(definition, points, grain=grain, until=until)
    if figure is None:
        raise SectionFailed("no_values")
    whole = complete(points, grain=grain, known_until=until)[-section.periods :]
    return ReadMetric(metric, metric.version.number, definition, grain, figure, points, whole)


def compute_metric(section: MetricSection, *, owner: User | None) -> Computed:
    """Take the metric's figure and draw its last periods; raises SectionFailed."""
    read = read_metric(section, owner=owner)
    metric, definition, grain, figure = read.metric, read.definition, read.grain, read.figure
    points, whole = read.points, read.whole
    headline = Headline(
        definition,
        grain,
        figure.point.starts_on,
        figure.value,
        figure.before.starts_on if figure.before else None,
        figure.change,
    )
    outputs = {
        "metric": section.metric,
        "grain": grain,
        "chart": section.chart,
        "version": read.version,
        "starts_on": headline.starts_on.isoformat(),
        "before": headline.before.isoformat() if headline.before else None,
        "periods": section.periods,
        "evidence": str(figure.point.evidence_id),
        "series": [[each.starts_on.isoformat(), each.value, each.sample] for each in points],
    }
    table = Table(
        ["period", "value", "sample"], [[each.starts_on, each.value, each.sample] for each in whole]
    )
    if section.chart == "none":
        return Computed(outputs, table, headline=headline, metric=metric)
    if section.chart != "usual":
        accessible = definition.accessible.model_copy(update={"chart": section.chart})
        definition = definition.model_copy(update={"accessible": accessible})
    charts = _series_charts(definition, whole, grain)
    wide = {language: layouts["wide"] for language, layouts in charts.items()}
    drawn = ChartChoice(kind=definition.accessible.chart, x="period", y=["value"])
    return Computed({**outputs, "charts": charts}, table, wide, drawn, headline, metric)


def _series_charts(
    definition: MetricDefinition, points: list[MetricPoint], grain: str
) -> dict[str, dict[str, str]]:
    drawn = [ChartPoint(point.starts_on, point.value, point.sample) for point in points]
    return {
        language: {
            layout: vega.render(
                series_spec(drawn, definition, grain=grain, language=language, layout=layout),
                language=language,
            )
            for layout in ChartLayout
        }
        for language in LANGUAGES
    }
