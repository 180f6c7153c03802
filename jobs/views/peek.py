"""Look into a source file before any job loads it; live while the look runs."""

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers
from pydantic import ValidationError

from jobs import peeks
from jobs.access import access_peek
from jobs.actions.peeks import look
from jobs.complaints import complaints
from jobs.config_forms import SchemaForm
from jobs.exceptions import InvalidParameters, JobDisabled, TooManyPeeks
from jobs.models import Run
from jobs.queue import why_waiting
from jobs.runners.load_config import ExtractLoadConfig, Files
from portal.accounts.access import require, signed_in
from portal.accounts.models import User
from portal.accounts.permissions import Permission
from portal.audit.actions import actor_of
from portal.ui.htmx import wants_part


@require_POST
@vary_on_headers("HX-Request")
def peek_new(request: HttpRequest) -> HttpResponse:
    """Look into what a job's form names, or into one file of the list."""
    user = signed_in(request)
    require(user, Permission.EDIT_JOBS)
    source, refused = _source(request, user)
    for_form = not {"source.path", "path"} & set(request.POST)
    run = None
    if source is not None:
        try:
            run = look(source=source, by=actor_of(request), requested_by=user)
        except TooManyPeeks:
            refused = _("Several of your looks into files are still open. Wait for one.")
        except JobDisabled:
            refused = _("Looking into files is switched off. Somebody who may edit jobs can switch it on.")
        except InvalidParameters as error:
            refused = str(error)
    if run is None:
        template = "jobs/files/look.html" if wants_part(request) else "jobs/file_look.html"
        # A part that says why is swapped in as any other; a page says it by its status too.
        return render(request, template, {"refused": refused}, status=200 if wants_part(request) else 422)
    if wants_part(request):
        return render(request, "jobs/files/look.html", {**_look_of(run), "for_form": for_form})
    return redirect("peek", run.number)


@require_safe
@vary_on_headers("HX-Request")
def peek(request: HttpRequest, number: int) -> HttpResponse:
    """Show a look of one's own; its own polls get the part that changes."""
    run = access_peek(signed_in(request), number)
    context = _look_of(run)
    if request.GET.get("part") == "look" and wants_part(request):
        return render(request, "jobs/files/look.html", {**context, "for_form": "for" in request.GET})
    form = SchemaForm(peeks.form_schema(), path="source", value=run.params)
    return render(request, "jobs/file_look.html", {**context, "form": form})


def _source(request: HttpRequest, user: User) -> tuple[Files | None, str]:
    """Return what is to be looked into, or why that is nothing."""
    if "source.path" in request.POST:
        form = SchemaForm(peeks.form_schema(), path="source", data=request.POST, reader=user)
        named = form.value if form.is_valid() else {}
    elif "path" in request.POST:
        named = peeks.named(request.POST["path"])
    else:
        whole = SchemaForm(
            ExtractLoadConfig.model_json_schema(), path="config", data=request.POST, reader=user
        )
        whole.full_clean()
        named = whole.value.get("source") or {}
        if named.get("type") != "files":
            named = {}
    if not named.get("path"):
        return None, _("Name the path first: a file, a folder or a pattern.")
    try:
        return Files.model_validate(named), ""
    except ValidationError as error:
        return None, " ".join(each["message"] for each in complaints(error))


def _look_of(run: Run) -> dict[str, Any]:
    """Return what ``jobs/files/look.html`` takes: what was seen, the problem, or how far it is."""
    waiting = why_waiting(run, now=timezone.now()) if run.is_open and not run.started_at else _("Reading")
    new_job = reverse("job_make", args=["extract_load"])
    return {
        "run": run,
        "seen": peeks.seen_of(run),
        "problem": peeks.problem_of(run),
        "doing": waiting if run.is_open else "",
        "make_url": f"{new_job}?{urlencode(peeks.as_query(run.params))}",
    }
