"""The kind ``metric_refresh``: computes the series of metrics, with evidence, and draws their charts."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self, get_args

from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop
from pydantic import BaseModel, ConfigDict, Field, model_validator

from catalog.actions.metrics import record_refresh
from catalog.charts import ChartPoint, series_spec
from catalog.choices import ChartLayout
from catalog.compiler import metric_compiler
from catalog.compiler.port import CompiledMetric, Source, Surroundings
from catalog.definitions import Derived, MetricDefinition
from catalog.exceptions import UnknownDataset, UnknownMetric
from catalog.models import Dataset, Metric
from catalog.published import (
    RefreshedChart,
    RefreshedEvidence,
    RefreshedMetric,
    RefreshedPoint,
    RefreshedSeries,
)
from jobs.models import Job, Run
from jobs.runners.base import Context, Step
from portal.audit.actions import Actor
from portal.evidence.hashing import MOST_ROWS, result_hash
from portal.said import said
from portal.ui import vega
from portal.warehouse.errors import QueryFailed
from portal.warehouse.port import Warehouse

Language = Literal["en", "ko"]


class MetricRefreshConfig(BaseModel):
    """Which metrics: by their keys, or all that are computed from a dataset."""

    model_config = ConfigDict(extra="forbid")

    metrics: list[str] = Field(
        default=[], title=gettext_noop("Metrics"), description=gettext_noop("Their keys, one a line.")
    )
    dataset: str | None = Field(
        default=None,
        title=gettext_noop("Dataset"),
        description=gettext_noop("Its key, for all metrics that are computed from it."),
    )
    timeout: float = Field(
        default=120.0,
        gt=0,
        title=gettext_noop("Time limit of a query"),
        description=gettext_noop("Seconds that one query may take."),
    )

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if bool(self.metrics) == (self.dataset is not None):
            raise ValueError(said("Give metrics or a dataset, one of the two."))
        return self


@dataclass(frozen=True, slots=True)
class _Wanted:
    key: str
    version: int
    definition: MetricDefinition


class MetricRefreshRunner:
    """Compile each metric for each grain, compute it as of one snapshot, draw it in both languages."""

    Config: type[BaseModel] = MetricRefreshConfig
    label = _("Metric refresh")
    icon = "metric"
    confined = True
    docs = _("Computes metrics from the warehouse, keeps each point with its evidence, and draws the charts.")

    def steps(self, job: Job) -> list[Step]:
        """Return the same three steps for every job."""
        return [Step("compile", _("Compile")), Step("compute", _("Compute")), Step("draw", _("Draw"))]

    def run(self, context: Context) -> dict[str, Any]:
        """Tell each metric as an entry of ``refreshed`` (dumps of RefreshedMetric); return the snapshot."""
        with context.warehouse(read_only=True) as warehouse:
            with context.step("compile"):
                wanted = _wanted(context.config)
                compiled = _compile(context, warehouse, wanted)
            with context.step("compute"):
                snapshot = warehouse.snapshot()
                context.log.info("reading snapshot %d", snapshot)
                computed = _compute(context, warehouse, wanted, compiled, snapshot=snapshot)
        with context.step("draw"):
            _draw(context, wanted, computed)
        return {"snapshot": snapshot}

    def record(self, *, run: Run, outputs: dict[str, Any]) -> dict[str, Any]:
        """Keep points, evidence and charts in the catalog; the run keeps keys and numbers of points."""
        refreshed = [RefreshedMetric.model_validate(one) for one in outputs.pop("refreshed", [])]
        taken = record_refresh(refreshed=refreshed, run_id=run.pk, by=Actor.system(run.job.key))
        outputs["metrics"] = [
            {
                "key": one.key,
                "version": one.version,
                "points": sum(len(series.points) for series in one.series),
                "kept": one.key in taken,
            }
            for one in refreshed
        ]
        return outputs


def _wanted(config: MetricRefreshConfig) -> list[_Wanted]:
    found = Metric.objects.select_related("asset", "version").exclude(version=None).order_by("asset__key")
    if config.dataset is not None:
        found = found.computed_from([config.dataset])
    else:
        found = found.filter(asset__key__in=config.metrics)
    wanted = [
        _Wanted(metric.asset.key, metric.version.number, metric.version.parsed)
        for metric in found
        if metric.version is not None
    ]
    for key in config.metrics:
        if key not in {one.key for one in wanted}:
            raise UnknownMetric(key)
    return wanted


def _compile(
    context: Context, warehouse: Warehouse, wanted: Sequence[_Wanted]
) -> dict[tuple[str, str], CompiledMetric]:
    surroundings = _surroundings(warehouse, wanted)
    compiler = metric_compiler(dialect=warehouse.dialect)
    compiled: dict[tuple[str, str], CompiledMetric] = {}
    for index, one in enumerate(wanted, start=1):
        for grain in one.definition.grains:
            compiled[one.key, grain] = compiler.compile(one.definition, grain, surroundings)
        context.progress(index / len(wanted), one.key)
    context.log.info("compiled %d queries for %d metrics", len(compiled), len(wanted))
    return compiled


def _surroundings(warehouse: Warehouse, wanted: Sequence[_Wanted]) -> Surroundings:
    metrics = {one.key: one.definition for one in wanted}
    pending = [one.definition for one in wanted]
    while pending:
        computation = pending.pop().computation
        for key in computation.inputs.values() if isinstance(computation, Derived) else ():
            if key not in metrics:
                metrics[key] = _definition(key)
                pending.append(metrics[key])
    # Only what the definitions name: expert SQL reads its own dataset and no other.
    keys = {definition.dataset for definition in metrics.values()}
    tables = dict(Dataset.objects.filter(asset__key__in=keys).values_list("asset__key", "physical_name"))
    published = set(warehouse.tables())
    sources = {}
    for key in sorted(keys):
        if tables.get(key) not in published:
            raise UnknownDataset(key)
        columns = warehouse.columns(tables[key])
        sources[key] = Source(table=tables[key], columns={each.name: each.data_type for each in columns})
    return Surroundings(sources=sources, metrics=metrics)


def _definition(key: str) -> MetricDefinition:
    metric = Metric.objects.select_related("version").filter(asset__key=key).first()
    if metric is None or metric.version is None:
        raise UnknownMetric(key)
    return metric.version.parsed


def _compute(
    context: Context,
    warehouse: Warehouse,
    wanted: Sequence[_Wanted],
    compiled: dict[tuple[str, str], CompiledMetric],
    *,
    snapshot: int,
) -> dict[str, list[RefreshedSeries]]:
    computed: dict[str, list[RefreshedSeries]] = {}
    for index, one in enumerate(wanted, start=1):
        computed[one.key] = [
            compute(
                warehouse,
                compiled[one.key, grain],
                grain=grain,
                definition=one.definition,
                snapshot=snapshot,
                timeout=context.config.timeout,
            )
            for grain in one.definition.grains
        ]
        found = ", ".join(f"{len(series.points)} {series.grain}" for series in computed[one.key])
        took = sum(series.evidence.duration_ms for series in computed[one.key])
        context.log.info("%s: %s points in %d ms", one.key, found, took)
        context.progress(index / len(wanted), one.key)
    return computed


def compute(
    warehouse: Warehouse,
    compiled: CompiledMetric,
    *,
    grain: Literal["day", "week", "month"],
    definition: MetricDefinition,
    snapshot: int,
    timeout: float = 120.0,
) -> RefreshedSeries:
    """Run a compiled metric as of a snapshot and return its points with their evidence."""
    began = time.monotonic()
    answer = warehouse.query(compiled.sql, limit=MOST_ROWS, timeout=timeout, snapshot=snapshot)
    took = round((time.monotonic() - began) * 1000)
    if answer.cut:
        raise QueryFailed(said("The metric has more than %(most)s periods.", most=f"{MOST_ROWS:,}"))
    return RefreshedSeries(
        grain=grain,
        points=[
            RefreshedPoint(starts_on=starts_on, value=value, sample=sample)
            for starts_on, value, sample in answer.rows
        ],
        evidence=RefreshedEvidence(
            sql=compiled.sql,
            dialect=compiled.dialect,
            engine=warehouse.engine,
            snapshot=snapshot,
            tables=warehouse.reads(compiled.sql),
            definition_hash=definition.hash,
            row_count=len(answer.rows),
            result_hash=result_hash(answer.columns, answer.rows),
            duration_ms=took,
        ),
    )


def _draw(context: Context, wanted: Sequence[_Wanted], computed: dict[str, list[RefreshedSeries]]) -> None:
    """Draw each metric and tell it at once: the charts of many are too large for one message."""
    drawn = 0
    for index, one in enumerate(wanted, start=1):
        charts = [chart for series in computed[one.key] for chart in _charts(one.definition, series)]
        refreshed = RefreshedMetric(key=one.key, version=one.version, series=computed[one.key], charts=charts)
        context.entry("refreshed", refreshed.model_dump(mode="json"))
        drawn += len(charts)
        context.progress(index / len(wanted), one.key)
    context.log.info("drew %d charts", drawn)


def _charts(definition: MetricDefinition, series: RefreshedSeries) -> list[RefreshedChart]:
    points = [ChartPoint(point.starts_on, point.value, point.sample) for point in series.points]
    languages: tuple[Language, ...] = get_args(Language)
    charts = []
    for language in languages:
        for layout in ChartLayout:
            spec = series_spec(points, definition, grain=series.grain, language=language, layout=layout)
            svg = vega.render(spec, language=language)
            charts.append(RefreshedChart(grain=series.grain, language=language, layout=layout.value, svg=svg))
    return charts
