"""Claims are fair and limited; ends are written once, by the newest fence."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from jobs.actions import runs
from jobs.choices import Outcome, RunState
from jobs.engine import clock, finish
from jobs.engine.claim import Claim, claim
from jobs.engine.lease import Lease
from jobs.engine.report import failure_of
from jobs.exceptions import LeaseLost
from jobs.models import Job, Pool, Run
from portal.audit.actions import Actor
from tests.conftest import Cast

Make = Callable[..., Job]
Start = Callable[..., Run]


def claimed() -> Claim:
    held = claim("tests")
    assert held is not None
    return held


def expire(run: Run) -> None:
    Run.objects.filter(pk=run.pk).update(lease_until=Now() - timedelta(seconds=1))
    assert clock.reap() == 1
    run.refresh_from_db()


def rows_read() -> int:
    """Count the rows of runs that this transaction has read so far."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'jobs_run'"
        )
        return int(cursor.fetchone()[0])


def queue_up(job: Job, waiting: int) -> None:
    """Queue so many runs after tables were analyzed that held only ended ones, as on most days."""

    def many(count: int, **fields: Any) -> None:
        whose = {"job": job, "pool_id": job.pool_id, "trigger": "api", "principal": "x", "max_attempts": 1}
        Run.objects.bulk_create([Run(**whose, params={}, **fields) for _ in range(count)])

    many(1000, state=RunState.CANCELLED, finished_at=Now())
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE jobs_run, jobs_pool, jobs_job")
    many(waiting)


def test_a_claim_reads_few_rows_however_long_the_queue(make_job: Make) -> None:
    queue_up(make_job(max_active_runs=100), 2000)
    before = rows_read()
    claimed()
    assert rows_read() - before < 100


def test_a_claim_finds_the_chosen_run_by_its_id(make_job: Make) -> None:
    queue_up(make_job(), 1)
    with CaptureQueriesContext(connection) as sent:
        claimed()
    (asked,) = [each["sql"] for each in sent if "INSERT INTO jobs_attempt" in each["sql"]]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {asked}")
        plan = "\n".join(row[0] for row in cursor.fetchall())
    # The index of what is claimable is ordered by everything else first: it would be read from end to end.
    assert "run_claimable" not in plan.split("CTE locked")[1].split("CTE claimed")[0]


def test_a_claim_takes_the_run_with_a_fence_a_lease_and_an_attempt(make_job: Make, start: Start) -> None:
    run = start(make_job(timeout=60), {"note": "x"})
    held = claimed()
    run.refresh_from_db()
    assert (held.run_id, held.fence, held.attempt, held.params["note"]) == (run.pk, 1, 1, "x")
    assert (run.state, run.fence, run.worker) == (RunState.RUNNING, 1, "tests")
    assert run.lease_until is not None
    assert [attempt.fence for attempt in run.attempts.all()] == [1]
    assert claim("tests") is None


def test_the_more_urgent_run_goes_first(make_job: Make, start: Start) -> None:
    start(make_job("slow"))
    urgent = start(make_job("urgent", priority=5))
    assert claimed().run_id == urgent.pk


def test_who_has_fewer_runs_running_goes_first(make_job: Make, start: Start, cast: Cast) -> None:
    job = make_job(max_active_runs=9)
    for _ in range(5):
        start(job, requested_by=cast.ada)
    waiting = start(job, requested_by=cast.ben)
    first, second = claimed(), claimed()
    assert first.run_id != waiting.pk
    assert second.run_id == waiting.pk


def test_a_job_never_has_more_runs_than_it_may(make_job: Make, start: Start) -> None:
    job = make_job(max_active_runs=2)
    for _ in range(3):
        start(job)
    claimed()
    claimed()
    assert claim("tests") is None


def test_what_is_to_be_stopped_elsewhere_waits_for_no_run_of_its_job(make_job: Make, start: Start) -> None:
    there = make_job("there", max_attempts=2)
    Job.objects.filter(pk=there.pk).update(kind="airflow_dag")
    lost = start(there)
    claimed()
    expire(lost)
    Run.objects.filter(pk=lost.pk).update(available_at=Now() + timedelta(hours=1))
    other = start(there)
    assert claimed().run_id == other.pk
    runs.cancel(run=lost, by=Actor.system("tests"))
    assert clock.cancel_between_holders() == 1
    look = claimed()
    assert (look.run_id, look.stop, look.looks) == (lost.pk, "cancel", 1)


def test_a_full_pool_leaves_the_other_pool_alone(make_job: Make, start: Start) -> None:
    small, other = make_job("small", pool="etl", max_active_runs=9), make_job("other", pool="reports")
    Pool.objects.filter(key="etl").update(slots=1)
    start(small)
    start(small)
    start(other)
    assert {claimed().job_key, claimed().job_key} == {"small", "other"}
    assert claim("tests") is None


def test_a_run_waits_for_its_time(make_job: Make, start: Start) -> None:
    run = start(make_job())
    Run.objects.filter(pk=run.pk).update(available_at=Now() + timedelta(hours=1))
    assert claim("tests") is None


def test_a_success_keeps_outputs_and_starts_the_followers_once(make_job: Make, start: Start) -> None:
    run = start(make_job())
    make_job("after", after=("say",))
    held = claimed()
    assert finish.succeed(held, {"rows": 3}, {})
    run.refresh_from_db()
    assert (run.state, run.outputs) == (RunState.SUCCEEDED, {"rows": 3})
    follower = Run.objects.get(job__key="after")
    assert follower.idempotency_key == f"after:{run.pk}"
    assert Run.objects.start_followers(run) == []


def test_a_stale_fence_changes_nothing(make_job: Make, start: Start) -> None:
    run = start(make_job())
    stale = claimed()
    expire(run)
    assert (run.state, run.reason, run.fence) == (RunState.QUEUED, "worker_lost", 2)
    newer = claimed()
    assert newer.fence == 3
    assert not finish.succeed(stale, {"stale": True}, {})
    assert not finish.fail(stale, failure_of("crash", "x"), {}, cancelled=False)
    assert not finish.hand_over(stale, {})
    with pytest.raises(LeaseLost):
        Lease(stale).beat({"fraction": 1})
    assert finish.succeed(newer, {}, {})
    run.refresh_from_db()
    assert (run.state, run.outputs) == (RunState.SUCCEEDED, {})
    assert [attempt.outcome for attempt in run.attempts.all()] == [Outcome.LOST, Outcome.SUCCEEDED]


def test_a_failing_record_leaves_nothing_behind(
    make_job: Make, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = start(make_job())

    def record(_self: object, **_: object) -> dict[str, object]:
        raise ValueError("no")

    monkeypatch.setattr("jobs.runners.python.PythonRunner.record", record)
    with pytest.raises(ValueError, match="no"):
        finish.succeed(claimed(), {}, {})
    run.refresh_from_db()
    assert run.state == RunState.RUNNING


def test_a_failure_is_tried_again_while_attempts_are_left(make_job: Make, start: Start) -> None:
    run = start(make_job(max_attempts=2))
    finish.fail(claimed(), failure_of("crash", "died"), {}, cancelled=False)
    run.refresh_from_db()
    assert (run.state, run.reason, run.fence) == (RunState.QUEUED, "retry", 2)
    Run.objects.update(available_at=Now())
    finish.fail(claimed(), failure_of("crash", "died"), {}, cancelled=False)
    run.refresh_from_db()
    assert (run.state, run.attempt, run.error["message"]) == (RunState.FAILED, 2, "died")


def test_a_handed_over_attempt_does_not_count_but_not_for_ever(make_job: Make, start: Start) -> None:
    run = start(make_job(max_attempts=1))
    for times in range(1, 6):
        finish.hand_over(claimed(), {})
        run.refresh_from_db()
        assert (run.state, run.attempt, run.hand_overs) == (RunState.QUEUED, 0, times)
    finish.hand_over(claimed(), {})
    run.refresh_from_db()
    assert run.state == RunState.FAILED


def test_a_lost_run_that_was_to_be_cancelled_is_cancelled(make_job: Make, start: Start) -> None:
    run = start(make_job())
    claimed()
    Run.objects.update(cancel_requested_at=Now())
    expire(run)
    assert run.state == RunState.CANCELLED


def test_the_pause_between_attempts_doubles_up_to_its_cap() -> None:
    pauses = [finish.backoff(attempt, base=10, cap=60) for attempt in (1, 2, 3, 4, 50)]
    for pause, most in zip(pauses, (10, 20, 40, 60, 60), strict=True):
        assert most / 2 <= pause <= most


def test_a_run_past_its_start_deadline_is_skipped(make_job: Make, start: Start) -> None:
    run = start(make_job(start_deadline=60))
    assert clock.skip_late() == 0
    Run.objects.filter(pk=run.pk).update(created_at=Now() - timedelta(seconds=61))
    assert clock.skip_late() == 1
    run.refresh_from_db()
    assert (run.state, run.reason) == (RunState.SKIPPED, "start_deadline")


def test_a_run_that_started_in_time_goes_on_after_a_hand_over(make_job: Make, start: Start) -> None:
    run = start(make_job(start_deadline=60))
    assert finish.hand_over(claimed(), {})
    Run.objects.filter(pk=run.pk).update(created_at=Now() - timedelta(seconds=61))
    assert clock.skip_late() == 0
    assert claimed().run_id == run.pk
