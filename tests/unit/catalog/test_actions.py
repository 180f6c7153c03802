"""The catalog takes up what runs tell it, and never against a person or a newer run."""

import datetime as dt
import uuid

import pytest
import uuid_utils.compat
from pydantic import ValidationError

from catalog.actions import assets, metrics
from catalog.actions.datasets import record_publish
from catalog.choices import Certification, Sensitivity
from catalog.definitions import (
    Actionable,
    Aggregation,
    Filter,
    Measure,
    MetricDefinition,
    Operator,
    Ratio,
    Simple,
    Target,
)
from catalog.exceptions import UnknownColumn, UnknownMetric
from catalog.models import Asset, Dataset, LineageEdge, Metric, MetricPoint
from catalog.published import (
    PublishedColumn,
    PublishedDataset,
    PublishedSample,
    RefreshedEvidence,
    RefreshedMetric,
    RefreshedPoint,
    RefreshedSeries,
)
from portal.audit.actions import Actor
from portal.audit.models import AuditEvent
from portal.evidence.models import Evidence

pytestmark = pytest.mark.django_db
JOB = Actor.system("load-words")


def _published(**changes) -> PublishedDataset:
    return PublishedDataset(
        **{
            "key": "ops.words",
            "name_en": "Words",
            "name_ko": "낱말",
            "description_en": "From code.",
            "physical_name": "ops.words",
            "columns": [
                PublishedColumn(name="day", data_type="DATE", description_en="The day."),
                PublishedColumn(
                    name="word", data_type="VARCHAR", minimum="aa", maximum="zz", histogram=[1.0]
                ),
            ],
            "row_count": 2,
            "snapshot": 7,
            "sample": PublishedSample(columns=["day", "word"], rows=[["2013-02-08", "aa"]]),
            "upstream": [("source", "words.csv")],
            "owner_email": "dan@example.com",
            "team_key": "data",
            **changes,
        }
    )


def _publish(*published: PublishedDataset, run=None) -> list[Dataset]:
    return record_publish(
        published=published or [_published()],
        job_key="load-words",
        run_id=run or uuid_utils.compat.uuid7(),
        by=JOB,
    )


def test_publishing_registers_the_dataset(cast) -> None:
    run = uuid_utils.compat.uuid7()
    (dataset,) = _publish(run=run)
    assert (dataset.asset.name_en, dataset.row_count, dataset.snapshot) == ("Words", 2, 7)
    assert dataset.published_by == uuid.UUID(str(run))
    assert dataset.asset.owner == cast.dan
    assert [column.name for column in dataset.columns.all()] == ["day", "word"]
    event = AuditEvent.objects.get(action="dataset.published")
    assert (event.object_id, event.data["rows"], event.actor_label) == ("ops.words", 2, "load-words")


def test_lineage_runs_from_the_source_by_the_job_to_the_dataset(cast) -> None:
    _publish()
    assert {str(edge) for edge in LineageEdge.objects.all()} == {
        "words.csv → load-words",
        "words.csv → ops.words",
        "load-words → ops.words",
    }
    _publish(_published(upstream=[("dataset", "ops.letters")]))
    assert {str(edge) for edge in LineageEdge.objects.all()} == {
        "ops.letters → load-words",
        "ops.letters → ops.words",
        "load-words → ops.words",
    }


def test_code_may_change_its_own_words(cast) -> None:
    _publish()
    _publish(_published(description_en="Better words from code."))
    assert Asset.objects.get().description_en == "Better words from code."


def test_a_persons_words_stay(cast) -> None:
    (dataset,) = _publish()
    assets.describe(
        asset=dataset.asset,
        by=Actor.person(cast.ben),
        description_en="By hand.",
        owner=cast.ben,
        description_ko="",
    )
    _publish(_published(description_en="From code again.", description_ko="코드에서."))
    asset = Asset.objects.get()
    assert (asset.description_en, asset.owner) == ("By hand.", cast.ben)
    # What is still empty may be filled.
    assert asset.description_ko == "코드에서."


def test_a_certification_stays(cast) -> None:
    (dataset,) = _publish()
    assets.certify(
        asset=dataset.asset, certification=Certification.CERTIFIED, user=cast.cleo, by=Actor.person(cast.cleo)
    )
    _publish()
    asset = Asset.objects.get()
    assert (asset.certification, asset.certified_by) == (Certification.CERTIFIED, cast.cleo)


def test_an_older_run_changes_nothing(cast) -> None:
    older = uuid_utils.compat.uuid7()
    _publish(_published(row_count=5))
    assert _publish(_published(row_count=3), run=older) == []
    assert Dataset.objects.get().row_count == 5


def test_a_column_that_a_person_flagged_is_masked_whatever_the_run_says(cast) -> None:
    (dataset,) = _publish()
    assets.describe(asset=dataset.asset, by=Actor.person(cast.dan), tags=["checked"])
    dataset.columns.filter(name="word").update(personal=True)
    _publish()
    dataset = Dataset.objects.get()
    column = dataset.columns.get(name="word")
    assert (column.personal, column.minimum, column.maximum, column.histogram) == (True, "", "", [])
    assert dataset.sample["rows"] == [["2013-02-08", "•••••"]]


def test_personal_columns_make_the_dataset_personal(cast) -> None:
    _publish(_published(columns=[PublishedColumn(name="email", data_type="VARCHAR", personal=True)]))
    assert Asset.objects.get().sensitivity == Sensitivity.PERSONAL


def test_publishing_fails_whole_or_not_at_all(cast) -> None:
    with pytest.raises(Exception, match=r"physical_name|duplicate"):
        _publish(_published(), _published(key="ops.other"))
    assert not Asset.objects.filter(key="ops.words").exists()


def test_the_shapes_refuse_what_they_do_not_know() -> None:
    with pytest.raises(ValidationError):
        _published(secret="x")
    with pytest.raises(ValidationError):
        _published(row_count=-1)


COUNT = Measure(aggregation=Aggregation.COUNT)


def _definition(**changes) -> MetricDefinition:
    return MetricDefinition(
        **{"dataset": "ops.words", "time_column": "day", "computation": Simple(measure=COUNT), **changes}
    )


def _define(definition: MetricDefinition, *, user=None, **texts):
    return metrics.define(
        **{"key": "ops.count", "name_en": "Count", **texts},
        definition=definition,
        reason="because",
        by=Actor.person(user) if user else JOB,
        user=user,
    )


def test_a_changed_definition_is_the_next_version(cast) -> None:
    first = _define(_definition())
    assert _define(_definition()) == first
    second = _define(_definition(time_zone="Asia/Seoul"))
    assert (first.number, second.number) == (1, 2)
    assert Metric.objects.get().version == second
    assert first.definition_hash != second.definition_hash
    assert str(LineageEdge.objects.get()) == "ops.words → ops.count"


def test_words_around_the_number_do_not_change_its_hash(cast) -> None:
    first = _define(_definition())
    second = _define(
        _definition(actionable=Actionable(targets=(Target(since=dt.date(2013, 1, 1), value=1),)))
    )
    assert (second.number, second.definition_hash) == (2, first.definition_hash)


def test_a_certification_lapses_only_with_the_number(cast) -> None:
    _define(_definition())
    assets.certify(
        asset=Asset.objects.get(),
        certification=Certification.CERTIFIED,
        user=cast.cleo,
        by=Actor.person(cast.cleo),
    )
    _define(_definition(purpose_en="Why"))
    assert Asset.objects.get().certification == Certification.CERTIFIED
    _define(_definition(computation=Ratio(numerator=COUNT, denominator=COUNT)))
    assert Asset.objects.get().certification == Certification.NONE


def test_a_definition_with_an_unknown_column_is_refused_once_the_dataset_is_known(cast) -> None:
    wrong = _definition(
        computation=Simple(
            measure=Measure(
                aggregation=Aggregation.COUNT, filters=(Filter(column="wrod", operator=Operator.IS_NULL),)
            )
        )
    )
    _define(wrong, key="ops.early")
    _publish()
    with pytest.raises(UnknownColumn, match="wrod"):
        _define(wrong)
    assert not Asset.objects.filter(key="ops.count").exists()


def _refreshed(values, *, version: int = 1, key: str = "ops.count") -> RefreshedMetric:
    points = [
        RefreshedPoint(starts_on=dt.date(2013, 2, day), value=value, sample=1)
        for day, value in enumerate(values, start=1)
    ]
    evidence = RefreshedEvidence(
        sql="SELECT 1",
        dialect="duckdb",
        engine="duckdb 1.5.5",
        snapshot=7,
        definition_hash="0" * 64,
        row_count=len(points),
        result_hash="1" * 64,
        duration_ms=3,
    )
    return RefreshedMetric(
        key=key, version=version, series=[RefreshedSeries(grain="day", points=points, evidence=evidence)]
    )


def _refresh(refreshed: RefreshedMetric) -> list[str]:
    return metrics.record_refresh(refreshed=[refreshed], run_id=uuid_utils.compat.uuid7(), by=JOB)


def test_a_refresh_keeps_points_with_their_evidence(cast) -> None:
    _define(_definition())
    assert _refresh(_refreshed([1.0, 2.0, 3.0])) == ["ops.count"]
    assert _refresh(_refreshed([1.0, 5.0])) == ["ops.count"]
    points = MetricPoint.objects.order_by("starts_on")
    assert [point.value for point in points] == [1.0, 5.0]
    # Both computations stay on record; the points cite the newest.
    assert Evidence.objects.count() == 2
    assert {point.evidence for point in points} == {Evidence.objects.latest("id")}
    assert Metric.objects.get().refreshed_at is not None


def test_a_refresh_by_an_outdated_definition_is_left_to_the_next(cast) -> None:
    _define(_definition())
    _define(_definition(time_zone="Asia/Seoul"))
    assert _refresh(_refreshed([1.0], version=1)) == []
    assert not MetricPoint.objects.exists()


def test_a_refresh_of_nothing_known_is_refused(cast) -> None:
    with pytest.raises(UnknownMetric, match=r"ops\.count"):
        _refresh(_refreshed([1.0]))
