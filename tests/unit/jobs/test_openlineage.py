"""OpenLineage: each event fits the official classes, is written once, and reaches a server and a file."""

import json
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import attr
import pytest
from django.utils import timezone
from openlineage.client import event_v2, facet_v2
from openlineage.client.generated import base

from catalog.models import Dataset
from catalog.models.lineage import LineageEdge
from jobs import openlineage
from jobs.choices import RunState, Trigger
from jobs.models import RunEvent, TellingMark
from portal.webhooks import relay
from portal.webhooks.models import Delivery, Endpoint
from tests.factories.catalog import dataset as make_dataset
from tests.factories.catalog import definition, edge, metric
from tests.factories.jobs import make_job, make_run, make_schedule
from tests.receiver import Receiver

pytestmark = pytest.mark.django_db
FACETS = {
    "nominalTime": facet_v2.nominal_time_run.NominalTimeRunFacet,
    "parent": facet_v2.parent_run.ParentRunFacet,
    "errorMessage": facet_v2.error_message_run.ErrorMessageRunFacet,
    "jobType": facet_v2.job_type_job.JobTypeJobFacet,
    "documentation": facet_v2.documentation_job.DocumentationJobFacet,
    "sql": facet_v2.sql_job.SQLJobFacet,
    "schema": facet_v2.schema_dataset.SchemaDatasetFacet,
    "columnLineage": facet_v2.column_lineage_dataset.ColumnLineageDatasetFacet,
    "outputStatistics": facet_v2.output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet,
    "dataQualityAssertions": facet_v2.data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet,
}


def fits(value: Any, kind: Any, where: str) -> None:
    """Refuse what the official class does not have, lacks, or has of another type."""
    origin = get_origin(kind)
    if kind is Any:
        return
    if origin in (Union, UnionType):
        options = [each for each in get_args(kind) if each is not NoneType]
        assert value is not None, where
        fits(value, options[0], where)
    elif origin is list:
        assert isinstance(value, list), where
        for each in value:
            fits(each, get_args(kind)[0], where)
    elif origin is dict:
        assert isinstance(value, dict), where
        for name, each in value.items():
            inner = FACETS[name] if name in FACETS else get_args(kind)[1]
            fits(each, inner, f"{where}.{name}")
    elif isinstance(kind, type) and issubclass(kind, Enum):
        assert value in {each.value for each in kind}, where
    elif attr.has(kind):
        _fits_class(value, kind, where)
    else:
        assert isinstance(value, kind), f"{where}: {value!r}"


def _fits_class(value: Any, kind: Any, where: str) -> None:
    hints = get_type_hints(kind)
    fields = {each.name: each for each in attr.fields(kind) if not each.name.startswith("__")}
    assert set(value) <= set(fields), f"{where} knows no {set(value) - set(fields)}"
    required = {name for name, each in fields.items() if each.default is attr.NOTHING}
    assert required <= set(value), f"{where} lacks {required - set(value)}"
    if "_schemaURL" in value:
        assert value["_schemaURL"] == kind._get_schema(), where
    for name, inner in value.items():
        fits(inner, hints[name], f"{where}.{name}")


@pytest.fixture
def file(settings, tmp_path):
    settings.OPENLINEAGE_FILE = str(tmp_path / "deep" / "lineage.jsonl")
    openlineage.write_lineage()
    return tmp_path / "deep" / "lineage.jsonl"


def lines(file):
    endpoint = Endpoint.objects.get(kind="lineage_file")
    relay.deliver(str(endpoint.pk))
    found = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    for each in found:
        fits(each, base.RunEvent, "event")
        assert each["schemaURL"] == base.RunEvent._get_schema()
        # The class itself checks times, ids and addresses.
        event_v2.RunEvent(
            eventTime=each["eventTime"],
            run=event_v2.Run(runId=each["run"]["runId"]),
            job=event_v2.Job(namespace=each["job"]["namespace"], name=each["job"]["name"]),
            eventType=event_v2.RunState[each["eventType"]],
        )
    return found


def happen(run, kind, **data):
    RunEvent.objects.create(run=run, kind=kind, data=data)
    openlineage.write_lineage()


def test_a_model_s_run_tells_what_it_read_and_made(file):
    job = make_job(
        "daily", kind="sql_model", config={"sql": "SELECT a AS b FROM ops.raw"}, description_en="Daily"
    )
    parent = make_run(make_job("loads"), RunState.SUCCEEDED)
    run = make_run(
        job,
        RunState.SUCCEEDED,
        trigger=Trigger.AFTER,
        principal=f"run:{parent.pk}",
        outputs={"datasets": [{"key": "ops.daily", "row_count": 12, "snapshot": 4}]},
    )
    raw, daily = make_dataset("ops.raw"), make_dataset("ops.daily")
    Dataset.objects.filter(pk=daily.pk).update(published_by=run.pk)
    daily.columns.all().delete()
    daily.columns.create(position=0, name="b", data_type="BIGINT", made_from=[["ops.raw", "a"]])
    LineageEdge.objects.create(
        upstream_kind="dataset",
        upstream_key="ops.raw",
        downstream_kind="job",
        downstream_key="daily",
        source="run",
    )
    happen(run, "started", attempt=1)
    happen(run, "started", attempt=2)
    happen(run, "succeeded")
    start, again, complete = lines(file)
    assert [each["eventType"] for each in (start, again, complete)] == ["START", "RUNNING", "COMPLETE"]
    assert start["outputs"] == []
    named = {"namespace": "data-desk", "name": raw.physical_name}
    assert start["inputs"] == complete["inputs"] == [named]
    assert complete["run"]["runId"] == str(run.pk)
    assert complete["run"]["facets"]["parent"]["run"] == {"runId": str(parent.pk)}
    assert complete["run"]["facets"]["parent"]["job"]["name"] == "loads"
    assert complete["job"]["facets"]["sql"]["query"] == "SELECT a AS b FROM ops.raw"
    (made,) = complete["outputs"]
    assert made["name"] == daily.physical_name
    assert made["outputFacets"]["outputStatistics"]["rowCount"] == 12
    assert made["facets"]["schema"]["fields"] == [{"name": "b", "type": "BIGINT", "ordinal_position": 1}]
    assert made["facets"]["columnLineage"]["fields"] == {"b": {"inputFields": [{**named, "field": "a"}]}}


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        ("report", {"sections": [{"kind": "metric", "metric": "ops.rate"}]}),
        ("metric_refresh", {"metrics": ["ops.rate"]}),
        ("metric_refresh", {"dataset": "ops.late"}),
    ],
)
def test_what_reads_metrics_tells_the_datasets_that_they_are_computed_from(file, kind, config):
    late, flights = make_dataset("ops.late"), make_dataset("ops.flights")
    make_dataset("ops.other")
    metric("ops.rate", version=definition(dataset="ops.late"))
    derived_from = {"ops.rate": ("metric", "ops.count"), "ops.count": ("dataset", "ops.flights")}
    for key, upstream in derived_from.items():
        edge(upstream, ("metric", key), source="definition")
    edge(("dataset", "ops.late"), ("metric", "ops.rate"), source="definition")
    job = make_job("weekly", kind=kind, config=config)
    if kind == "report":
        edge(("metric", "ops.rate"), ("job", "weekly"), source="definition")
    happen(make_run(job, RunState.SUCCEEDED), "succeeded")
    (told,) = lines(file)
    assert [each["name"] for each in told["inputs"]] == [flights.physical_name, late.physical_name]


@pytest.mark.parametrize(
    ("kind", "state", "data", "word"),
    [
        ("failed", RunState.FAILED, {}, "FAIL"),
        ("timed_out", RunState.TIMED_OUT, {}, "FAIL"),
        ("worker_lost", RunState.LOST, {"state": "lost"}, "FAIL"),
        ("cancelled", RunState.CANCELLED, {}, "ABORT"),
        ("skipped", RunState.SKIPPED, {}, None),
        ("worker_lost", RunState.QUEUED, {"state": "queued"}, None),
    ],
)
def test_each_end_has_its_type(file, kind, state, data, word):
    job = make_job()
    schedule = make_schedule(job)
    run = make_run(job, state, schedule=schedule, slot=timezone.now(), trigger=Trigger.SCHEDULE)
    happen(run, kind, **data)
    found = lines(file)
    assert [each["eventType"] for each in found] == ([word] if word else [])
    for each in found:
        assert each["run"]["facets"]["nominalTime"]["nominalStartTime"] == run.slot.isoformat()
        assert ("errorMessage" in each["run"]["facets"]) == (word == "FAIL")


def test_a_check_s_run_tells_how_each_check_went(file):
    dataset = make_dataset("ops.raw")
    checks = [
        {
            "name": "no nulls",
            "passed": False,
            "blocking": True,
            "observed": "3",
            "expected": "0",
            "job": "look",
        },
        {"name": "of another", "passed": True, "job": ""},
    ]
    Dataset.objects.filter(pk=dataset.pk).update(checks=checks)
    run = make_run(make_job("look", kind="quality_check", config={"dataset": "ops.raw"}), RunState.FAILED)
    happen(run, "failed")
    (told,) = lines(file)
    (looked_at,) = told["inputs"]
    assert looked_at["inputFacets"]["dataQualityAssertions"]["assertions"] == [
        {"assertion": "no nulls", "success": False, "severity": "error", "expected": "0", "actual": "3"}
    ]
    assert told["outputs"] == []


def test_each_is_written_once_though_the_clock_reads_twice(file):
    run = make_run(make_job(), RunState.SUCCEEDED)
    happen(run, "started", attempt=1)
    happen(run, "succeeded")
    TellingMark.objects.update(event=0)
    openlineage.write_lineage()
    assert [each["eventType"] for each in lines(file)] == ["START", "COMPLETE"]


def test_a_server_gets_them_with_its_key_and_is_never_switched_off(settings):
    with Receiver() as server:
        settings.OUTGOING_ALLOW = (("127.0.0.1", server.port),)
        settings.OPENLINEAGE_URL = server.url("/api/v1/lineage")
        settings.OPENLINEAGE_API_KEY = "canary"
        openlineage.write_lineage()
        happen(make_run(make_job(), RunState.SUCCEEDED), "succeeded")
        endpoint = Endpoint.objects.get(kind="lineage_url")
        server.status = 500
        relay.deliver(str(endpoint.pk))
        Endpoint.objects.update(failing_since=timezone.now() - 2 * relay.PATIENCE)
        Delivery.objects.update(available_at=timezone.now())
        relay.deliver(str(endpoint.pk))
        endpoint.refresh_from_db()
        assert endpoint.off_at is None
        server.status = 201
        Delivery.objects.update(available_at=timezone.now())
        assert relay.deliver(str(endpoint.pk)) == 1
        got = server.received[-1]
        assert (got.path, got.headers["authorization"]) == ("/api/v1/lineage", "Bearer canary")
        fits(json.loads(got.body), base.RunEvent, "event")


def test_without_a_setting_nothing_is_read(monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(openlineage, "_forgotten", True)
    happen(make_run(make_job(), RunState.SUCCEEDED), "succeeded")
    with django_assert_num_queries(0):
        assert openlineage.write_lineage() == 0
    assert not Delivery.objects.exists()
