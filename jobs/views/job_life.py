"""Switch a job off and on, and delete it."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from jobs.access import access_job
from jobs.actions import definitions
from jobs.exceptions import DefinedElsewhere, StillNeeded
from portal.accounts.access import signed_in
from portal.accounts.permissions import Permission
from portal.audit.actions import actor_of


@require_POST
def job_switch(request: HttpRequest, key: str) -> HttpResponse:
    """Switch the job on or off, as the button says."""
    job = access_job(signed_in(request), key, for_=Permission.EDIT_JOBS)
    enabled = request.POST.get("enabled") == "1"
    try:
        definitions.switch(job=job, enabled=enabled, by=actor_of(request))
    except DefinedElsewhere:
        messages.error(request, _("No file defines this job any more: it comes back with its file."))
    else:
        on = _("Switched on.")
        off = _("Switched off: nothing starts it until somebody switches it on. What runs goes on.")
        messages.success(request, on if enabled else off)
    return redirect("job", key)


@require_http_methods(["GET", "HEAD", "POST"])
def job_delete(request: HttpRequest, key: str) -> HttpResponse:
    """Say what goes with the job and what stands in the way; delete it when its key was typed."""
    user = signed_in(request)
    job = access_job(user, key, for_=Permission.EDIT_JOBS)
    if not (job.made_here or job.is_gone):
        messages.error(request, _("This job is not changed here."))
        return redirect("job", key)
    typed = request.POST.get("key", "").strip()
    wrong = ""
    reasons = definitions.needed_by(job, user)
    if request.method == "POST" and not reasons:
        if typed == job.key:
            try:
                definitions.delete(job=job, user=user, by=actor_of(request))
            except StillNeeded as error:
                reasons = error.reasons
            else:
                messages.success(request, _("Deleted: {job}.").format(job=job.name))
                return redirect("jobs")
        else:
            wrong = _("Type the key as it stands there.")
    context = {
        "job": job,
        "reasons": reasons,
        "wrong": wrong,
        "typed": typed,
        "runs": job.runs.count(),
        "versions": job.versions.count(),
        "schedules": job.schedules.count(),
    }
    return render(request, "jobs/job_delete.html", context, status=422 if request.method == "POST" else 200)
