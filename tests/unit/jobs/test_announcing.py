"""What webhooks hear of runs: each end once, whatever the clocks do, and nothing while nobody listens."""

import json
import re
from datetime import timedelta

import pytest
from django.utils import timezone

from jobs import announcing, telling
from jobs.actions.alerts import open_late
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


def test_the_job_s_page_shows_what_went_wrong_last(client, cast):
    job = make_job(owner=cast.dan)
    for message in ("line 7 is wrong", "the file is UTF-16"):
        last = end(job, RunState.FAILED, error={"class": "bad_input", "message": message})
        telling.tell_of_runs()
    client.force_login(cast.dan)
    page = client.get(f"/jobs/{job.key}/").content.decode()
    (card,) = re.findall(r'aria-labelledby="alerts-title".*?</section>', page, re.DOTALL)
    assert "the file is UTF-16" in card
    assert f'href="/runs/{last.number}/"' in card
    assert "line 7" not in card


def alerts_heard():
    return [(body["type"], body["data"]["alert"]) for body in heard() if body["type"].startswith("alert.")]


def test_an_alert_is_told_when_it_opens_and_when_it_closes_each_once(endpoint, settings):
    job = make_job()
    first = end(job, RunState.FAILED)
    telling.tell_of_runs()
    end(job, RunState.FAILED)
    telling.tell_of_runs()
    ((word, told),) = alerts_heard()
    assert (word, told["condition"], told["closed_at"]) == ("alert.opened", "failed", None)
    assert told["job"] == {"key": "load-weather", "name": "Load weather", "kind": "python"}
    assert told["run"]["url"] == f"{settings.PUBLIC_URL}/runs/{first.number}/"
    assert set(told["error"]) == {"class", "message"}
    end(job, RunState.SUCCEEDED)
    telling.tell_of_runs()
    TellingMark.objects.update(event=0)
    telling.tell_of_runs()
    (_opened, (word, over)) = alerts_heard()
    assert (word, over["id"]) == ("alert.closed", told["id"])
    assert over["closed_at"]


def test_what_is_late_is_told_without_an_error(endpoint):
    job = make_job(late_after=60)
    make_run(job, RunState.QUEUED, ago=120)
    open_late()
    open_late()
    ((word, told),) = alerts_heard()
    assert (word, told["condition"], told["error"]) == ("alert.opened", "late", None)


def test_alerts_are_told_only_as_far_as_the_owner_of_the_endpoint_may_see(cast):
    make_endpoint(cast.ada, events=list(Event))
    make_endpoint(cast.dan, events=["run.failed"])
    end(make_job(private=True, owner=cast.dan), RunState.FAILED)
    telling.tell_of_runs()
    assert alerts_heard() == []


def test_a_new_edition_of_a_report_is_told_with_what_is_missing_and_no_figure(endpoint, settings):
    job = make_job("weekly", kind="report")
    sections = [{"kind": "query", "rows": [[42]]}, {"kind": "query", "failed": {"why": "slow"}}]
    run = end(job, RunState.SUCCEEDED, outputs={"sections": sections, "incomplete": True})
    announcing.announce_runs()
    (report,) = [body["data"]["report"] for body in heard() if body["type"] == "report.published"]
    assert report == {
        "key": "weekly",
        "name": job.name_en,
        "edition": run.number,
        "url": f"{settings.PUBLIC_URL}/reports/weekly/{run.number}/",
        "api": f"{settings.PUBLIC_URL}/api/v1/reports/weekly/editions/{run.number}",
        "incomplete": True,
        "sections": 2,
        "failed_sections": 1,
    }


def test_runs_of_other_jobs_are_no_editions(endpoint):
    end(make_job(), RunState.SUCCEEDED)
    announcing.announce_runs()
    assert [body["type"] for body in heard()] == ["run.succeeded"]
