"""Tell who asked for a run that it failed, open and close alerts; ``once`` keeps the news single."""

import datetime as dt
from collections.abc import Iterable
from typing import Final
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone

from jobs.actions.alerts import close_alerts, open_alert
from jobs.choices import Condition, Reason, RunState
from jobs.marks import PEOPLE, SILENT_JOBS, event_word, read_on
from jobs.models import Run
from portal.accounts.models import User
from portal.audit.actions import Actor
from portal.notifications.actions import notify
from portal.notifications.rows import FAILURE

# After a long standstill nobody wants the news of last week.
FRESH: Final = dt.timedelta(days=2)
_BY: Final = Actor.system("jobs")
_ENDS: Final = frozenset({RunState.SUCCEEDED, *RunState.unhappy()})
_TOLD: Final = _ENDS | {RunState.SKIPPED}


def tell_of_runs() -> int:
    """Tell of the ends of runs since the last round; return how many were told. Any number of clocks may."""
    return read_on(PEOPLE, lambda events: _tell(each.run_id for each in events if event_word(each) in _TOLD))


def _tell(pks: Iterable[UUID]) -> int:
    runs = (
        Run.objects.filter(pk__in=set(pks), state__in=_TOLD, finished_at__gt=timezone.now() - FRESH)
        .exclude(job__key__in=SILENT_JOBS)
        .select_related("job__owner", "requested_by")
        .order_by("pk")
    )
    return sum(_tell_of(run) for run in runs)


def _tell_of(run: Run) -> int:
    if run.state == RunState.SUCCEEDED:
        return _recovered(run)
    if run.state == RunState.SKIPPED:
        return _alert(run, Condition.LATE) if run.reason == Reason.START_DEADLINE else 0
    return _failed(run) + (_alert(run, Condition.FAILED) if run.job.alert_failed else 0)


def _alert(run: Run, condition: Condition) -> int:
    """Open an alert, unless the job has succeeded since: a run's end may be read late, or twice."""
    succeeded = run.job.runs.filter(pk__gt=run.pk, state=RunState.SUCCEEDED)
    if run.backfill_id is not None or succeeded.proving(run).exists():
        return 0
    return open_alert(run=run, condition=condition)


def _failed(run: Run) -> int:
    """Tell the requester of this run; of a bad backfill the owner too, both once. Alerts tell all others."""
    people: list[User | None] = [run.requested_by]
    if run.backfill_id is not None:
        people.append(run.job.owner)
    return notify(
        to=[user for user in people if user is not None],
        kind="run.failed",
        about=("job", run.job.key) if run.backfill_id else (FAILURE, str(run.pk)),
        by=_BY,
        data={"run": run.number},
        once=f"backfill:{run.backfill_id}" if run.backfill_id else f"run:{run.pk}",
    )


def _recovered(run: Run) -> int:
    """Tell those who heard that something was wrong that the job works again."""
    if run.backfill_id is not None:
        # Another day's partition says nothing about the job.
        return 0
    people: list[User | None] = [*close_alerts(run=run)]
    before = _before(run).select_related("requested_by").first()
    if before is not None and before.state != RunState.SUCCEEDED:
        people += [run.requested_by, before.requested_by]
    return notify(
        to=[user for user in people if user is not None],
        kind="run.recovered",
        about=("job", run.job.key),
        by=_BY,
        data={"run": run.number},
        once=f"run:{run.pk}",
    )


def _before(run: Run) -> QuerySet[Run]:
    """Return the runs before this one that ended by themselves and of which it tells, the newest first."""
    own = Run.objects.filter(job=run.job_id, backfill=None, pk__lt=run.pk, state__in=_ENDS)
    return own.proved_by(run).order_by("-pk")
