"""Datasets, metrics and their surroundings for tests; every factory leaves a searchable asset behind."""

import datetime as dt
from datetime import timedelta

import uuid_utils.compat
from django.utils import timezone

from catalog.actions.search import reindex
from catalog.choices import AssetKind
from catalog.definitions import MetricDefinition
from catalog.models import (
    Asset,
    Column,
    Dataset,
    LineageEdge,
    Metric,
    MetricChart,
    MetricPoint,
    MetricVersion,
)
from portal.evidence.models import Evidence

SHARE = {
    "type": "ratio",
    "numerator": {
        "aggregation": "count",
        "filters": [{"column": "arr_delay", "operator": "<", "value": 15}],
    },
    "denominator": {
        "aggregation": "count",
        "filters": [{"column": "arr_delay", "operator": "is not null"}],
    },
}


def asset(kind, key, **fields):
    """An asset of a kind, company-wide unless ``visibility`` says otherwise."""
    fields.setdefault("name_en", key.replace("_", " ").capitalize())
    return Asset.objects.create(kind=kind, key=key, **fields)


def dataset(key="flights", *, columns=("carrier", "dep_delay"), sample=None, table=None, **fields):
    """A published dataset; ``columns`` are names or dicts of Column's fields, ``table`` Dataset's fields."""
    made = Dataset.objects.create(
        asset=asset(AssetKind.DATASET, key, **fields),
        **{
            "physical_name": f"lake.operations.{key}",
            "row_count": 336_776,
            "snapshot": 7,
            "published_at": timezone.now() - timedelta(hours=2),
            "fresh_within": timedelta(hours=26),
            "checks": [{"name": "has rows", "passed": True, "observed": "336,776", "expected": "≥ 1"}],
            "sample": sample or {},
            **(table or {}),
        },
    )
    for position, column in enumerate(columns):
        given = {"name": column} if isinstance(column, str) else dict(column)
        Column.objects.create(dataset=made, **{"position": position, "data_type": "INTEGER", **given})
    reindex([made.asset])
    return made


def definition(**changes):
    """A checked definition: the on-time rate of flights."""
    return MetricDefinition.model_validate(
        {
            "dataset": "flights",
            "time_column": "time_hour",
            "computation": SHARE,
            "unit": {"kind": "percent"},
            "actionable": {
                "backup": "eun@example.com",
                "targets": [{"since": "2013-01-01", "value": 0.8}],
                "thresholds": [{"level": "warn", "operator": "<", "value": 0.7, "consecutive": 2}],
                "playbook_en": "Look at the weather, then at the carriers.",
                "playbook_ko": "먼저 날씨를, 그다음 항공사를 보세요.",
            },
            **changes,
        }
    )


def metric(key="on_time_rate", *, version=None, points=(), grain="month", run_id=None, **fields):
    """A defined metric; ``points`` are (first day, value) of one grain, with their evidence."""
    made = Metric.objects.create(asset=asset(AssetKind.METRIC, key, **fields))
    given = version or definition()
    made.version = MetricVersion.objects.create(
        metric=made, number=1, definition=given.model_dump(mode="json"), definition_hash=given.hash
    )
    made.save()
    if points:
        refresh(made, points, grain=grain, run_id=run_id)
    reindex([made.asset])
    return made


def refresh(metric, points, *, grain="month", run_id=None, sample=1000):
    """Give a metric its points of one grain, as one run would."""
    evidence = Evidence.objects.create(
        sql="SELECT date_trunc('month', time_hour) AS period, 1.0 AS value FROM flights GROUP BY 1",
        dialect="duckdb",
        engine="DuckDB 1.5.5",
        snapshot=7,
        definition_hash=metric.version.definition_hash,
        run_id=run_id or uuid_utils.compat.uuid7(),
        row_count=len(points),
        result_hash="ab" * 32,
        duration_ms=31,
    )
    MetricPoint.objects.bulk_create(
        MetricPoint(
            metric=metric,
            version=metric.version,
            grain=grain,
            starts_on=starts_on if isinstance(starts_on, dt.date) else dt.date.fromisoformat(starts_on),
            value=value,
            sample=sample,
            evidence=evidence,
        )
        for starts_on, value in points
    )
    for language in ("en", "ko"):
        for layout in ("wide", "narrow"):
            MetricChart.objects.create(
                metric=metric,
                grain=grain,
                language=language,
                layout=layout,
                svg=f'<svg class="drawn-{grain}-{language}-{layout}" viewBox="0 0 10 10"></svg>',
            )
    metric.refreshed_at = timezone.now()
    metric.save()
    return evidence


def edge(upstream, downstream, source="run"):
    """A lineage edge between two (kind, key) nodes."""
    return LineageEdge.objects.create(
        upstream_kind=upstream[0],
        upstream_key=upstream[1],
        downstream_kind=downstream[0],
        downstream_key=downstream[1],
        source=source,
    )


def column(dataset_key, name, *, position=99, data_type="INTEGER", **fields):
    """Another column of a dataset."""
    of = Dataset.objects.get(asset__key=dataset_key)
    return Column.objects.create(dataset=of, name=name, position=position, data_type=data_type, **fields)
