"""Read what jobs did lately, for many jobs in one query each."""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import OuterRef, Subquery

from jobs.choices import OWN_JOBS, RunState, labels_of_states
from jobs.models import Job, Run
from jobs.models.run import RunQuerySet
from jobs.progress import spans_of
from portal.accounts.models import User
from portal.accounts.prepared import Prepared

USUAL_RUNS = 20
_LAST = UUID(int=2**128 - 1)
# A look-up in the index for each job; a window function would read all their history.
_RECENT = """
    SELECT recent.id::text, number, recent.job_id, state, trigger, created_at, started_at, finished_at
    FROM unnest(%(jobs)s::bigint[]) AS wanted (job_id) CROSS JOIN LATERAL (
        SELECT id, number, job_id, state, trigger, created_at, started_at, finished_at FROM jobs_run
        WHERE jobs_run.job_id = wanted.job_id AND (
            jobs_run.requested_by_id = %(reader)s
            OR wanted.job_id <> ALL (SELECT jobs_job.id FROM jobs_job WHERE key = ANY(%(own)s))
        ) ORDER BY id DESC LIMIT %(count)s
    ) AS recent ORDER BY recent.id
"""
# The newest run of each partition is found in the index; only the sums leave the database.
_PARTITIONS = """
    SELECT backfill_id, state, count(*) FROM (
        SELECT DISTINCT ON (backfill_id, partition) backfill_id, state FROM jobs_run
        WHERE backfill_id = ANY(%(backfills)s) ORDER BY backfill_id, partition, id DESC
    ) AS newest GROUP BY backfill_id, state
"""

_SPANS: Prepared[tuple[datetime | None, datetime | None]] = Prepared(
    lambda *, job, before: (
        Run.objects.filter(job_id=job, state=RunState.SUCCEEDED, started_at__isnull=False, id__lt=before)
        .order_by("-id")
        .values_list("started_at", "finished_at")[:USUAL_RUNS]
    )
)
_STEPS: Prepared[dict[str, Any]] = Prepared(
    lambda *, job: (
        Run.objects.filter(job_id=job, state=RunState.SUCCEEDED)
        .order_by("-id")
        .values_list("progress", flat=True)[:USUAL_RUNS]
    )
)


class Past(NamedTuple):
    """What bars and summaries show of a run; a page has hundreds, and a model would be ten times as dear."""

    id: str
    number: int
    job_id: int
    state: str
    trigger: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @property
    def tone(self) -> str:
        """The tone of its state."""
        return RunState(self.state).tone

    @property
    def label(self) -> str:
        """Its state in words."""
        return labels_of_states()[self.state]

    @property
    def duration(self) -> timedelta | None:
        """Time from the first start to the end; None before the end."""
        return self.finished_at - self.started_at if self.started_at and self.finished_at else None


def recent_runs(job_ids: Collection[int], *, count: int, reader: User) -> dict[int, list[Past]]:
    """Return each job's last runs, oldest first, in one query; a job without runs has an empty list.

    Of what people ask only the reader's own, as in ``Run.objects.visible_to``; the jobs are those they may
    know of.
    """
    found: dict[int, list[Past]] = defaultdict(list)
    values: dict[str, Any] = {
        "jobs": list(job_ids),
        "count": count,
        "reader": reader.pk,
        "own": list(OWN_JOBS),
    }
    with connection.cursor() as cursor:
        cursor.execute(_RECENT, values)
        for row in cursor.fetchall():
            past = Past._make(row)
            found[past.job_id].append(past)
    return found


def partition_states(backfill_ids: Collection[int]) -> dict[int, dict[str, int]]:
    """Count the partitions of each backfill by the state of their newest run, in one query for all."""
    found: dict[int, dict[str, int]] = {each: {} for each in backfill_ids}
    with connection.cursor() as cursor:
        cursor.execute(_PARTITIONS, {"backfills": list(backfill_ids)})
        for backfill, state, count in cursor.fetchall():
            found[backfill][state] = count
    return found


def last_successes(job_ids: Collection[int]) -> dict[int, Run]:
    """Return each job's newest successful run with its outputs, in one query, by one look-up for each job."""
    last = Run.objects.filter(job=OuterRef("pk"), state=RunState.SUCCEEDED).order_by("-id").values("pk")[:1]
    newest = Job.objects.filter(pk__in=job_ids).annotate(newest=Subquery(last)).values("newest")
    found = Run.objects.filter(pk__in=newest).only("number", "job_id", "finished_at", "outputs")
    return {run.job_id: run for run in found}


def usual_duration(job_id: int, *, before: Run | None = None) -> timedelta | None:
    """Return the median duration of the job's last successful runs; None before the first success."""
    spans = _SPANS(job=job_id, before=before.pk if before is not None else _LAST)
    durations = sorted(end - start for start, end in spans if start and end)
    return durations[len(durations) // 2] if durations else None


def usual_steps(job_id: int) -> dict[str, timedelta]:
    """Return the median duration of each step over the job's last successful runs."""
    spans: dict[str, list[timedelta]] = defaultdict(list)
    for progress in _STEPS(job=job_id):
        for step in spans_of(progress):
            if step.duration is not None:
                spans[step.key].append(step.duration)
    return {key: sorted(values)[len(values) // 2] for key, values in spans.items()}


def broken_runs(user: User) -> RunQuerySet:
    """Return the failed last runs of visible jobs, the newest first; a job that recovered is left out.

    Cancelled and skipped runs say nothing about a job's health and are passed over, as is what people ask.
    """
    verdicts = frozenset({RunState.SUCCEEDED}) | RunState.unhappy()
    last = Run.objects.filter(job=OuterRef("pk"), state__in=verdicts).order_by("-id")
    # Led by the few jobs, not by the many runs: one index look-up for each job, a second one where it failed.
    jobs = (
        Job.objects.visible_to(user)
        .exclude(key__in=OWN_JOBS)
        .alias(verdict=Subquery(last.values("state")[:1]))
    )
    newest = jobs.filter(verdict__in=RunState.unhappy()).values(run=Subquery(last.values("pk")[:1]))
    return Run.objects.filter(pk__in=newest).order_by("-id")
