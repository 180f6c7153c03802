"""The rows of the list of jobs."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.safestring import SafeString

from jobs.charts import history_of
from jobs.choices import ASKED_KINDS
from jobs.history import Past, recent_runs
from jobs.kinds import Kind, kind_of
from jobs.models import Job
from portal.accounts.models import User
from portal.accounts.permissions import Permission

BARS = 12


@dataclass(frozen=True, slots=True)
class JobRow:
    """One job of the list; ``after`` is the name of a job that it follows, if the reader sees one."""

    job: Job
    kind: Kind
    last: Past | None
    history: SafeString
    next_slot: datetime | None
    paused: bool
    after: str
    asks: bool
    may_run: bool


def rows_of(found: list[Job], user: User) -> list[JobRow]:
    """Return what the list shows of each job, with one query for all their runs.

    The jobs have their schedules fetched, and in ``before`` the visible jobs that they follow.
    """
    now = timezone.now()
    keys = [job.pk for job in found]
    recent = recent_runs(keys, count=BARS, reader=user)
    # Whose role runs jobs runs each of them; of the others the database is asked, once.
    runnable = {job.pk for job in found if job.kind not in ASKED_KINDS}
    if not user.may(Permission.RUN_JOBS):
        allowing = Job.objects.visible_to(user).filter(pk__in=keys).allowing(user, Permission.RUN_JOBS)
        runnable = set(allowing.values_list("pk", flat=True))
    return [_row(job, recent.get(job.pk, []), now, may_run=job.pk in runnable) for job in found]


def _row(job: Job, recent: list[Past], now: datetime, *, may_run: bool) -> JobRow:
    schedules: list[Any] = list(job.schedules.all())
    before: list[Any] = getattr(job, "before", [])
    slots = [schedule.next_slot for schedule in schedules if schedule.enabled and schedule.next_slot]
    return JobRow(
        job=job,
        kind=kind_of(job.kind),
        last=recent[-1] if recent else None,
        history=history_of(recent, now=now, places=BARS),
        next_slot=min(slots, default=None),
        paused=bool(schedules) and not any(schedule.enabled for schedule in schedules),
        after=before[0].name if before else "",
        asks=bool(job.parameters_schema.get("properties")),
        may_run=may_run,
    )
