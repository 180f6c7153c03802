"""Make a job, from its kind or from another job, and change it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from catalog.readable import readable_tables
from jobs.access import access_job, shown_definition
from jobs.actions import definitions
from jobs.actions.jobs import definition_of
from jobs.checks import hints
from jobs.choices import REPORT_KIND
from jobs.definitions import JobDefinition, of_stated, of_version, stated, with_schema
from jobs.differences import Clash, Difference, differences, joined
from jobs.engine.ordering import FILLERS
from jobs.exceptions import ChangedMeanwhile, DefinedElsewhere, InvalidDefinition
from jobs.job_forms import JobForm, vars_of
from jobs.kinds import all_kinds, kind_of
from jobs.models import Job
from jobs.peeks import from_query
from jobs.runners import pipelines
from jobs.runners.registry import RUNNERS, SYSTEM_KINDS, runner_for
from portal.accounts.access import require, signed_in
from portal.accounts.models import User
from portal.accounts.permissions import Permission
from portal.audit.actions import actor_of
from portal.warehouse.linting import ReadableTable

# Kinds for which somebody writes SQL of the lake.
READING_KINDS: Final = frozenset({REPORT_KIND, "sql_model"})


def _nothing_beside(_form: JobForm) -> Mapping[str, Any]:
    return {}


@require_safe
def job_new(request: HttpRequest) -> HttpResponse:
    """Let somebody choose what kind of job to make."""
    require(signed_in(request), Permission.EDIT_JOBS)
    offered = [(kind, runner_for(kind.key).docs) for kind in all_kinds() if kind.key not in SYSTEM_KINDS]
    return render(request, "jobs/job_new.html", {"offered": offered})


@require_http_methods(["GET", "HEAD", "POST"])
def job_make(request: HttpRequest, kind: str) -> HttpResponse:
    """Ask for a job of this kind, filled in from another one where ``?from=`` names it; create it."""
    user = signed_in(request)
    require(user, Permission.EDIT_JOBS)
    if kind not in RUNNERS or kind in SYSTEM_KINDS:
        raise Http404
    model = request.GET.get("from")
    if kind == REPORT_KIND and not model and request.method != "POST":
        # Reports have an editor of their own, with a preview.
        return redirect("report_new")
    start = _copy(user, model, kind) if model else _of_file(blank(user, kind), request)
    form = JobForm(user=user, definition=start, new=True, data=request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            job = definitions.create(
                definition=form.definition(), user=user, by=actor_of(request), enabled=form.enabled
            )
        except InvalidDefinition as error:
            form.complain(error.errors)
        else:
            messages.success(request, _("Made. It starts by hand, by the API, or by a schedule."))
            _hint(request, job)
            return redirect("job", job.key)
    return form_page(request, form, {"kind": kind_of(kind), "copied": model, "fills": kind in FILLERS})


@require_http_methods(["GET", "HEAD", "POST"])
def job_edit(request: HttpRequest, key: str) -> HttpResponse:
    """Show a job's definition as a form; write what was sent as its next version."""
    job = access_job(signed_in(request), key, for_=Permission.EDIT_JOBS)
    return edited(request, job)


def edited(
    request: HttpRequest,
    job: Job,
    *,
    template: str = "jobs/job_edit.html",
    done: str = "job",
    beside: Callable[[JobForm], Mapping[str, Any]] = _nothing_beside,
) -> HttpResponse:
    """Show the form of a job that the person may edit, or write what was sent and lead to the page ``done``.

    ``beside`` makes what a template of its own shows besides.
    """
    user = signed_in(request)
    if not job.made_here or job.kind not in RUNNERS:
        messages.error(request, _("This job is not changed here."))
        return redirect(done, job.key)
    form = JobForm(user=user, definition=definition_of(job), new=False, data=request.POST or None)
    context: dict[str, Any] = {
        "job": job,
        "kind": kind_of(job.kind),
        "version": _read_version(request, job),
        **beside(form),
    }
    if request.method != "POST" or not form.is_valid():
        return form_page(request, form, context, template)
    mine = form.definition()
    try:
        changed = definitions.change(
            job=job, definition=mine, version=context["version"], user=user, by=actor_of(request)
        )
    except InvalidDefinition as error:
        form.complain(error.errors)
        return form_page(request, form, context, template)
    except ChangedMeanwhile:
        return _joined(request, job, mine, context, template)
    except DefinedElsewhere:
        messages.error(request, _("This job is not changed here."))
        return redirect(done, job.key)
    if changed.version == job.version:
        messages.info(request, _("Nothing was different."))
    else:
        messages.success(request, _("Saved as version {n}.").format(n=changed.version))
        _hint(request, changed)
    return redirect(done, job.key)


def _hint(request: HttpRequest, job: Job) -> None:
    for hint in hints(definition_of(job), signed_in(request)):
        messages.warning(request, hint)


def _joined(
    request: HttpRequest, job: Job, mine: JobDefinition, shown: Mapping[str, Any], template: str
) -> HttpResponse:
    """Show both edits joined, and say what the other one changed: nothing is lost, nothing is written yet."""
    user, version = signed_in(request), shown["version"]
    newest = access_job(user, job.key, for_=Permission.EDIT_JOBS)
    theirs = shown_definition(stated(definition_of(newest)), user)
    read = job.versions.filter(number=version).first()
    base = shown_definition(stated(of_version(read)), user) if read else theirs
    merged, clashes = joined(base, theirs, shown_definition(stated(mine), user))
    start = of_stated({**merged, "key": job.key, "kind": job.kind})
    context: dict[str, Any] = {
        **shown,
        "job": newest,
        "kind": kind_of(newest.kind),
        "version": newest.version,
        "changed_by": newest.versions.filter(number__gt=version).first(),
        "theirs": _without(differences(base, theirs), clashes),
        "clashes": clashes,
    }
    form = JobForm(user=user, definition=start, new=False)
    return render(request, template, _shown(request, form, context), status=409)


def _without(found: list[Difference], clashes: list[Clash]) -> list[Difference]:
    told = {clash.path for clash in clashes}
    return [each for each in found if each.path not in told]


def form_page(
    request: HttpRequest, form: JobForm, context: dict[str, Any], template: str = "jobs/job_edit.html"
) -> HttpResponse:
    """Show the form; what does not fit is marked in it."""
    faulty = request.method == "POST" and form.faulty
    return render(request, template, _shown(request, form, context), status=422 if faulty else 200)


def _shown(request: HttpRequest, form: JobForm, context: Mapping[str, Any]) -> dict[str, Any]:
    troubles = pipelines.troubles() if form.kind == "python" else []
    return {**context, "form": form, "tables": _tables(request, form), "troubles": troubles}


def _tables(request: HttpRequest, form: JobForm) -> list[ReadableTable] | None:
    """Return what SQL of the form may name, as far as the person may read it; None where it asks for none."""
    if form.kind not in READING_KINDS:
        return None
    return sorted(readable_tables(signed_in(request)).values(), key=lambda table: table.name)


def _read_version(request: HttpRequest, job: Job) -> int:
    """Return the version that the form was made from; what is no number counts as long ago."""
    given = request.POST.get("version", "") if request.method == "POST" else str(job.version)
    return int(given) if given.isascii() and given.isdigit() and len(given) < 10 else 0


def blank(user: User, kind: str) -> JobDefinition:
    """Return a job of this kind that says nothing yet, with the person as its owner."""
    return JobDefinition(
        key="",
        name_en="",
        name_ko="",
        kind=kind,
        config={},
        parameters_schema=None if kind == "python" else {},
        owner_email=user.email,
        schedules=None,
    )


def _of_file(start: JobDefinition, request: HttpRequest) -> JobDefinition:
    """Return the draft with the source that a link from the list of files names."""
    if start.kind != "extract_load" or not request.GET.get("source"):
        return start
    return replace(start, config={"source": from_query(request.GET.dict())})


def _copy(user: User, key: str, kind: str) -> JobDefinition:
    """Return another job's definition as a draft: its key is made of the name that it gets."""
    job = access_job(user, key, for_=Permission.EDIT_JOBS)
    if job.kind != kind:
        raise Http404
    values = vars_of(definition_of(job))
    values["key"], values["name_en"] = "", f"{job.name_en[:190]} (copy)"
    values["name_ko"] = f"{job.name_ko[:190]} (사본)" if job.name_ko else ""
    # Two jobs that publish the same table would undo each other's work.
    values["config"] = {name: value for name, value in job.config.items() if name != "target"}
    if kind == "python":
        own = with_schema(JobDefinition(**{**values, "parameters_schema": None}))
        if own.parameters_schema == job.parameters_schema:
            values["parameters_schema"] = None
    return JobDefinition(**values)
