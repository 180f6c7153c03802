"""The clock: makes slots due, takes runs from the dead, wakes workers, seals the audit trail.

Any number may tick at once.
"""

import shutil
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings
from django.db import Error, connection, transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from jobs.choices import FOLLOWING_KINDS, OnConflict, Reason, RunState, Trigger
from jobs.engine.due import Due, choose
from jobs.engine.signs import Signs
from jobs.engine.slots import database_now, jitter
from jobs.engine.wake import wake
from jobs.engine.words import LOOK_FOR, WORKER_SILENT
from jobs.exceptions import InvalidSchedule
from jobs.models import Run, RunEvent, Schedule, Worker
from jobs.partitions import params_at
from portal.audit.sealing import seal_events, unsealed_signs
from portal.events import ClockStep, clock_steps

log = structlog.get_logger(__name__)

BATCH = 200
# A worker is alive when it polled within this many seconds.
ALIVE = 30
TIDY_EVERY = 60.0
# Wake-ups for deferred runs at a tick: a worker that is awake takes all that are due.
LOOKS = 20
# Seconds after its end was due in which a deferred run's dying holders are followed by others.
GIVE_UP = 600
# The schedules of which the log has heard that their slots cannot be made.
_unmade: set[int] = set()
_BATCH = {"batch": BATCH, "following": sorted(FOLLOWING_KINDS)}

# Leases that ran out: back into the queue while attempts are left. SKIP LOCKED: another clock has those rows,
# or their holder is just ending them. The fence rises, so the old holder can write nothing any more.
# What goes on elsewhere needs no attempt to be looked after again, or to be stopped there, and a last attempt
# may have begun it before it died; but whoever dies of it over and over long after its end was due gives up.
_REAP = """
    WITH expired AS (
        SELECT run.id, run.fence, run.attempt,
            (run.looks > 0 OR (job.kind = ANY(%(following)s)
                               AND (run.cancel_requested_at IS NOT NULL OR run.attempt >= run.max_attempts)))
            AND COALESCE(run.cancel_requested_at, run.timeout_at)
                > clock_timestamp() - make_interval(secs => %(give_up)s) AS elsewhere
        FROM jobs_run run JOIN jobs_job job ON job.id = run.job_id
        WHERE run.state = 'running' AND run.lease_until < clock_timestamp()
        ORDER BY run.lease_until LIMIT %(batch)s FOR UPDATE OF run SKIP LOCKED
    ), reaped AS (
        UPDATE jobs_run run SET
            state = CASE WHEN expired.elsewhere THEN 'deferred'
                         WHEN run.cancel_requested_at IS NOT NULL THEN 'cancelled'
                         WHEN run.attempt < run.max_attempts THEN 'queued' ELSE 'lost' END,
            finished_at = CASE WHEN NOT expired.elsewhere
                                AND (run.cancel_requested_at IS NOT NULL OR run.attempt >= run.max_attempts)
                               THEN clock_timestamp() END,
            looks = CASE WHEN expired.elsewhere THEN run.looks + 1 ELSE 0 END,
            timeout_at = CASE WHEN expired.elsewhere THEN run.timeout_at END,
            reason = 'worker_lost', fence = run.fence + 1, lease_until = NULL, worker = '',
            available_at = clock_timestamp(),
            error = jsonb_build_object('class', 'worker_lost', 'detail', '', 'message', %(message)s::text ||
                CASE WHEN NOT expired.elsewhere AND run.elsewhere ? 'id'
                     THEN format(' Look for %%s in %%s, and stop it there if nobody needs it.',
                                 run.elsewhere ->> 'id', run.elsewhere ->> 'system') ELSE '' END,
                'said', jsonb_build_array(jsonb_build_object('text', %(message)s::text)) ||
                CASE WHEN NOT expired.elsewhere AND run.elsewhere ? 'id'
                     THEN jsonb_build_array(jsonb_build_object(
                        'text', %(look_for)s::text, 'values', jsonb_build_object(
                            'id', run.elsewhere ->> 'id', 'system', run.elsewhere ->> 'system')))
                     ELSE '[]' END)
        FROM expired WHERE run.id = expired.id
        RETURNING run.id, run.state, expired.fence AS old_fence, expired.attempt
    ), attempt AS (
        UPDATE jobs_attempt SET outcome = CASE WHEN reaped.state = 'deferred' THEN 'deferred' ELSE 'lost' END,
            error_class = 'worker_lost', error = %(message)s,
            finished_at = CASE WHEN reaped.state <> 'deferred' THEN clock_timestamp() END
        FROM reaped WHERE run_id = reaped.id AND jobs_attempt.fence = reaped.old_fence
    ), event AS (
        INSERT INTO jobs_runevent (run_id, at, kind, data)
        SELECT id, clock_timestamp(), 'worker_lost', jsonb_build_object('attempt', attempt, 'state', state)
        FROM reaped
    )
    SELECT count(*) FROM reaped
"""

# Queued runs that may not start any more: too late, or their job was switched off. One that may have begun
# something elsewhere is not simply skipped: see _CANCEL.
# Not by the attempt: that of a stopping worker is not counted, so it is 0 again after a hand-over.
_SKIP = """
    WITH late AS (
        SELECT run.id, CASE WHEN job.enabled THEN 'start_deadline' ELSE 'disabled' END AS reason
        FROM jobs_run run JOIN jobs_job job ON job.id = run.job_id
        WHERE run.state = 'queued' AND NOT (run.started_at IS NOT NULL AND job.kind = ANY(%(following)s))
            AND (NOT job.enabled OR (
            run.started_at IS NULL AND run.backfill_id IS NULL AND job.start_deadline IS NOT NULL
            AND COALESCE(run.slot, run.created_at)
                < clock_timestamp() - make_interval(secs => job.start_deadline)))
        LIMIT %(batch)s FOR UPDATE OF run SKIP LOCKED
    ), skipped AS (
        UPDATE jobs_run run SET state = 'skipped', reason = late.reason, finished_at = clock_timestamp()
        FROM late WHERE run.id = late.id RETURNING run.id, late.reason
    ), event AS (
        INSERT INTO jobs_runevent (run_id, at, kind, data)
        SELECT id, clock_timestamp(), 'skipped', jsonb_build_object('reason', reason) FROM skipped
    )
    SELECT count(*) FROM skipped
"""

# A cancel that met a run between two holders: nobody is left who would see it. What an earlier attempt may
# have begun elsewhere is stopped first, also where the job was switched off before the next one.
_CANCEL = """
    WITH unwanted AS (
        SELECT run.id, run.started_at IS NOT NULL AND job.kind = ANY(%(following)s) AS elsewhere
        FROM jobs_run run JOIN jobs_job job ON job.id = run.job_id
        WHERE run.state = 'queued' AND (run.cancel_requested_at IS NOT NULL OR (
            NOT job.enabled AND run.started_at IS NOT NULL AND job.kind = ANY(%(following)s)))
        LIMIT %(batch)s FOR UPDATE OF run SKIP LOCKED
    ), cancelled AS (
        UPDATE jobs_run run SET state = CASE WHEN unwanted.elsewhere THEN 'deferred' ELSE 'cancelled' END,
            finished_at = CASE WHEN NOT unwanted.elsewhere THEN clock_timestamp() END,
            looks = run.looks + unwanted.elsewhere::int, reason = '', available_at = clock_timestamp(),
            cancel_requested_at = COALESCE(run.cancel_requested_at, clock_timestamp()),
            cancel_requested_by = CASE WHEN run.cancel_requested_at IS NULL THEN %(by)s
                                       ELSE run.cancel_requested_by END
        FROM unwanted WHERE run.id = unwanted.id RETURNING run.id, run.state
    ), event AS (
        INSERT INTO jobs_runevent (run_id, at, kind, data)
        SELECT id, clock_timestamp(), state, '{}' FROM cancelled
    )
    SELECT count(*) FROM cancelled
"""

_TICKED = """
    INSERT INTO jobs_clock (id, ticked_at) VALUES (1, clock_timestamp())
    ON CONFLICT (id) DO UPDATE SET ticked_at = clock_timestamp()
"""

_IDLE = """
    SELECT COALESCE((SELECT sum(slots) FROM jobs_worker
                     WHERE polled_at > clock_timestamp() - make_interval(secs => %s)), 0)
         - (SELECT count(*) FROM jobs_run WHERE state = 'running')
"""


class Ticker:
    """One clock's round; each step is a transaction of its own, so that one that fails stops no other."""

    def __init__(self) -> None:
        self._tidied = 0.0
        self._failing: set[str] = set()
        self._steps = (
            ClockStep(make_due_slots, lambda: [_due_schedules(Now())]),
            *(ClockStep(do, lambda: [Run.objects.open()]) for do in _FOR_OPEN_RUNS),
            ClockStep(seal_events, unsealed_signs),
            *clock_steps,
            ClockStep(self._tidy),
            ClockStep(ticked),
        )
        self._signs = Signs(self._steps)

    def tick(self) -> None:
        """Do every step that has something to do once."""
        for step in self._due():
            self._do(step.name, step.do)

    def _due(self) -> Iterable[ClockStep]:
        due: list[ClockStep] = []

        def look() -> None:
            due.extend(self._signs.due())

        self._do("signs", look)
        # While they cannot be read each step says for itself what it misses.
        return due or self._steps

    def _do(self, name: str, step: Callable[[], object]) -> None:
        try:
            step()
        except Exception as error:
            # One failing step must not stop the others: leases would run out with nobody to look.
            if name not in self._failing:
                log.exception("tick_failed", step=name, error=str(error))
            self._failing.add(name)
            connection.close()
        else:
            self._failing.discard(name)

    def _tidy(self) -> None:
        if time.monotonic() - self._tidied >= TIDY_EVERY:
            self._tidied = time.monotonic()
            tidy()


def make_due_slots() -> int:
    """Make runs for the schedules' slots that have come; the unique (schedule, slot) makes each once."""
    made = 0
    with transaction.atomic():
        now = database_now()
        due = (
            _due_schedules(now)
            .select_related("job", "job__pool")
            .order_by("next_slot")
            .select_for_update(skip_locked=True, of=("self",))[:BATCH]
        )
        for schedule in due:
            try:
                with transaction.atomic():
                    made += _make_slots(schedule, now)
            except Error:
                raise
            except Exception as error:
                # One that nobody foresaw must not hold up the others; it stays due.
                if schedule.pk not in _unmade:
                    log.exception("schedule_failed", schedule=schedule.pk, error=str(error))
                _unmade.add(schedule.pk)
    return made


def _due_schedules(now: datetime | Now) -> QuerySet[Schedule]:
    return Schedule.objects.filter(enabled=True, job__enabled=True, next_slot__lte=now)


def _make_slots(schedule: Schedule, now: datetime) -> int:
    try:
        due = choose(schedule, now)
    except InvalidSchedule as error:
        log.warning("schedule_unreadable", schedule=schedule.pk, error=str(error))
        Schedule.objects.filter(pk=schedule.pk).update(next_slot=None)
        return 0
    runs = [_insert(schedule, slot) for slot in due.slots]
    told: dict[str, Any] = {}
    if due.missed:
        _tell_missed(schedule, due, runs)
        told = {"missed": F("missed") + due.missed_count, "missed_at": due.missed[-1]}
    # Conditional, so that somebody who paused or edited it in the meantime keeps their word.
    Schedule.objects.filter(pk=schedule.pk, enabled=True).update(next_slot=due.next_slot, **told)
    pool_key = schedule.job.pool.key
    if runs:
        transaction.on_commit(lambda: wake(pool_key))
    return len(runs)


def _insert(schedule: Schedule, slot: datetime, **fields: Any) -> Run:
    job = schedule.job
    if job.on_conflict == OnConflict.SKIP and not fields:
        open_runs = Run.objects.filter(job=job).open().count()
        if open_runs >= job.max_active_runs:
            fields = {"state": RunState.SKIPPED, "reason": Reason.OVERLAP, "finished_at": Now()}
    run, created = Run.objects.insert_once(
        Run.of(
            job,
            trigger=Trigger.SCHEDULE,
            schedule=schedule,
            slot=slot,
            principal=f"schedule:{schedule.pk}",
            params=params_at(schedule, slot, job.parameters_schema),
            available_at=slot + jitter(schedule, slot),
            **fields,
        )
    )
    if created:
        kind = "skipped" if fields else "queued"
        data = {"trigger": Trigger.SCHEDULE, "reason": fields.get("reason", "")}
        RunEvent.objects.create(run=run, kind=kind, data=data)
    return run


def _tell_missed(schedule: Schedule, due: Due, runs: list[Run]) -> None:
    """Say that slots were left out: on the run that came instead, else on a skipped run of the last."""
    first, last = due.missed[0], due.missed[-1]
    told = runs[-1] if runs else None
    if told is None:
        told = _insert(schedule, last, state=RunState.SKIPPED, reason=Reason.MISSED, finished_at=Now())
    data = {"count": due.missed_count, "first": first.isoformat(), "last": last.isoformat()}
    RunEvent.objects.create(run=told, kind="slots_missed", data=data)


def reap() -> int:
    """Take runs from holders whose lease ran out; return how many."""
    values = {"message": WORKER_SILENT, "look_for": LOOK_FOR, "give_up": GIVE_UP}
    return _count(_REAP, {**_BATCH, **values})


def skip_late() -> int:
    """End queued runs past their start deadline or of switched-off jobs."""
    return _count(_SKIP, _BATCH)


def cancel_between_holders() -> int:
    """End queued runs that were cancelled while a holder was losing them."""
    return _count(_CANCEL, {**_BATCH, "by": "Data Desk"})


def wake_idle() -> None:
    """Wake workers for claimable runs while slots are idle: the wake-ups of these may have been lost."""
    with connection.cursor() as cursor:
        cursor.execute(_IDLE, [ALIVE])
        idle = int(cursor.fetchone()[0])
    if idle <= 0:
        return
    for key in Run.objects.claimable().filter(job__enabled=True).values_list("pool__key", flat=True)[:idle]:
        wake(key)


def wake_to_look() -> None:
    """Wake workers for deferred runs that are due; the clock itself calls no other system."""
    for key in Run.objects.to_look_after().values_list("pool__key", flat=True)[:LOOKS]:
        wake(key)


def ticked() -> None:
    """Write the heartbeat."""
    with connection.cursor() as cursor:
        cursor.execute(_TICKED)


def tidy() -> None:
    """Remove what the dead left behind: rows of workers, folders of attempts."""
    Worker.objects.filter(polled_at__lt=Now() - timedelta(days=1)).delete()
    folder = Path(settings.VAR) / "runs"
    left = [path for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []
    for path in left:
        run_id, _, fence = path.name.rpartition("-")
        if fence.isdigit() and not _held(run_id, int(fence)):
            shutil.rmtree(path, ignore_errors=True)


def _held(run_id: str, fence: int) -> bool:
    return Run.objects.filter(pk=run_id).held(fence).exists()


def _count(sql: str, values: dict[str, Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return int(cursor.fetchone()[0])


_FOR_OPEN_RUNS = (reap, skip_late, cancel_between_holders, wake_idle, wake_to_look)
