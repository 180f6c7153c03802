"""A day's runs on one time line: what ran when, beside what, and what is still to come."""

from datetime import timedelta
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from jobs.choices import OWN_JOBS, RunState
from jobs.day import (
    MOST_RUNS,
    day_of,
    draw,
    fitting,
    hours_of,
    lanes_of,
    planned_of,
    pools_of,
    runs_of,
    schedules_of,
    zooms,
)
from jobs.filters import DayFilter, choose
from jobs.models import Job, Run
from portal.accounts.access import signed_in


@require_safe
def runs_day(request: HttpRequest) -> HttpResponse:
    """Show the runs of a day that this person may see, in their own time zone."""
    user = signed_in(request)
    now = timezone.now()
    day = day_of(request.GET.get("day", ""), now=now)
    visible = Job.objects.visible_to(user).exclude(key__in=OWN_JOBS)
    found, chosen = choose(
        DayFilter, request.GET, Run.objects.visible_to(user).exclude(job__key__in=OWN_JOBS)
    )
    hours = hours_of(request.GET.get("from", ""), request.GET.get("to", ""), day)
    shown = day.part(*hours) if hours else day
    runs, more = runs_of(shown, found)
    coming = schedules_of(visible)
    if "job" in chosen:
        coming = coming.filter(job__key=chosen["job"])
    if "pool" in chosen:
        coming = coming.filter(job__pool__key=chosen["pool"])
    # What is only planned has no state yet.
    planned = [] if "state" in chosen else planned_of(shown, coming.filter(next_slot__lt=shown.ends), now=now)
    fits = hours is None
    if hours is None:
        hours = fitting(day, runs, planned, now=now)
        shown = day.part(*hours)
        planned = [slot for slot in planned if slot.at < shown.ends]
    context = {
        "day": day,
        "shown": shown,
        "hours": None if fits else hours,
        "zooms": zooms(day, hours, now=now),
        "now": now,
        "before": day.date - timedelta(days=1),
        "after": day.date + timedelta(days=1),
        "lanes": [(lane, draw(lane, shown, now=now)) for lane in lanes_of(runs, planned)],
        "runs": runs,
        "planned": planned,
        "more": more,
        "most": MOST_RUNS,
        "chosen": chosen,
        "query": urlencode(chosen),
        "jobs": visible.only("key", "name_en", "name_ko"),
        "pools": pools_of(visible),
        "states": RunState.choices,
    }
    return render(request, "jobs/day.html", context)
