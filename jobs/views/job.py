"""A job's page: how it does, when it starts next, its runs, and what hangs on it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from jobs.access import access_job, data_triggers_of, first_runs_of, last_backfills_of, runs_of, schedules_of
from jobs.actions import schedules
from jobs.actions.schedules import Start
from jobs.alerts import open_alerts
from jobs.charts import history_of, summary_of, took_of
from jobs.choices import RunState
from jobs.engine.ordering import MODELS
from jobs.filters import RunFilter, choose
from jobs.history import recent_runs, usual_duration
from jobs.impact import fed_by
from jobs.kinds import kind_of, why_it_cannot_run
from jobs.models import DataTrigger, Job, Run, Schedule
from jobs.partitions import parameters_for
from jobs.rhythm import in_words
from jobs.runners.registry import SYSTEM_KINDS
from jobs.workings import Workings, workings_of
from portal.accounts.access import signed_in
from portal.accounts.models import User
from portal.accounts.permissions import Permission
from portal.accounts.prepared import Prepared
from portal.discussion.threads import teaser
from portal.events import Node, Reference, nodes
from portal.ui.filtering import given_values
from portal.ui.htmx import has_seen, live_address, mark_of, wants_part
from portal.ui.paging import Page, first_page, keyset

HISTORY = 60
RUNS_SHOWN = 25
BACKFILLS_SHOWN = 3
STARTS_SHOWN = 5
ORDER = ("-id",)
_BEFORE: Prepared[Job] = Prepared(lambda *, user, job: Job.objects.visible_to(user).filter(followers=job))


@dataclass(frozen=True, slots=True)
class ShownSchedule:
    """A schedule with its next starts; ``elsewhere`` says that its zone is not the reader's.

    ``rhythm`` is its cron line in words, "" where that line is not one of the usual ones.
    """

    schedule: Schedule
    rhythm: str
    starts: list[Start]
    elsewhere: bool


@dataclass(frozen=True, slots=True)
class ShownDataset:
    """A dataset that starts the job; ``fresh`` says that it was published since the last start."""

    label: str
    url: str
    fresh: bool


@dataclass(frozen=True, slots=True)
class ShownTrigger:
    """A start by new data; of datasets that the reader may not see only the number is told to editors."""

    trigger: DataTrigger
    watched: list[ShownDataset]
    count: int
    hidden: int


@require_safe
@vary_on_headers("HX-Request")
def job(request: HttpRequest, key: str) -> HttpResponse:
    """Show one job; while runs that it shows are open it asks for what changes, and gets it once it has."""
    user = signed_in(request)
    shown = access_job(user, key)
    page, chosen = _page(request, shown, user)
    recent = recent_runs([shown.pk], count=HISTORY, reader=user).get(shown.pk, [])
    now = timezone.now()
    may_edit = shown.allows(user, Permission.EDIT_JOBS)
    alerts = open_alerts(shown, user)
    mark = mark_of(
        shown.enabled,
        [(run.number, run.state, run.started_at) for run in recent],
        [(run.number, run.state, run.attempt) for run in page.items],
        [alert.alert.pk for alert in alerts],
    )
    if has_seen(request, mark):
        return HttpResponse(status=204)
    moves = None in {run.finished_at for run in recent} | {run.finished_at for run in page.items}
    context = {
        "job": shown,
        "live": live_address(request, mark) if moves else "",
        "kind": kind_of(shown.kind),
        "broken": why_it_cannot_run(shown),
        "last": recent[-1] if recent else None,
        "usual": usual_duration(shown.pk),
        "history": history_of(recent, now=now),
        "summary": summary_of(recent),
        "measured": [(run, took_of(run, now)) for run in reversed(recent)],
        "page": page,
        "chosen": chosen,
        "query": urlencode(chosen, doseq=True),
        "states": RunState.choices,
        "schedules": [_shown(schedule, now) for schedule in schedules_of(shown)],
        "triggers": _triggers(shown, user),
        "backfills": last_backfills_of(shown, BACKFILLS_SHOWN),
        "backfillable": bool(parameters_for(shown.parameters_schema)),
        "alerts": alerts,
        "fed": fed_by(shown, user),
        "after": _BEFORE(user=user, job=shown.pk),
        "asks": bool(shown.parameters_schema.get("properties")),
        "may_run": shown.allows(user, Permission.RUN_JOBS),
        "may_edit": may_edit,
        "may_make": user.may(Permission.EDIT_JOBS) and shown.kind not in SYSTEM_KINDS,
        "workings": _workings(shown, user, may_edit=may_edit),
        "once": uuid4(),
        "discussion": teaser(("job", shown.key), user),
    }
    return render(request, "jobs/job/poll.html" if wants_part(request) else "jobs/job.html", context)


def _page(request: HttpRequest, shown: Job, user: User) -> tuple[Page[Run], dict[str, Any]]:
    """Return the runs that the URL asks for, and by what they were chosen."""
    cursor = request.GET.get("cursor")
    chosen = given_values(RunFilter, request.GET)
    if cursor or chosen.keys() - {"state"}:
        found, _chosen = choose(RunFilter, request.GET, runs_of(shown, user))
        page = keyset(found, order=ORDER, cursor=cursor, size=RUNS_SHOWN)
    else:
        states = frozenset[str](chosen.get("state", ()))
        page = first_page(first_runs_of(shown, user, RUNS_SHOWN + 1, states), order=ORDER, size=RUNS_SHOWN)
    for run in page.items:
        run.job = shown
    return page, chosen


def _shown(schedule: Schedule, now: datetime) -> ShownSchedule:
    starts = schedules.next_starts(schedule, STARTS_SHOWN, now=now)
    here = timezone.get_current_timezone()
    elsewhere = any(start.at.astimezone(here).utcoffset() != start.there.utcoffset() for start in starts)
    return ShownSchedule(schedule, in_words(schedule.cron), starts, elsewhere)


def _triggers(shown: Job, user: User) -> list[ShownTrigger]:
    triggers = data_triggers_of(shown)
    keys = {("dataset", each.dataset.asset.key) for trigger in triggers for each in trigger.watched.all()}
    found = nodes.resolve(keys, user)
    return [_trigger(trigger, found) for trigger in triggers]


def _trigger(trigger: DataTrigger, found: Mapping[Reference, Node]) -> ShownTrigger:
    watched = list(trigger.watched.all())
    shown = [
        ShownDataset(node.label, node.url, each.fresh_by is not None)
        for each in watched
        if (node := found.get(("dataset", each.dataset.asset.key))) is not None
    ]
    return ShownTrigger(trigger, shown, len(watched), len(watched) - len(shown))


def _workings(shown: Job, user: User, *, may_edit: bool) -> Workings | None:
    """Return how it works, to editors only where no form of theirs shows its SQL."""
    if may_edit and (shown.made_here or shown.kind != MODELS):
        return None
    return workings_of(shown, user)
