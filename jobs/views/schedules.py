"""Pause and resume a schedule."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from jobs.access import access_schedule
from jobs.actions import schedules
from portal.accounts.access import signed_in
from portal.accounts.permissions import Permission
from portal.audit.actions import actor_of


@require_POST
def schedule_pause(request: HttpRequest, key: str, schedule_id: int) -> HttpResponse:
    """Stop the schedule from making runs."""
    user = signed_in(request)
    schedule = access_schedule(user, key, schedule_id, for_=Permission.EDIT_JOBS)
    schedules.pause(schedule=schedule, by=actor_of(request))
    messages.success(request, _("Paused. The job starts only by hand until you resume the schedule."))
    return redirect("job", key)


@require_POST
def schedule_resume(request: HttpRequest, key: str, schedule_id: int) -> HttpResponse:
    """Let the schedule go on from its next slot."""
    user = signed_in(request)
    schedule = access_schedule(user, key, schedule_id, for_=Permission.EDIT_JOBS)
    schedules.resume(schedule=schedule, by=actor_of(request))
    messages.success(request, _("Resumed. What was missed meanwhile is not caught up."))
    return redirect("job", key)
