"""End an attempt, in one transaction and only as the holder of the newest fence."""

import json
import random
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

import structlog
from django.conf import settings
from django.utils.functional import SimpleLazyObject

from jobs.choices import FOLLOWING_KINDS, ErrorClass, Outcome, Reason, RunState
from jobs.engine.claim import Claim
from jobs.engine.ordering import follow_publisher
from jobs.engine.report import Failure
from jobs.engine.statements import Execute, Statement, transact
from jobs.engine.words import LOOK_FOR
from jobs.models import Artifact, DataTrigger, Run
from jobs.runners.registry import runner_for
from portal.said import in_a_row, said

log = structlog.get_logger(__name__)

# One statement, so that the run, its attempt and its event change together or not at all. A row that somebody
# else holds by now is not touched, and says so by its absence.
_END = Statement("""
    WITH ended AS (
        UPDATE jobs_run SET state = %(state)s, reason = %(reason)s, lease_until = NULL, timeout_at = NULL,
            finished_at = clock_timestamp(), progress = %(progress)s, error = %(error)s
        WHERE id = %(run)s AND fence = %(fence)s AND state = 'running'
        RETURNING id, fence, job_id, backfill_id
    ), attempt AS (
        UPDATE jobs_attempt SET outcome = %(outcome)s, error_class = %(error_class)s, error = %(message)s,
            finished_at = clock_timestamp()
        FROM ended WHERE run_id = ended.id AND jobs_attempt.fence = ended.fence
    ), event AS (
        INSERT INTO jobs_runevent (run_id, at, kind, data)
        SELECT id, clock_timestamp(), %(state)s, %(data)s FROM ended
    )
    SELECT backfill_id IS NULL AND EXISTS (SELECT 1 FROM jobs_job_after WHERE to_job_id = ended.job_id)
    FROM ended
""")

# Back into the queue. The fence rises here already: what the old holder still sends finds nothing.
_REQUEUE = Statement("""
    WITH ended AS (
        UPDATE jobs_run SET state = 'queued', reason = %(reason)s, lease_until = NULL, timeout_at = NULL,
            fence = fence + 1, worker = '', error = %(error)s, attempt = attempt - %(forgiven)s,
            hand_overs = hand_overs + %(forgiven)s,
            available_at = clock_timestamp() + make_interval(secs => %(delay)s)
        WHERE id = %(run)s AND fence = %(fence)s AND state = 'running' RETURNING id
    ), attempt AS (
        UPDATE jobs_attempt SET outcome = %(outcome)s, error_class = %(error_class)s, error = %(message)s,
            finished_at = clock_timestamp()
        FROM ended WHERE run_id = ended.id AND jobs_attempt.fence = %(fence)s
    ), event AS (
        INSERT INTO jobs_runevent (run_id, at, kind, data)
        SELECT id, clock_timestamp(), %(event)s, %(data)s FROM ended
    )
    SELECT false FROM ended
""")

# Let go while the work goes on in another system. What was asked of the run in the meantime is looked after
# at once, unless that is what did not work just now (hurry); nobody sleeps beyond the time limit.
_DEFER = Statement("""
    WITH ended AS (
        UPDATE jobs_run SET state = 'deferred', reason = '', lease_until = NULL, fence = fence + 1,
            worker = '', looks = looks + 1, progress = %(progress)s, error = '{}',
            elsewhere = COALESCE(%(elsewhere)s::jsonb, elsewhere),
            available_at = CASE
                WHEN %(hurry)s AND cancel_requested_at IS NOT NULL THEN clock_timestamp()
                WHEN %(hurry)s THEN LEAST(clock_timestamp() + make_interval(secs => %(delay)s), timeout_at)
                ELSE clock_timestamp() + make_interval(secs => %(delay)s) END
        WHERE id = %(run)s AND fence = %(fence)s AND state = 'running' RETURNING id
    ), attempt AS (
        UPDATE jobs_attempt SET outcome = 'deferred', error_class = %(error_class)s, error = %(message)s
        FROM ended WHERE run_id = ended.id AND jobs_attempt.fence = %(fence)s
    ), event AS (
        INSERT INTO jobs_runevent (run_id, at, kind, data)
        SELECT id, clock_timestamp(), 'deferred', %(data)s FROM ended
    )
    SELECT false FROM ended
""")

# For so many seconds the other system is asked to stop what was cancelled or took too long.
STOPPING = 120
# Between two looks that failed on our side, in seconds: doubling from the first to the second.
LOOK_AGAIN = (2, 60)
_ENDED_BY = {
    RunState.SUCCEEDED: Outcome.SUCCEEDED,
    RunState.FAILED: Outcome.FAILED,
    RunState.TIMED_OUT: Outcome.TIMED_OUT,
    RunState.CANCELLED: Outcome.CANCELLED,
    RunState.LOST: Outcome.FAILED,
}


def succeed(
    claim: Claim, outputs: dict[str, Any], progress: dict[str, Any], artifacts: Sequence[Artifact] = ()
) -> bool:
    """Record the outputs and files, queue the followers, end the run; False where another attempt holds it.

    An exception of the kind's ``record`` leaves nothing behind and reaches the caller.
    """

    def end(execute: Execute) -> bool:
        values = _values_of_end(RunState.SUCCEEDED, progress)
        ended = _execute(partial(execute, _END), claim, **values, failure=None)
        if ended is None:
            return False
        # Read only by kinds that look at it: a run without effects ends in one round trip.
        run: Any = _UnreadRun(claim.run_id)
        kept = runner_for(claim.kind).record(run=run, outputs=outputs)
        if artifacts:
            Artifact.objects.bulk_create(artifacts)
        if kept:
            Run.objects.filter(pk=claim.run_id).update(outputs=kept)
        _start_next(run, [each["key"] for each in kept.get("datasets") or []], followed=ended.has_followers)
        return True

    return transact(end, _END)


def _start_next(run: Run, published: list[str], *, followed: bool) -> None:
    """Queue what comes after the run and what waits for the datasets that it published."""
    if published and follow_publisher(run, published) and run.backfill_id is None:
        followed = True
    if followed:
        Run.objects.start_followers(run)
    if published:
        DataTrigger.objects.fire(run, published)


def fail(claim: Claim, failure: Failure, progress: dict[str, Any], *, cancelled: bool) -> bool:
    """End the run as failed, or queue it again where a try may help; False where it is held elsewhere.

    A look after a deferred run that failed is taken again, without a new attempt, up to the time limit.
    """
    if cancelled:
        return cancel(claim, progress)
    passing = failure.error_class in ErrorClass.retried()
    if claim.stop and not (passing and claim.stopping_for < STOPPING):
        ended_there = failure.error_class == ErrorClass.FAILED_THERE
        if ended_there and claim.stop == "time_out":
            return _end(claim, RunState.FAILED, progress, failure)
        return stopped(claim, progress, None if ended_there else failure)
    if claim.looks and passing:
        first, longest = LOOK_AGAIN
        delay = backoff(claim.looks, base=first, cap=longest)
        return _defer(claim, progress, delay=delay, hurry=not claim.stop, failure=failure)
    if failure.error_class in ErrorClass.retried() and claim.attempt < claim.max_attempts:
        return _requeue(
            claim,
            Reason.RETRY,
            Outcome.FAILED,
            failure,
            delay=backoff(claim.attempt, base=claim.backoff, cap=claim.backoff_cap),
        )
    if failure.error_class == ErrorClass.CRASH and claim.kind in FOLLOWING_KINDS:
        # It may have begun something elsewhere before it died: whoever looks next finds out.
        return _defer(claim, progress, delay=LOOK_AGAIN[0], failure=failure)
    return _end(claim, RunState.FAILED, progress, failure)


def defer(claim: Claim, elsewhere: dict[str, Any], progress: dict[str, Any], *, delay: float) -> bool:
    """Let the run go while its work goes on elsewhere; somebody looks after it when the delay is over."""
    if claim.stop and claim.stopping_for >= STOPPING:
        silent = Failure(
            ErrorClass.ELSEWHERE, said("%(system)s did not answer.", system=elsewhere.get("system"))
        )
        return stopped(claim, progress, silent, elsewhere)
    return _defer(claim, progress, delay=delay, hurry=not claim.stop, elsewhere=elsewhere)


def stopped(
    claim: Claim,
    progress: dict[str, Any],
    failure: Failure | None = None,
    elsewhere: dict[str, Any] | None = None,
) -> bool:
    """End a deferred run whose work elsewhere was stopped as asked; a failure says why it could not be."""
    told = []
    known = elsewhere or claim.elsewhere
    if failure:
        told.append(said("Its work there could not be stopped and may go on: %(why)s", why=failure.message))
    if failure and known.get("id") and str(known["id"]) not in failure.message:
        told.append(said(LOOK_FOR, id=known["id"], system=known.get("system")))
    if claim.stop == "cancel":
        kept = Failure(failure.error_class, in_a_row(*told)) if failure else None
        return _end(claim, RunState.CANCELLED, progress, kept)
    return _timed_out(claim, progress, *told)


def time_out(claim: Claim, progress: dict[str, Any]) -> bool:
    """End the run as timed out; where its work may go on elsewhere, have that stopped first."""
    return _have_stopped(claim, progress) or _timed_out(claim, progress)


def cancel(claim: Claim, progress: dict[str, Any]) -> bool:
    """End the run as cancelled; where its work may go on elsewhere, have that stopped first."""
    return _have_stopped(claim, progress) or _end(claim, RunState.CANCELLED, progress)


def _have_stopped(claim: Claim, progress: dict[str, Any]) -> bool:
    """Let the run go where its kind works elsewhere: the next look stops what this attempt began there."""
    if claim.kind not in FOLLOWING_KINDS or claim.stop:
        return False
    return _defer(claim, progress, delay=0)


def _timed_out(claim: Claim, progress: dict[str, Any], *told: str) -> bool:
    too_long = said("It took longer than %(seconds)s s.", seconds=claim.timeout)
    failure = Failure(ErrorClass.TIMEOUT, in_a_row(too_long, *told))
    return _end(claim, RunState.TIMED_OUT, progress, failure)


def hand_over(claim: Claim, progress: dict[str, Any]) -> bool:
    """Give the run back because this worker stops; the attempt does not count, unless that came too often."""
    failure = Failure(ErrorClass.WORKER_LOST, said("Its worker was stopped."))
    if claim.looks:
        # Nothing was begun here that could be begun too often.
        return _defer(claim, progress, delay=0)
    forgiven = claim.hand_overs < settings.RUN_HAND_OVERS
    if not forgiven and claim.attempt >= claim.max_attempts:
        if claim.kind in FOLLOWING_KINDS:
            return _defer(claim, progress, delay=0, failure=failure)
        return _end(claim, RunState.FAILED, progress, failure)
    return _requeue(claim, Reason.HANDED_OVER, Outcome.HANDED_OVER, failure, forgiven=forgiven)


def backoff(attempt: int, *, base: int, cap: int) -> float:
    """Return the seconds to wait after an attempt: doubling from base to cap, less up to half by chance."""
    return float(min(cap, base * 2 ** min(attempt - 1, 30))) * random.uniform(0.5, 1.0)  # noqa: S311


class _UnreadRun(SimpleLazyObject):  # type: ignore[type-arg] # generic for the stubs only
    """A run of which so far only the key is known; anything else that is asked of it reads it."""

    def __init__(self, pk: UUID) -> None:
        super().__init__(lambda: Run.objects.select_related("job").get(pk=pk))
        self.__dict__["pk"] = pk


class _Ended(NamedTuple):
    has_followers: bool


def _values_of_end(state: RunState, progress: dict[str, Any]) -> dict[str, Any]:
    return {
        "state": state,
        "reason": Reason.NONE,
        "outcome": _ENDED_BY[state],
        "progress": json.dumps(progress),
        "data": {},
    }


def _end(claim: Claim, state: RunState, progress: dict[str, Any], failure: Failure | None = None) -> bool:
    return _execute(_END.alone, claim, **_values_of_end(state, progress), failure=failure) is not None


def _defer(
    claim: Claim,
    progress: dict[str, Any],
    *,
    delay: float,
    hurry: bool = True,
    elsewhere: dict[str, Any] | None = None,
    failure: Failure | None = None,
) -> bool:
    ended = _execute(
        _DEFER.alone,
        claim,
        progress=json.dumps(progress),
        elsewhere=None if elsewhere is None else json.dumps(elsewhere),
        delay=delay,
        hurry=hurry,
        data={"seconds": round(delay, 1)},
        failure=failure,
    )
    return ended is not None


def _requeue(
    claim: Claim,
    reason: Reason,
    outcome: Outcome,
    failure: Failure,
    *,
    delay: float = 0.0,
    forgiven: bool = False,
) -> bool:
    ended = _execute(
        _REQUEUE.alone,
        claim,
        reason=reason,
        outcome=outcome,
        event=reason,
        delay=delay,
        forgiven=int(forgiven),
        data={"seconds": round(delay, 1)},
        failure=failure,
    )
    return ended is not None


def _execute(
    execute: Execute, claim: Claim, *, data: dict[str, Any], failure: Failure | None, **values: Any
) -> _Ended | None:
    told = {"class": str(failure.error_class), "message": failure.message} if failure else {}
    values |= {
        "run": claim.run_id,
        "fence": claim.fence,
        "error": json.dumps(failure.as_json() if failure else {}),
        "error_class": failure.error_class if failure else "",
        "message": failure.message if failure else "",
        "data": json.dumps({"attempt": claim.attempt, **data, **told}),
    }
    row = execute(**values)
    if row is None:
        log.warning("fenced", run=claim.number, fence=claim.fence)
        return None
    return _Ended(*row)
