"""Triggering and cancelling: parameters are checked, a key is once, an end is never left."""

from collections.abc import Callable

import pytest

from jobs.actions import runs
from jobs.choices import RunState, Trigger
from jobs.exceptions import CancelMissed, IdempotencyConflict, InvalidParameters, JobDisabled, RunAlreadyEnded
from jobs.models import Job, Run
from jobs.models.run import RunQuerySet
from portal.audit.models import AuditEvent
from tests.faults.invariants import assert_invariants
from tests.unit.jobs.conftest import TESTS

Make = Callable[..., Job]
Start = Callable[..., Run]


def trigger(
    job: Job, *, key: str | None = None, principal: str = "user:1", **params: object
) -> runs.Triggered:
    return runs.trigger(
        job=job,
        params=dict(params),
        by=TESTS,
        trigger=Trigger.API,
        requested_by=None,
        principal=principal,
        idempotency_key=key,
    )


def test_a_trigger_queues_a_run_with_its_event_and_its_audit_row(make_job: Make) -> None:
    run, created = trigger(make_job(), note="hello")
    assert created
    assert (run.state, run.params["note"]) == (RunState.QUEUED, "hello")
    assert [event.kind for event in run.events.all()] == ["queued"]
    assert AuditEvent.objects.filter(action="run.triggered", object_id=str(run.number)).count() == 1


def test_defaults_of_the_schema_are_filled_in(make_job: Make) -> None:
    assert trigger(make_job()).run.params == {"seconds": 0.0, "note": ""}


def test_each_wrong_parameter_is_named(make_job: Make) -> None:
    with pytest.raises(InvalidParameters) as caught:
        trigger(make_job(), seconds="long", nonsense=1)
    assert {error["field"] for error in caught.value.errors} == {"seconds", "nonsense"}


def test_a_missing_parameter_is_named(make_job: Make) -> None:
    with pytest.raises(InvalidParameters) as caught:
        trigger(make_job("append", "test-append"))
    assert [error["field"] for error in caught.value.errors] == ["path"]


def test_a_switched_off_job_takes_no_run(make_job: Make) -> None:
    job = make_job()
    job.enabled = False
    with pytest.raises(JobDisabled):
        trigger(job)


def test_the_same_key_and_body_is_the_same_run(make_job: Make) -> None:
    job = make_job()
    first, again = trigger(job, key="k", note="a"), trigger(job, key="k", note="a")
    assert (first.created, again.created) == (True, False)
    assert first.run == again.run
    assert AuditEvent.objects.filter(object_id=str(first.run.number)).count() == 1


def test_f26_the_same_key_with_another_body_is_refused(make_job: Make) -> None:
    job = make_job()
    trigger(job, key="k", note="a")
    with pytest.raises(IdempotencyConflict):
        trigger(job, key="k", note="b")
    assert_invariants(all_ended=False)


def test_a_lost_answer_is_given_again_whatever_became_of_the_job(make_job: Make) -> None:
    first = trigger(make_job(), key="k", note="a").run
    Job.objects.update(enabled=False)
    off = Job.objects.get()
    assert trigger(off, key="k", note="a") == (first, False)
    with pytest.raises(IdempotencyConflict):
        trigger(off, key="k", note="b")
    with pytest.raises(JobDisabled):
        trigger(off, key="another", note="a")


def test_a_key_stands_for_what_was_sent_not_for_the_defaults_of_the_day(make_job: Make) -> None:
    job = make_job()
    first = trigger(job, key="k", note="a").run
    job.parameters_schema["properties"]["seconds"]["default"] = 5.0
    job.parameters_schema["properties"]["note"]["maxLength"] = 0
    assert trigger(job, key="k", note="a") == (first, False)


def test_f26_another_principal_s_key_is_another_key(make_job: Make) -> None:
    job = make_job()
    assert trigger(job, key="k").run != trigger(job, key="k", principal="token:2").run
    assert_invariants(all_ended=False)


def test_a_queued_run_is_cancelled_at_once_and_only_once(make_job: Make, start: Start) -> None:
    run = runs.cancel(run=start(make_job()), by=TESTS)
    assert (run.state, run.cancel_requested_by) == (RunState.CANCELLED, "tests")
    with pytest.raises(RunAlreadyEnded):
        runs.cancel(run=run, by=TESTS)


def test_a_run_that_is_faster_than_its_cancel_is_no_success(
    make_job: Make, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = start(make_job())
    for name in ("ended_by_word", "stopped_by_holder"):
        monkeypatch.setattr(RunQuerySet, name, lambda found, _job: found.none())
    with pytest.raises(CancelMissed):
        runs.cancel(run=run, by=TESTS)
    assert not AuditEvent.objects.filter(action="run.cancelled").exists()


def test_a_definition_that_did_not_change_makes_no_new_version(make_job: Make) -> None:
    assert make_job().version == make_job().version == 1
    assert make_job(timeout=5).version == 2
    assert list(Job.objects.get().versions.values_list("number", flat=True)) == [2, 1]
