"""The rows of the list of jobs."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import F
from django.utils import timezone
from django.utils.safestring import SafeString

from jobs.charts import history_of
from jobs.choices import ASKED_KINDS
from jobs.history import Past, recent_runs
from jobs.kinds import Kind, kind_of
from jobs.models import Job, Schedule
from portal.accounts.models import User
from portal.accounts.permissions import Permission
from portal.accounts.prepared import Prepared
from portal.languages import spoken

BARS = 12
_STARTS: Prepared[tuple[int, bool, datetime | None]] = Prepared(
    lambda *, jobs: Schedule.objects.filter(job__in=jobs).values_list("job_id", "enabled", "next_slot")
)
_BEFORE: Prepared[Any] = Prepared(
    lambda *, user, jobs: (
        Job.objects.visible_to(user)
        .annotate(follower=F("followers"))
        .filter(follower__in=jobs)
        .only("name_en", "name_ko")
    )
)
_RUNNABLE: Prepared[int] = Prepared(
    lambda *, user, jobs: (
        Job.objects.visible_to(user)
        .filter(pk__in=jobs)
        .allowing(user, Permission.RUN_JOBS)
        .values_list("pk", flat=True)
    )
)


@dataclass(frozen=True, slots=True)
class JobRow:
    """One job of the list; ``after`` is the name of a job that it follows, if the reader sees one.

    ``owner`` and ``team`` are names, of which there may be none.
    """

    job: Job
    owner: str
    team: str
    kind: Kind
    last: Past | None
    history: SafeString
    next_slot: datetime | None
    paused: bool
    after: str
    asks: bool
    may_run: bool


def rows_of(found: list[Job], user: User) -> list[JobRow]:
    """Return what the list shows of each job; the queries are as many for one as for all."""
    now = timezone.now()
    keys = {job.pk for job in found}
    recent = recent_runs(keys, count=BARS, reader=user)
    starts: dict[int, list[tuple[bool, datetime | None]]] = defaultdict(list)
    for key, enabled, slot in _STARTS(jobs=keys):
        starts[key].append((enabled, slot))
    # Of several that it follows the first one by key is named.
    before = {each.follower: each.name for each in reversed(_BEFORE(user=user, jobs=keys))}
    # Whose role runs jobs runs each of them; of the others the database is asked, once.
    runnable = {job.pk for job in found if job.kind not in ASKED_KINDS}
    if not user.may(Permission.RUN_JOBS):
        runnable = set(_RUNNABLE(user=user, jobs=keys))
    return [
        _row(job, recent.get(job.pk, []), starts[job.pk], before.get(job.pk, ""), now, job.pk in runnable)
        for job in found
    ]


def _row(
    job: Any,
    recent: list[Past],
    starts: list[tuple[bool, datetime | None]],
    before: str,
    now: datetime,
    may_run: bool,
) -> JobRow:
    return JobRow(
        job=job,
        owner=job.owner_name or "",
        team=spoken(job, "team_name"),
        kind=kind_of(job.kind),
        last=recent[-1] if recent else None,
        history=history_of(recent, now=now, places=BARS),
        next_slot=min((slot for enabled, slot in starts if enabled and slot and job.enabled), default=None),
        paused=bool(starts) and not any(enabled for enabled, _slot in starts),
        after=before,
        asks=bool(job.parameters_schema.get("properties")),
        may_run=may_run,
    )
