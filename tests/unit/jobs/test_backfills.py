"""Backfills: planned before anything starts, each partition once, so many at a time, steered as a whole."""

import threading
from collections.abc import Callable
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.actions import backfills
from jobs.actions.backfills import Wish
from jobs.choices import ErrorClass, RunState
from jobs.engine import clock, finish
from jobs.engine.claim import Claim, claim
from jobs.engine.report import Failure
from jobs.exceptions import JobDisabled, RefusedTrigger
from jobs.models import Backfill, DataTrigger, Job, Run, Worker
from jobs.models.run import RunQuerySet
from jobs.partitions import parameters_for
from jobs.queue import why_waiting
from jobs.telling import tell_of_runs
from portal.audit.models import AuditEvent
from portal.notifications.models import Notification
from tests.conftest import Cast
from tests.factories.jobs import DAY_PARAMETERS
from tests.unit.jobs.conftest import TESTS

Make = Callable[..., Job]
DAY = {"type": "object", "properties": {"day": {"type": "string", "format": "date"}}, "required": ["day"]}
TEXT = {"type": "object", "properties": {"day": {"anyOf": [{"type": "string"}, {"type": "null"}]}}}


def wish(**fields: Any) -> Wish:
    values = {
        "parameter": "day",
        "unit": "day",
        "first": date(2013, 1, 1),
        "last": date(2013, 1, 3),
        **fields,
    }
    return Wish(**values)


def begin(job: Job, once: str = "once", **fields: Any) -> Backfill:
    return backfills.start(job=job, wish=wish(**fields), once=once, by=TESTS, requested_by=None).backfill


@pytest.fixture
def job(make_job: Make) -> Job:
    return make_job("load", parameters_schema=DAY, max_active_runs=10, max_attempts=1)


@pytest.mark.parametrize(
    ("unit", "first", "last", "values"),
    [
        ("day", date(2012, 2, 28), date(2012, 3, 1), ["2012-02-28", "2012-02-29", "2012-03-01"]),
        ("week", date(2013, 1, 2), date(2013, 1, 14), ["2012-12-31", "2013-01-07", "2013-01-14"]),
        ("month", date(2012, 12, 31), date(2013, 2, 1), ["2012-12-01", "2013-01-01", "2013-02-01"]),
    ],
)
def test_the_plan_lists_every_partition(
    job: Job, unit: str, first: date, last: date, values: list[str]
) -> None:
    planned = backfills.plan(job=job, wish=wish(unit=unit, first=first, last=last))
    assert [each.value for each in planned] == values
    assert [each.params["day"] for each in planned] == values
    assert not Run.objects.exists()


@settings(deadline=None)
@given(first=st.dates(date(1990, 1, 1), date(2060, 1, 1)), days=st.integers(0, 900))
def test_partitions_cover_the_range_without_gap(first: date, days: int) -> None:
    last = first + timedelta(days=days)
    job = Job(parameters_schema=DAY)
    for unit in ("day", "week", "month"):
        planned = backfills.plan(job=job, wish=wish(unit=unit, first=first, last=last))
        begins = [date.fromisoformat(each.value) for each in planned]
        assert begins[0] <= first
        assert begins[-1] <= last
        steps = {later - earlier for earlier, later in pairwise(begins)}
        limits = {"day": (1, 1), "week": (7, 7), "month": (28, 31)}[unit]
        assert all(limits[0] <= step.days <= limits[1] for step in steps)
        assert last - begins[-1] < timedelta(days=limits[1])


def test_a_month_stands_alone_where_the_job_takes_text(make_job: Make) -> None:
    planned = backfills.plan(job=make_job(parameters_schema=TEXT), wish=wish(unit="month"))
    assert [each.params["day"] for each in planned] == ["2013-01"]


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"parameter": "nothing"}, "parameter", "no parameter nothing"),
        ({"unit": "hour"}, "unit", "no such choice"),
        ({"last": date(2012, 1, 1)}, "last", "before the first"),
        ({"last": date(2063, 1, 1)}, "last", "partitions"),
        ({"first": date(1, 1, 1)}, "first", "between 1900 and 2200"),
        ({"last": date(9999, 12, 31)}, "first", "between 1900 and 2200"),
        ({"parallel": 0}, "parallel", "At least one"),
        ({"params": {"other": 1}}, "params.other", "unexpected"),
    ],
)
def test_what_cannot_run_is_refused_before_anything_is_stored(
    make_job: Make, fields: dict[str, Any], field: str, words: str
) -> None:
    job = make_job(parameters_schema={**DAY, "additionalProperties": False})
    with pytest.raises(RefusedTrigger) as caught:
        begin(job, **fields)
    assert caught.value.errors[0]["field"] == field
    assert words in caught.value.errors[0]["message"]
    assert not Backfill.objects.exists()
    assert not Run.objects.exists()


def test_only_days_and_texts_take_a_partition() -> None:
    assert parameters_for(DAY_PARAMETERS) == ["day"]
    assert parameters_for({}) == []


def test_starting_twice_starts_once(job: Job) -> None:
    first = begin(job)
    assert begin(job) == first
    assert list(first.runs.order_by("id").values_list("partition", "state")) == [
        ("2013-01-01", "queued"),
        ("2013-01-02", "queued"),
        ("2013-01-03", "queued"),
    ]
    assert AuditEvent.objects.get(action="backfill.started").data["partitions"] == 3


def test_the_database_holds_a_partition_once(job: Job) -> None:
    run = begin(job).runs.earliest("id")
    twin = Run(job=job, pool=job.pool, trigger="backfill", principal="x", backfill_id=run.backfill_id)
    twin.partition = run.partition
    with pytest.raises(IntegrityError), transaction.atomic():
        twin.save()
    twin.rerun_of = run
    twin.save()


def test_a_switched_off_job_is_not_backfilled(job: Job) -> None:
    Job.objects.update(enabled=False)
    with pytest.raises(JobDisabled):
        begin(job)


class TestEngine:
    def test_so_many_go_at_a_time_the_oldest_first(self, job: Job) -> None:
        begin(job, parallel=2)
        first, second = claim("w"), claim("w")
        assert isinstance(first, Claim)
        assert isinstance(second, Claim)
        assert [first.params["day"], second.params["day"]] == ["2013-01-01", "2013-01-02"]
        assert claim("w") is None
        waiting = Run.objects.select_related("backfill", "job", "pool").get(state=RunState.QUEUED)
        assert finish.succeed(first, {}, {})
        third = claim("w")
        assert isinstance(third, Claim)
        assert third.run_id == waiting.pk

    def test_other_runs_go_before_it(self, job: Job, start: Callable[..., Run]) -> None:
        begin(job)
        other = start(job, {"day": "2020-01-01"})
        claimed = claim("w")
        assert isinstance(claimed, Claim)
        assert claimed.run_id == other.pk

    def test_a_paused_one_starts_nothing_until_it_is_resumed(self, job: Job) -> None:
        backfill = begin(job)
        backfills.pause(backfill=backfill, by=TESTS)
        assert claim("w") is None
        assert not Run.objects.claimable().exists()
        backfills.resume(backfill=backfill, by=TESTS)
        assert claim("w") is not None

    def test_two_backfills_do_not_hold_each_other(self, job: Job) -> None:
        begin(job, "one")
        paused = begin(job, "two")
        backfills.pause(backfill=paused, by=TESTS)
        assert claim("w") is not None
        assert claim("w") is None

    def test_its_runs_know_no_start_deadline(self, job: Job) -> None:
        Job.objects.update(start_deadline=60)
        begin(job)
        Run.objects.update(created_at=timezone.now() - timedelta(hours=5))
        assert clock.skip_late() == 0

    def test_its_runs_start_no_followers(self, job: Job, make_job: Make) -> None:
        follower = make_job("after", after=("load",))
        begin(job)
        claimed = claim("w")
        assert isinstance(claimed, Claim)
        assert finish.succeed(claimed, {}, {})
        assert not follower.runs.exists()
        assert DataTrigger.objects.fire(Run.objects.get(pk=claimed.run_id), ["ops.flights"]) == []


def end(backfill: Backfill, *, failing: set[str]) -> None:
    while isinstance(claimed := claim("w"), Claim):
        if claimed.params["day"] in failing:
            assert finish.fail(claimed, Failure(ErrorClass.BAD_INPUT, "no file"), {}, cancelled=False)
        else:
            assert finish.succeed(claimed, {}, {})
    assert not backfill.runs.open().exists()


class TestSteering:
    def test_only_what_failed_runs_again(self, job: Job) -> None:
        backfill = begin(job)
        end(backfill, failing={"2013-01-02"})
        assert backfills.run_failed_again(backfill=backfill, by=TESTS) == 1
        again = backfill.runs.get(state=RunState.QUEUED)
        assert (again.partition, again.rerun_of.partition) == ("2013-01-02", "2013-01-02")
        # Nothing failed is left: a second click queues nothing.
        assert backfills.run_failed_again(backfill=backfill, by=TESTS) == 0
        end(backfill, failing=set())
        assert {run.state for run in backfills.newest_runs(backfill)} == {RunState.SUCCEEDED}
        assert backfill.runs.count() == 4

    def test_cancelling_ends_what_waits_and_stops_what_runs(self, job: Job) -> None:
        backfill = begin(job)
        running = claim("w")
        assert isinstance(running, Claim)
        assert backfills.cancel(backfill=backfill, by=TESTS) == 3
        states = list(backfill.runs.order_by("partition").values_list("state", flat=True))
        assert states == ["running", "cancelled", "cancelled"]
        assert Run.objects.get(pk=running.run_id).cancel_requested_at is not None
        assert claim("w") is None
        assert finish.cancel(running, {})
        assert backfills.run_failed_again(backfill=backfill, by=TESTS) == 3
        backfill.refresh_from_db()
        assert backfill.cancelled_at is None

    def test_each_step_leaves_a_trace(self, job: Job) -> None:
        backfill = begin(job)
        for step in (backfills.pause, backfills.pause, backfills.resume, backfills.cancel):
            step(backfill=backfill, by=TESTS)
        found = AuditEvent.objects.filter(action__startswith="backfill.").order_by("id")
        assert [event.action.partition(".")[2] for event in found] == [
            "started",
            "paused",
            "resumed",
            "cancelled",
        ]


@pytest.mark.django_db(transaction=True)
def test_cancelling_stops_a_run_that_begins_to_wait_for_its_next_attempt_meanwhile(
    make_job: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = make_job("load", parameters_schema=DAY, max_attempts=2)
    backfill = begin(job, last=date(2013, 1, 1))
    running = claim("w")
    assert isinstance(running, Claim)

    def try_later() -> None:
        finish.fail(running, Failure(ErrorClass.ELSEWHERE, "no answer"), {}, cancelled=False)
        connection.close()

    worker = threading.Thread(target=try_later)
    look = RunQuerySet.stopped_by_holder

    def after_the_worker(found: RunQuerySet, job: Job) -> RunQuerySet:
        worker.start()
        worker.join(timeout=1)
        return look(found, job)

    monkeypatch.setattr(RunQuerySet, "stopped_by_holder", after_the_worker)
    assert backfills.cancel(backfill=backfill, by=TESTS) == 1
    worker.join()
    assert backfill.runs.get().cancel_requested_at is not None


def test_a_bad_backfill_is_one_message(job: Job, cast: Cast) -> None:
    backfill, _created = backfills.start(job=job, wish=wish(), once="x", by=TESTS, requested_by=cast.ben)
    end(backfill, failing={"2013-01-01", "2013-01-02", "2013-01-03"})
    tell_of_runs()
    assert Notification.objects.filter(recipient=cast.ben, kind="run.failed").count() == 1


def test_why_it_waits_is_said(job: Job) -> None:
    Worker.objects.create(name="w", host="h", pid=1, slots=2)
    backfill = begin(job)
    claim("w")
    waiting = (
        Run.objects.select_related("backfill", "job", "pool").filter(state=RunState.QUEUED).earliest("id")
    )
    now = timezone.now() + timedelta(seconds=1)
    assert why_waiting(waiting, now=now) == "Waiting for its turn: the backfill runs one at a time"
    backfills.pause(backfill=backfill, by=TESTS)
    waiting = Run.objects.select_related("backfill", "job", "pool").get(pk=waiting.pk)
    assert why_waiting(waiting, now=now) == "Waiting: its backfill is paused"
