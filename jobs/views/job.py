"""A job's page: how it does, when it starts next, its runs, and what hangs on it."""

import re
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode
from uuid import uuid4
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from jobs.access import access_job
from jobs.actions import schedules
from jobs.charts import run_bars, summary_of, took_of
from jobs.choices import RunState
from jobs.filters import RunFilter, choose
from jobs.history import recent_runs, usual_duration
from jobs.impact import fed_by
from jobs.kinds import kind_of
from jobs.models import Job, Schedule
from portal.accounts.access import signed_in
from portal.accounts.permissions import Permission
from portal.ui.paging import keyset

HISTORY = 60
RUNS_SHOWN = 25
STARTS_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Start:
    """One coming start: the moment, and how the clock of the schedule's own zone reads then."""

    at: datetime
    there: datetime


@dataclass(frozen=True, slots=True)
class ShownSchedule:
    """A schedule with its next starts; ``elsewhere`` says that its zone is not the reader's.

    ``rhythm`` is its cron line in words, "" where that line is not one of the usual ones.
    """

    schedule: Schedule
    rhythm: str
    starts: list[Start]
    elsewhere: bool


@require_safe
def job(request: HttpRequest, key: str) -> HttpResponse:
    """Show one job."""
    user = signed_in(request)
    shown = access_job(user, key)
    runs = shown.runs.select_related("requested_by")
    found, chosen = choose(RunFilter, request.GET, runs)
    page = keyset(found, order=("-id",), cursor=request.GET.get("cursor"), size=RUNS_SHOWN)
    recent = recent_runs([shown.pk], count=HISTORY).get(shown.pk, [])
    now = timezone.now()
    context = {
        "job": shown,
        "kind": kind_of(shown.kind),
        "last": recent[-1] if recent else None,
        "usual": usual_duration(shown.pk),
        "bars": run_bars(recent, now=now),
        "summary": summary_of(recent),
        "measured": [(run, took_of(run, now)) for run in reversed(recent)],
        "page": page,
        "chosen": chosen,
        "query": urlencode(chosen, doseq=True),
        "states": RunState.choices,
        "schedules": [_shown(schedule) for schedule in shown.schedules.select_related("job")],
        "fed": fed_by(shown, user),
        "after": Job.objects.visible_to(user).filter(followers=shown),
        "asks": bool(shown.parameters_schema.get("properties")),
        "may_run": user.may(Permission.RUN_JOBS),
        "may_edit": user.may(Permission.EDIT_JOBS),
        "once": uuid4(),
    }
    return render(request, "jobs/job.html", context)


def _shown(schedule: Schedule) -> ShownSchedule:
    there = ZoneInfo(schedule.zone)
    starts = [Start(at, at.astimezone(there)) for at in schedules.next_slots(schedule, count=STARTS_SHOWN)]
    here = timezone.get_current_timezone()
    elsewhere = any(start.at.astimezone(here).utcoffset() != start.there.utcoffset() for start in starts)
    return ShownSchedule(schedule, _rhythm(schedule.cron), starts, elsewhere)


def _rhythm(cron: str) -> str:
    if hourly := re.fullmatch(r"(\d{1,2}) \* \* \* \*", cron):
        return _("every hour at minute {minute}").format(minute=hourly[1])
    found = re.fullmatch(r"(\d{1,2}) (\d{1,2}) \* \* (\*|1-5|[0-7])", cron)
    if found is None:
        return ""
    minute, hour, days = found.groups()
    time = f"{int(hour):02}:{int(minute):02}"
    if days == "*":
        return _("every day at {time}").format(time=time)
    if days == "1-5":
        return _("Monday to Friday at {time}").format(time=time)
    # Cron's week begins with Sunday, as 0 and as 7.
    return _("every {weekday} at {time}").format(weekday=WEEKDAYS[(int(days) - 1) % 7], time=time)
