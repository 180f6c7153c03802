"""Let a job start by new data: add, change, pause, resume and delete its triggers."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from catalog.models import Dataset
from jobs.access import access_job, access_trigger
from jobs.actions import data_triggers
from jobs.exceptions import RefusedTrigger
from jobs.models import DataTrigger, Job
from jobs.schedule_forms import DataTriggerForm, trigger_initial
from jobs.views.schedules import to_starts
from portal.accounts.access import signed_in
from portal.accounts.permissions import Permission
from portal.audit.actions import actor_of


@require_http_methods(["GET", "HEAD", "POST"])
def trigger_new(request: HttpRequest, key: str) -> HttpResponse:
    """Let the job start by more datasets."""
    return _answer(request, access_job(signed_in(request), key, for_=Permission.EDIT_JOBS), None)


@require_http_methods(["GET", "HEAD", "POST"])
def trigger_edit(request: HttpRequest, key: str, trigger_id: int) -> HttpResponse:
    """Change which datasets start the job."""
    trigger = access_trigger(signed_in(request), key, trigger_id, for_=Permission.EDIT_JOBS)
    return _answer(request, trigger.job, trigger)


@require_POST
def trigger_delete(request: HttpRequest, key: str, trigger_id: int) -> HttpResponse:
    """Take a trigger away."""
    trigger = access_trigger(signed_in(request), key, trigger_id, for_=Permission.EDIT_JOBS)
    data_triggers.remove(trigger=trigger, by=actor_of(request))
    messages.success(request, _("Deleted. The runs that it started stay."))
    return to_starts(key)


@require_POST
def trigger_pause(request: HttpRequest, key: str, trigger_id: int) -> HttpResponse:
    """Stop the trigger."""
    trigger = access_trigger(signed_in(request), key, trigger_id, for_=Permission.EDIT_JOBS)
    data_triggers.pause(trigger=trigger, by=actor_of(request))
    messages.success(request, _("Paused. New data starts nothing until you resume it."))
    return to_starts(key)


@require_POST
def trigger_resume(request: HttpRequest, key: str, trigger_id: int) -> HttpResponse:
    """Let the trigger go on."""
    trigger = access_trigger(signed_in(request), key, trigger_id, for_=Permission.EDIT_JOBS)
    try:
        data_triggers.resume(trigger=trigger, by=actor_of(request))
    except RefusedTrigger:
        text = _("It stays paused: it does not give what the job asks for by now. Change it first.")
        messages.error(request, text)
    else:
        messages.success(request, _("Resumed. What was published meanwhile starts nothing."))
    return to_starts(key)


def _answer(request: HttpRequest, job: Job, trigger: DataTrigger | None) -> HttpResponse:
    user = signed_in(request)
    form = DataTriggerForm(
        job,
        Dataset.objects.visible_to(user),
        request.POST if request.method == "POST" else None,
        initial=trigger_initial(trigger),
    )
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                if trigger is None:
                    data_triggers.add(job=job, wish=form.wish, by=actor_of(request), reader=user)
                else:
                    data_triggers.edit(trigger=trigger, wish=form.wish, reader=user, by=actor_of(request))
            except RefusedTrigger as error:
                form.add_errors(error.errors)
            else:
                messages.success(request, _("Saved. The next published data counts."))
                return to_starts(job.key)
    context = {"job": job, "trigger": trigger, "form": form}
    return render(request, "jobs/trigger.html", context, status=status)
