"""Define metrics and take up what runs have computed of them."""

from collections.abc import Sequence
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from catalog.actions import assets, lineage
from catalog.actions.search import reindex
from catalog.choices import AssetKind, Certification, NodeKind
from catalog.definitions import Derived, MetricDefinition, columns_of
from catalog.exceptions import UnknownColumn, UnknownMetric
from catalog.models import Asset, Column, Metric, MetricChart, MetricPoint, MetricVersion
from catalog.published import RefreshedEvidence, RefreshedMetric, RefreshedSeries
from portal.accounts.models import Team, User
from portal.audit.actions import Actor, record
from portal.evidence.models import Evidence, Result


@transaction.atomic
def define(
    *,
    key: str,
    name_en: str,
    name_ko: str = "",
    description_en: str = "",
    description_ko: str = "",
    definition: MetricDefinition,
    reason: str,
    by: Actor,
    user: User | None = None,
    owner: User | None = None,
    team: Team | None = None,
    tags: Sequence[str] = (),
    synonyms: Sequence[str] = (),
) -> MetricVersion:
    """Create the metric, or give it a new version where the definition differs; return the version in force.

    ``user`` is the person at work (None where code defines it: then a person's words are kept). A
    certification lapses when what the number depends on has changed. Columns are checked once the dataset
    is known; before that, the first refresh checks them.
    """
    _check_columns(definition)
    texts = {
        "name_en": name_en,
        "name_ko": name_ko,
        "description_en": description_en,
        "description_ko": description_ko,
    }
    asset, created = assets.register(
        kind=AssetKind.METRIC,
        key=key,
        texts=texts,
        tags=tags,
        synonyms=synonyms,
        owner=owner,
        team=team,
        by_person=user is not None,
    )
    # The row of the asset is locked, so nobody else can take the next number.
    metric, _ = Metric.objects.select_related("version").get_or_create(asset=asset)
    before = metric.version
    wanted = definition.model_dump(mode="json")
    reindex([asset])
    if before is not None and before.definition == wanted:
        return before
    version = MetricVersion.objects.create(
        metric=metric,
        number=before.number + 1 if before else 1,
        definition=wanted,
        definition_hash=definition.hash,
        reason=reason,
        created_by=user,
    )
    Metric.objects.filter(pk=metric.pk).update(version=version)
    lineage.replace_inputs(
        node=(NodeKind.METRIC.value, key), upstream=_inputs(definition), source="definition"
    )
    record(
        "metric.defined",
        by=by,
        about=assets.about(asset),
        created=created,
        version=version.number,
        reason=reason,
    )
    if before is not None and before.definition_hash != version.definition_hash:
        _lapse(asset, by=by)
    return version


@transaction.atomic
def record_refresh(*, refreshed: Sequence[RefreshedMetric], run_id: UUID | str, by: Actor) -> list[str]:
    """Keep the points, evidence and charts that a run has computed; return the keys that were taken up.

    A metric whose definition got a newer version meanwhile is left to the next refresh.
    """
    run = UUID(str(run_id))
    return [each.key for each in sorted(refreshed, key=lambda one: one.key) if _take_up(each, run=run, by=by)]


@transaction.atomic
def keep_series(*, evidence: Evidence) -> None:
    """Keep a metric's numbers and charts with their evidence, before a refresh takes the points along.

    For what is going to be cited; the second time changes nothing.
    """
    points = list(MetricPoint.objects.filter(evidence=evidence).order_by("starts_on"))
    if not points:
        return
    charts: dict[str, dict[str, str]] = {}
    for chart in MetricChart.objects.filter(metric=points[0].metric_id, grain=points[0].grain):
        charts.setdefault(chart.language, {})[chart.layout] = chart.svg
    Result.objects.get_or_create(
        evidence=evidence,
        defaults={
            "columns": [
                {"name": "period", "type": "DATE"},
                {"name": "value", "type": "DOUBLE"},
                {"name": "sample", "type": "BIGINT"},
            ],
            "rows": [[point.starts_on.isoformat(), point.value, point.sample] for point in points],
            "charts": charts,
        },
    )


def _take_up(refreshed: RefreshedMetric, *, run: UUID, by: Actor) -> bool:
    metric = (
        Metric.objects.select_related("asset", "version")
        .select_for_update(of=("self",))
        .filter(asset__kind=AssetKind.METRIC, asset__key=refreshed.key)
        .first()
    )
    if metric is None or metric.version is None:
        raise UnknownMetric(refreshed.key)
    if metric.version.number != refreshed.version:
        return False
    for series in refreshed.series:
        _keep_series(metric, metric.version, series, run=run)
    for chart in refreshed.charts:
        MetricChart.objects.update_or_create(
            metric=metric,
            grain=chart.grain,
            language=chart.language,
            layout=chart.layout,
            defaults={"svg": chart.svg},
        )
    Metric.objects.filter(pk=metric.pk).update(refreshed_at=timezone.now())
    record(
        "metric.refreshed",
        by=by,
        about=assets.about(metric.asset),
        version=refreshed.version,
        points={series.grain: len(series.points) for series in refreshed.series},
        run=str(run),
    )
    return True


def _keep_series(metric: Metric, version: MetricVersion, series: RefreshedSeries, *, run: UUID) -> None:
    evidence = _keep_evidence(series.evidence, run=run)
    starts = [point.starts_on for point in series.points]
    MetricPoint.objects.filter(metric=metric, grain=series.grain).exclude(starts_on__in=starts).delete()
    MetricPoint.objects.bulk_create(
        [
            MetricPoint(
                metric=metric,
                version=version,
                grain=series.grain,
                starts_on=point.starts_on,
                value=point.value,
                sample=point.sample,
                evidence=evidence,
            )
            for point in series.points
        ],
        update_conflicts=True,
        unique_fields=["metric", "grain", "starts_on"],
        update_fields=["version", "value", "sample", "evidence"],
        batch_size=1000,
    )


def _keep_evidence(evidence: RefreshedEvidence, *, run: UUID) -> Evidence:
    return Evidence.objects.create(run_id=run, **evidence.model_dump(mode="json"))


def _check_columns(definition: MetricDefinition) -> None:
    known = list(Column.objects.filter(dataset__asset__key=definition.dataset).values_list("name", flat=True))
    for column in columns_of(definition) if known else ():
        if column not in known:
            raise UnknownColumn(definition.dataset, column, known)


def _inputs(definition: MetricDefinition) -> list[tuple[str, str]]:
    if isinstance(definition.computation, Derived):
        return [(NodeKind.METRIC.value, key) for key in definition.computation.inputs.values()]
    return [(NodeKind.DATASET.value, definition.dataset)]


def _lapse(asset: Asset, *, by: Actor) -> None:
    if asset.certification == Certification.CERTIFIED:
        assets.certify(asset=asset, certification=Certification.NONE, user=None, by=by)
