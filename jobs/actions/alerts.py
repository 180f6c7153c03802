"""Open an alert where a run meets a condition of its job, and close it when the job has succeeded."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q
from django.db.models.functions import Now

from jobs.actions.alert_events import announce
from jobs.choices import Condition
from jobs.engine import slots
from jobs.exceptions import InvalidSchedule
from jobs.models import Alert, AlertNews, Job, Run
from portal.accounts.models import User
from portal.discussion.watching import watchers

Look = Callable[[], list[UUID]]

EVERY: Final = 5.0
# How many successes say what is usual, of how many at most, and what is longer than usual: half as long again
# as the slowest in twenty, and ten seconds at least.
_KNOWN: Final = {"least": 10, "most": 50, "times": 1.5, "more": 10}
_looked_at = -EVERY

_LATE = """
    SELECT run.id FROM jobs_run run JOIN jobs_job job ON job.id = run.job_id
    WHERE run.state = 'queued' AND run.started_at IS NULL AND run.backfill_id IS NULL
        AND job.late_after IS NOT NULL
        AND COALESCE(run.slot, run.created_at) < clock_timestamp() - make_interval(secs => job.late_after)
"""
_UNFINISHED = """
    SELECT run.id FROM jobs_run run JOIN jobs_job job ON job.id = run.job_id
    WHERE run.state IN ('queued', 'running', 'deferred') AND run.backfill_id IS NULL
        AND job.finish_within IS NOT NULL
        AND COALESCE(run.slot, run.created_at) < clock_timestamp() - make_interval(secs => job.finish_within)
"""
# When a time of day comes in a zone the schedule's own table of zones says, not the database's.
_TIMED = """
    SELECT run.id, run.slot, job.done_by, job.done_by_zone
    FROM jobs_run run JOIN jobs_job job ON job.id = run.job_id
    WHERE run.state IN ('queued', 'running', 'deferred') AND run.backfill_id IS NULL
        AND job.done_by <> '' AND run.slot IS NOT NULL
"""
_LONGER = """
    SELECT run.id FROM jobs_run run JOIN jobs_job job ON job.id = run.job_id
    CROSS JOIN LATERAL (
        SELECT count(*) AS known, percentile_cont(0.95) WITHIN GROUP (
            ORDER BY extract(epoch FROM done.finished_at - done.started_at)) AS slow
        FROM (SELECT started_at, finished_at FROM jobs_run
              WHERE job_id = job.id AND state = 'succeeded' AND started_at IS NOT NULL
              ORDER BY id DESC LIMIT %(most)s) done
    ) usual
    WHERE run.state IN ('running', 'deferred') AND run.backfill_id IS NULL AND job.alert_longer
        AND usual.known >= %(least)s
        AND extract(epoch FROM clock_timestamp() - run.started_at)
            > GREATEST(usual.slow * %(times)s, usual.slow + %(more)s)
"""
_OPEN = """
    INSERT INTO jobs_alert (job_id, run_id, condition) VALUES (%s, %s, %s)
    ON CONFLICT DO NOTHING RETURNING id
"""


def look_for_late() -> None:
    """Look every few seconds for runs that are late or slow; a step of the clock."""
    global _looked_at  # noqa: PLW0603 - one clock a process
    if time.monotonic() - _looked_at >= EVERY:
        _looked_at = time.monotonic()
        open_late()


def open_late() -> int:
    """Open the alerts of runs that did not start, did not end or do not end in time; return how many."""
    opened = 0
    for condition, look in _LOOKS:
        found = look()
        # What was opened before is left out here, so that a quiet clock writes nothing.
        known = Alert.objects.filter(run__in=found, condition=condition).values_list("run", flat=True)
        fresh = Run.objects.filter(pk__in=set(found) - set(known)).select_related("job__owner")
        opened += sum(open_alert(run=run, condition=condition) for run in fresh.order_by("pk"))
    return opened


@transaction.atomic
def open_alert(*, run: Run, condition: Condition) -> bool:
    """Open an alert of a run once, and put down who hears of it; says whether it is new.

    Of several clocks one inserts the row; while the job has such an alert open it gets no second.
    """
    with connection.cursor() as cursor:
        cursor.execute(_OPEN, [run.job_id, run.pk, condition])
        made = cursor.fetchone()
    if made is None:
        return False
    AlertNews.objects.bulk_create(
        [AlertNews(alert_id=made[0], recipient=user) for user in _concerned(run, condition)]
    )
    announce(Alert.objects.filter(pk=made[0]).select_related("job", "run"))
    return True


def close_alerts(*, run: Run) -> list[User]:
    """Close what this run's success ends, older runs' alerts included; return who had been told of them.

    A success with parameters that somebody chose says nothing of what fails by schedule with others.
    """
    with transaction.atomic():
        proved = Run.objects.filter(job=run.job_id, pk__lte=run.pk).proved_by(run)
        held = Alert.objects.open().filter(job=run.job_id, run__in=proved).select_for_update(of=("self",))
        closed = list(held.values_list("pk", flat=True))
        if not closed:
            return []
        Alert.objects.filter(pk__in=closed).update(closed_at=Now())
        announce(Alert.objects.filter(pk__in=closed).select_related("job", "run"))
        # Nobody wants to hear of what is over.
        AlertNews.objects.filter(alert__in=closed, digest=None).delete()
        told = AlertNews.objects.filter(alert__in=closed).values("recipient")
        return list(User.objects.filter(pk__in=told, is_active=True))


def _found(sql: str) -> Look:
    def look() -> list[UUID]:
        return [row[0] for row in _rows(sql)]

    return look


def _past_their_time() -> list[UUID]:
    """Return the open runs of slots whose job should have been done by a time of day that has come."""
    rows = _rows(_TIMED)
    if not rows:
        return []
    now = slots.database_now()
    found = []
    for run, slot, clock, zone in rows:
        # A zone that this machine no longer knows must not keep the others from being told.
        with suppress(InvalidSchedule):
            if slots.done_by(slot, clock=clock, zone=zone) < now:
                found.append(run)
    return found


def _rows(sql: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, _KNOWN)
        found: list[Any] = cursor.fetchall()
    return found


_LOOKS: Final[tuple[tuple[Condition, Look], ...]] = (
    (Condition.LATE, _found(_LATE)),
    (Condition.DEADLINE, _found(_UNFINISHED)),
    (Condition.DEADLINE, _past_their_time),
    (Condition.LONGER, _found(_LONGER)),
)


def _concerned(run: Run, condition: Condition) -> list[User]:
    """Return owner and watchers who may see the job; who asked for a failed run is told of it alone."""
    job = run.job
    named = Q(pk=job.owner_id) | Q(pk__in=watchers(("job", job.key)).values("pk"))
    people = User.objects.filter(named, is_active=True)
    if condition == Condition.FAILED and run.requested_by_id is not None:
        people = people.exclude(pk=run.requested_by_id)
    return [user for user in people if Job.objects.visible_to(user).filter(pk=job.pk).exists()]
