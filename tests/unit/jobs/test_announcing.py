"""What webhooks hear of runs: each end once, whatever the clocks do, and nothing while nobody listens."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from jobs import announcing
from jobs.actions.verifications import VERIFY_EVIDENCE
from jobs.choices import QUERY_JOB, RunState
from jobs.models import RunEvent, TellingMark
from portal.audit.actions import Actor
from portal.webhooks import actions
from portal.webhooks.choices import Event
from portal.webhooks.models import Delivery
from tests.factories.catalog import dataset as make_dataset
from tests.factories.jobs import make_job, make_run
from tests.factories.webhooks import make_endpoint

pytestmark = pytest.mark.django_db


@pytest.fixture
def endpoint(cast):
    return make_endpoint(cast.dan, events=list(Event))


def end(job, state, kind="", data=None, **fields):
    run = make_run(job, state, **fields)
    RunEvent.objects.create(run=run, kind=kind or state, data=data or {})
    return run


def heard():
    return [json.loads(each.body) for each in Delivery.objects.order_by("pk")]


def test_each_end_is_told_once_with_what_a_receiver_needs(endpoint, settings):
    run = end(make_job(), RunState.FAILED)
    announcing.announce_runs()
    TellingMark.objects.update(event=0)
    announcing.announce_runs()
    (body,) = heard()
    assert body["type"] == "run.failed"
    told = body["data"]["run"]
    assert told["id"] == str(run.pk)
    assert told["url"] == f"{settings.PUBLIC_URL}/runs/{run.number}/"
    assert told["job"] == {"key": "load-weather", "name": "Load weather", "kind": "python"}
    assert told["state"] == "failed"
    assert set(told["error"]) == {"class", "message"}
    assert told["finished_at"]


@pytest.mark.parametrize(
    ("kind", "state", "data", "word"),
    [
        ("started", RunState.RUNNING, {"attempt": 1}, "run.started"),
        ("timed_out", RunState.TIMED_OUT, {}, "run.failed"),
        ("worker_lost", RunState.LOST, {"state": "lost"}, "run.failed"),
        ("worker_lost", RunState.QUEUED, {"state": "queued"}, None),
        ("worker_lost", RunState.CANCELLED, {"state": "cancelled"}, "run.cancelled"),
        ("cancelled", RunState.CANCELLED, {}, "run.cancelled"),
        ("skipped", RunState.SKIPPED, {}, "run.skipped"),
        ("retry", RunState.QUEUED, {}, None),
    ],
)
def test_each_event_of_the_engine_has_its_word(endpoint, kind, state, data, word):
    end(make_job(), state, kind, data)
    announcing.announce_runs()
    assert [each["type"] for each in heard()] == ([word] if word else [])


def test_what_a_run_published_is_told_and_what_it_checked_is_not(endpoint, cast):
    make_dataset("ops.weather")
    datasets = [{"key": "ops.weather", "row_count": 7, "snapshot": 3}, {"key": "ops.flights"}]
    end(make_job(), RunState.SUCCEEDED, outputs={"datasets": datasets})
    announcing.announce_runs()
    run, dataset = heard()
    assert (run["type"], dataset["type"]) == ("run.succeeded", "dataset.updated")
    shown = dataset["data"]["dataset"]
    assert (shown["key"], shown["row_count"], shown["snapshot"]) == ("ops.weather", 7, 3)


@pytest.mark.parametrize("key", [QUERY_JOB, VERIFY_EVIDENCE.key])
def test_what_somebody_asked_is_never_told(endpoint, key):
    end(make_job(key), RunState.FAILED)
    assert announcing.announce_runs() == 0


def test_nothing_is_read_while_nobody_listens_and_nothing_is_made_up_for(
    cast, endpoint, django_assert_max_num_queries
):
    by = Actor.person(cast.dan)
    actions.pause(endpoint=endpoint, by=by)
    run = end(make_job(), RunState.FAILED)
    RunEvent.objects.filter(run=run).update(at=timezone.now() - timedelta(minutes=1))
    with django_assert_max_num_queries(2):
        assert announcing.announce_runs() == 0
    actions.resume(endpoint=endpoint, by=by)
    assert announcing.announce_runs() == 0
    end(run.job, RunState.CANCELLED)
    assert announcing.announce_runs() == 1
