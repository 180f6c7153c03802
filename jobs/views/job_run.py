"""The page that asks for a job's parameters and starts it."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from jobs.access import access_job
from jobs.actions import runs
from jobs.choices import Trigger
from jobs.exceptions import IdempotencyConflict, InvalidParameters, JobDisabled
from jobs.forms import ParametersForm, parameters_of
from jobs.history import usual_duration
from jobs.kinds import kind_of
from jobs.models import Job, Run
from jobs.schedule_forms import params_initial
from portal.accounts.access import signed_in
from portal.accounts.permissions import Permission
from portal.audit.actions import actor_of


@require_http_methods(["GET", "HEAD", "POST"])
def job_run(request: HttpRequest, key: str) -> HttpResponse:
    """Ask for the parameters; start the job with them and go to the run."""
    user = signed_in(request)
    job = access_job(user, key, for_=Permission.RUN_JOBS)
    if request.method != "POST":
        return _page(request, job, ParametersForm(job.parameters_schema, initial=_initial(request, job)))
    form = ParametersForm(job.parameters_schema, request.POST)
    run = _start(request, job, form) if form.is_valid() else None
    if run is None:
        return _page(request, job, form, status=422)
    return redirect("run", run.number)


def _start(request: HttpRequest, job: Job, form: ParametersForm) -> Run | None:
    """Start the run; None where the form says what is wrong."""
    user = signed_in(request)
    try:
        run, created = runs.trigger(
            job=job,
            params=form.params,
            by=actor_of(request),
            trigger=Trigger.MANUAL,
            requested_by=user,
            principal=f"user:{user.pk}",
            idempotency_key=f"form:{form.cleaned_data['once']}",
        )
    except InvalidParameters as error:
        form.add_parameter_errors(error.errors)
    except JobDisabled:
        form.add_error(None, _("This job is switched off. Somebody who may edit jobs can switch it on."))
    except IdempotencyConflict:
        form.renew()
        form.add_error(None, _("This form already started a run. Press the button again to start another."))
    else:
        if not created:
            messages.info(request, _("It had already started: this is that run."))
        return run
    return None


def _initial(request: HttpRequest, job: Job) -> dict[str, Any]:
    """Return what the address brings along, so that a link fills in the form: an earlier run, or values."""
    schema = job.parameters_schema
    number = request.GET.get("from", "")
    if number.isascii() and number.isdigit() and len(number) < 19:
        earlier = Run.objects.visible_to(signed_in(request)).filter(job=job, number=int(number)).first()
        if earlier is not None:
            return params_initial(earlier.params, schema)
    return {
        ParametersForm.field_name(each.name): each.said(request.GET.getlist(each.name))
        for each in parameters_of(schema)
        if each.name in request.GET
    }


def _page(request: HttpRequest, job: Job, form: ParametersForm, *, status: int = 200) -> HttpResponse:
    context = {"job": job, "form": form, "kind": kind_of(job.kind), "usual": usual_duration(job.pk)}
    return render(request, "jobs/job_run.html", context, status=status)
