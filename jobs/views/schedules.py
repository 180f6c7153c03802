"""Add, change, pause, resume and delete a schedule."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST
from django.views.decorators.vary import vary_on_headers

from jobs.access import access_job, access_schedule
from jobs.actions import schedules
from jobs.actions.schedules import Start
from jobs.engine.slots import database_now
from jobs.exceptions import FieldError, RefusedTrigger, WrittenInCode
from jobs.kinds import kind_of
from jobs.models import Job, Schedule
from jobs.rhythm import in_words
from jobs.schedule_forms import ScheduleForm, schedule_initial
from portal.accounts.access import signed_in
from portal.accounts.permissions import Permission
from portal.audit.actions import actor_of
from portal.ui.htmx import wants_part


@dataclass(frozen=True, slots=True)
class Preview:
    """What a schedule that is being written would do; ``errors`` say why it would not.

    ``jitter``: how many seconds after its slot a run may begin.
    """

    words: str
    starts: list[Start]
    elsewhere: bool
    change: Start | None
    errors: list[FieldError]
    jitter: int = 0


@require_http_methods(["GET", "HEAD", "POST"])
@vary_on_headers("HX-Request")
def schedule_new(request: HttpRequest, key: str) -> HttpResponse:
    """Give the job one more schedule."""
    job = access_job(signed_in(request), key, for_=Permission.EDIT_JOBS)
    return _answer(request, job, None)


@require_http_methods(["GET", "HEAD", "POST"])
@vary_on_headers("HX-Request")
def schedule_edit(request: HttpRequest, key: str, schedule_id: int) -> HttpResponse:
    """Change a schedule."""
    schedule = access_schedule(signed_in(request), key, schedule_id, for_=Permission.EDIT_JOBS)
    if schedule.from_code:
        messages.info(request, _("The job’s definition states this schedule: change it there."))
        return to_starts(key)
    return _answer(request, schedule.job, schedule)


@require_POST
def schedule_delete(request: HttpRequest, key: str, schedule_id: int) -> HttpResponse:
    """Take a schedule away."""
    schedule = access_schedule(signed_in(request), key, schedule_id, for_=Permission.EDIT_JOBS)
    try:
        schedules.remove(schedule=schedule, by=actor_of(request))
    except WrittenInCode:
        messages.info(request, _("The job’s definition states this schedule: change it there."))
    else:
        messages.success(request, _("Deleted. The runs that it started stay."))
    return to_starts(key)


@require_POST
def schedule_pause(request: HttpRequest, key: str, schedule_id: int) -> HttpResponse:
    """Stop the schedule from making runs."""
    user = signed_in(request)
    schedule = access_schedule(user, key, schedule_id, for_=Permission.EDIT_JOBS)
    schedules.pause(schedule=schedule, by=actor_of(request))
    messages.success(request, _("Paused. The schedule starts nothing until you resume it."))
    return to_starts(key)


@require_POST
def schedule_resume(request: HttpRequest, key: str, schedule_id: int) -> HttpResponse:
    """Let the schedule go on from its next slot."""
    user = signed_in(request)
    schedule = access_schedule(user, key, schedule_id, for_=Permission.EDIT_JOBS)
    try:
        schedules.resume(schedule=schedule, by=actor_of(request))
    except RefusedTrigger:
        text = _("It stays paused: it does not give what the job asks for by now. Change it first.")
        messages.error(request, text)
    else:
        messages.success(request, _("Resumed. What was missed meanwhile is not caught up."))
    return to_starts(key)


def to_starts(key: str) -> HttpResponse:
    """Lead back to where the job's page says what starts it: on a phone that is far below its top."""
    return redirect(reverse("job", args=[key], fragment="starts"))


def _answer(request: HttpRequest, job: Job, schedule: Schedule | None) -> HttpResponse:
    initial = schedule_initial(schedule, signed_in(request).time_zone)
    if request.method == "POST":
        return _save(request, job, schedule, initial)
    if wants_part(request):
        # While somebody types: what they have entered so far, of which nothing is kept.
        form = ScheduleForm(job, request.GET, initial=initial)
        form.is_valid()
        return render(request, "jobs/schedule/preview.html", {"preview": _preview(form)})
    return _page(request, job, schedule, ScheduleForm(job, initial=initial), initial)


def _save(request: HttpRequest, job: Job, schedule: Schedule | None, initial: dict[str, Any]) -> HttpResponse:
    form = ScheduleForm(job, request.POST, initial=initial)
    readable = form.is_valid()
    if "look" in request.POST:
        return _page(request, job, schedule, form, initial)
    if readable:
        by = actor_of(request)
        try:
            if schedule is None:
                schedules.add(job=job, wish=form.wish, by=by)
            else:
                schedules.edit(schedule=schedule, wish=form.wish, by=by)
        except RefusedTrigger as error:
            form.add_errors(error.errors)
        else:
            messages.success(request, _("Saved. It goes on from its next start."))
            return to_starts(job.key)
    return _page(request, job, schedule, form, initial, status=422)


def _page(
    request: HttpRequest,
    job: Job,
    schedule: Schedule | None,
    form: ScheduleForm,
    initial: dict[str, Any],
    *,
    status: int = 200,
) -> HttpResponse:
    shown = form
    if not form.is_bound:
        shown = ScheduleForm(job, {name: value for name, value in initial.items() if value is not None})
        shown.is_valid()
    context = {
        "job": job,
        "schedule": schedule,
        "form": form,
        "kind": kind_of(job.kind),
        "preview": _preview(shown),
    }
    return render(request, "jobs/schedule.html", context, status=status)


def _preview(form: ScheduleForm) -> Preview:
    wish, now = form.wish, database_now()
    errors = schedules.check_line(form.job, wish, now)
    if errors:
        return Preview("", [], elsewhere=False, change=None, errors=errors)
    unsaved = schedules.unsaved(form.job, wish, now=now)
    starts = schedules.next_starts(unsaved, now=now)
    here = timezone.get_current_timezone()
    elsewhere = wish.interval is None and any(
        start.at.astimezone(here).utcoffset() != start.there.utcoffset() for start in starts
    )
    change = schedules.start_at_change(unsaved, now=now) if wish.interval is None else None
    return Preview(
        words=in_words(wish.cron) if wish.interval is None else "",
        starts=starts,
        elsewhere=elsewhere,
        change=None if any(start.note for start in starts) else change,
        errors=[],
        jitter=schedules.jitter_of(unsaved, starts),
    )
