"""Who hears that a run failed, and that the job works again: each once, whatever the clocks do."""

import threading
import time
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from jobs import alerts, telling
from jobs.actions.verifications import VERIFY_EVIDENCE
from jobs.choices import QUERY_JOB, RunState
from jobs.engine import clock
from jobs.models import Alert, AlertDigest, Job, Run, RunEvent, TellingMark
from portal.notifications.models import Notification
from tests.factories.jobs import make_job, make_run

pytestmark = pytest.mark.django_db


def end(job, state, **fields):
    run = make_run(job, state, **fields)
    RunEvent.objects.create(run=run, kind=state)
    return run


def tell():
    return telling.tell_of_runs() + alerts.tell_of_alerts()


def told():
    found = Notification.objects.order_by("pk").select_related("recipient")
    return [(each.kind, each.recipient.name.split()[0], each.about_key) for each in found]


def test_requester_and_owner_hear_of_the_failure_and_of_the_recovery_once(cast):
    job = make_job(owner=cast.ben)
    failed = end(job, RunState.FAILED, by=cast.ada)
    tell()
    end(job, RunState.SUCCEEDED)
    tell()
    end(job, RunState.SUCCEEDED)
    TellingMark.objects.update(event=0)
    tell()
    assert sorted(told()) == [
        ("jobs.alerts", "Ben", str(AlertDigest.objects.get().pk)),
        ("run.failed", "Ada", str(failed.pk)),
        ("run.recovered", "Ada", "load-weather"),
        ("run.recovered", "Ben", "load-weather"),
    ]


def test_news_of_a_failure_name_its_cause_and_lead_to_its_run(client, cast):
    failed = end(make_job(owner=cast.ben), RunState.FAILED, by=cast.dan)
    tell()
    client.force_login(cast.dan)
    page = client.get("/inbox/").content.decode()
    assert "Load weather" in page
    assert "weather.csv line 412" in page
    news = Notification.objects.get(recipient=cast.dan, kind="run.failed")
    assert client.post(f"/inbox/{news.pk}/open/")["Location"] == f"/runs/{failed.number}/"
    client.force_login(cast.finn)
    Notification.objects.update(recipient=cast.finn)
    assert "line 412" in client.get("/inbox/?show=all").content.decode()
    Job.objects.update(private=True, owner=cast.dan)
    assert "line 412" not in client.get("/inbox/?show=all").content.decode()


def test_a_run_whose_workers_died_is_told_too(cast):
    job = make_job(owner=cast.ben, max_attempts=1)
    run = make_run(job, RunState.RUNNING, by=cast.ada, attempt=1)
    Run.objects.filter(pk=run.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    assert clock.reap() == 1
    tell()
    assert {(kind, who) for kind, who, _ in told()} == {("jobs.alerts", "Ben"), ("run.failed", "Ada")}


def test_an_owner_who_asked_for_the_run_is_told_once(cast):
    end(make_job(owner=cast.ben), RunState.FAILED, by=cast.ben)
    tell()
    assert [kind for kind, *_ in told()] == ["run.failed"]


def test_a_run_by_hand_with_other_parameters_proves_nothing_of_the_schedule(cast):
    job = make_job(owner=cast.ben)
    end(job, RunState.FAILED, trigger="schedule", params={"day": "2026-01-01"})
    end(job, RunState.SUCCEEDED, by=cast.ada, params={"day": "2013-01-01"})
    tell()
    assert Alert.objects.open().count() == 1
    assert "run.recovered" not in [kind for kind, *_ in told()]
    end(job, RunState.SUCCEEDED, by=cast.ada, params={"day": "2026-01-01"})
    tell()
    assert not Alert.objects.open().exists()


def test_a_job_that_fails_each_minute_is_news_once_until_it_works(cast):
    job = make_job(owner=cast.ben)
    for state in (RunState.FAILED, RunState.TIMED_OUT, RunState.LOST, RunState.SUCCEEDED):
        end(job, state, ago=0)
        tell()
    assert [kind for kind, *_ in told()] == ["jobs.alerts", "run.recovered"]
    # The next failure is within the window of the first message: it waits, and is one message after it.
    end(job, RunState.FAILED, ago=0)
    tell()
    assert len(told()) == 2
    AlertDigest.objects.update(started_at=timezone.now() - alerts.WINDOW)
    tell()
    assert [kind for kind, *_ in told()] == ["jobs.alerts", "run.recovered", "jobs.alerts"]


@pytest.mark.parametrize("key", [QUERY_JOB, VERIFY_EVIDENCE.key])
def test_queries_and_verifications_tell_nobody(cast, key):
    end(make_job(key, owner=cast.ben), RunState.FAILED, by=cast.ada)
    assert telling.tell_of_runs() == 0


@pytest.mark.parametrize("state", [RunState.CANCELLED, RunState.SKIPPED])
def test_what_somebody_ended_is_no_failure(cast, state):
    job = make_job(owner=cast.ben)
    end(job, state)
    end(job, RunState.SUCCEEDED)
    assert telling.tell_of_runs() == 0


def test_last_weeks_ends_are_no_news(cast):
    end(make_job(owner=cast.ben), RunState.FAILED, ago=9 * 86400)
    assert telling.tell_of_runs() == 0


def test_the_cursor_rests_only_on_what_is_settled(cast):
    job = make_job(owner=cast.ben)
    old = end(job, RunState.FAILED)
    RunEvent.objects.filter(run=old).update(at=old.finished_at)
    new = end(job, RunState.FAILED)
    telling.tell_of_runs()
    assert TellingMark.objects.get().event == old.events.get().pk
    RunEvent.objects.filter(run=new).update(at=old.finished_at)
    telling.tell_of_runs()
    assert TellingMark.objects.get().event == new.events.get().pk


@pytest.mark.django_db(transaction=True)
def test_an_end_that_commits_late_is_told_though_a_later_one_was_read_before(cast):
    slow, fast = make_job("slow", owner=cast.ben), make_job("fast", owner=cast.ben)
    written, read = threading.Event(), threading.Event()

    def commit_late():
        try:
            with transaction.atomic():
                end(slow, RunState.FAILED)
                written.set()
                read.wait(20)
        finally:
            connection.close()

    writer = threading.Thread(target=commit_late)
    writer.start()
    assert written.wait(20)
    end(fast, RunState.FAILED)
    # By its own time it is settled after a second; an older transaction is still writing.
    time.sleep(1.2)
    assert telling.tell_of_runs() == 1
    read.set()
    writer.join()
    assert telling.tell_of_runs() == 1
    assert list(Alert.objects.order_by("pk").values_list("job__key", flat=True)) == ["fast", "slow"]
