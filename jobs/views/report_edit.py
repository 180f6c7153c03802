"""Write a report: make one, change one, and see beside the form what it would show."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final
from uuid import UUID, uuid4

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from jobs.access import access_job, access_report
from jobs.actions import definitions, schedules
from jobs.choices import REPORT_KIND
from jobs.config_forms import SchemaForm
from jobs.definitions import JobDefinition
from jobs.exceptions import InvalidDefinition, RefusedTrigger
from jobs.job_forms import CONFIG, PARAMETERS, JobForm
from jobs.kinds import kind_of
from jobs.models import Job
from jobs.parameter_rows import Asked, Row, schema_of
from jobs.report_preview import Preview, Previewer
from jobs.reports import reports_for
from jobs.runners.report.config import ReportConfig
from jobs.views.job_edit import blank, edited, form_page
from portal.accounts.access import require, signed_in
from portal.accounts.models import User
from portal.accounts.permissions import Permission
from portal.audit.actions import actor_of

TEMPLATE: Final = "jobs/report_edit.html"
# When a new report comes, by the word of the form: its cron line, in the writer's zone.
RHYTHMS: Final = {
    "": ("", gettext_lazy("By hand")),
    "weekdays": ("0 8 * * 1-5", gettext_lazy("Each working day at 8:00")),
    "weekly": ("0 8 * * 1", gettext_lazy("Each Monday at 8:00")),
    "monthly": ("0 8 1 * *", gettext_lazy("On the first of each month at 8:00")),
}
# The word of a button that only shows the form again, with its preview.
LOOK: Final = "look"


@require_http_methods(["GET", "HEAD", "POST"])
def report_new(request: HttpRequest) -> HttpResponse:
    """Ask for a new report; create it."""
    user = signed_in(request)
    require(user, Permission.WRITE_REPORTS)
    made = write_new(request, blank(user, REPORT_KIND))
    return made if isinstance(made, HttpResponse) else redirect("report", made.key)


@require_http_methods(["GET", "HEAD", "POST"])
def report_edit(request: HttpRequest, key: str) -> HttpResponse:
    """Show a report's definition as a form with a preview; write what was sent as its next version."""
    user = signed_in(request)
    access_report(user, key)
    job = access_job(user, key, for_=Permission.EDIT_JOBS)
    return edited(request, job, template=TEMPLATE, done="report", beside=lambda _form: _beside(request))


@require_POST
def report_preview(request: HttpRequest) -> HttpResponse:
    """Show what the report that was sent would look like, as a part of its editor."""
    user = signed_in(request)
    if not reports_for(user).allowing(user, Permission.EDIT_JOBS).exists():
        require(user, Permission.WRITE_REPORTS)
    return render(request, "jobs/report/preview_sections.html", _look(request, user))


def write_new(
    request: HttpRequest, start: JobDefinition, *, rhythm: str = "", beside: Mapping[str, Any] | None = None
) -> HttpResponse | Job:
    """Show the editor filled in from a definition; what was sent becomes a report, which is returned.

    ``rhythm`` is what is suggested for when it comes.
    """
    user = signed_in(request)
    data: QueryDict | None = request.POST if request.method == "POST" else None
    if data is not None and "do" not in data:
        # Only what is to be saved: while it is being written the name may still change.
        data = _filled(data, user)
    form = JobForm(user=user, definition=start, new=True, data=data)
    key, title = form.common.fields["key"], form.config.fields[f"{CONFIG}.title_en"]
    key.help_text = _("Its name in addresses. Empty: made of its name. It stays for good.")
    title.help_text = _("Empty: its name.")
    key.required = title.required = False
    chosen = request.POST.get("rhythm", "") if request.method == "POST" else rhythm
    if request.method == "POST" and form.is_valid():
        try:
            job = _create(request, user, form, chosen)
        except InvalidDefinition as error:
            form.complain(error.errors)
        else:
            messages.success(request, _("Made. Its first edition comes with its first run."))
            return job
    context = {
        "kind": kind_of(REPORT_KIND),
        "rhythms": [(word, label) for word, (_line, label) in RHYTHMS.items()],
        "rhythm": chosen,
        # With nothing written yet there is nothing to ask for.
        **({} if request.method == "POST" or start.config.get("sections") else {"preview": Preview([])}),
        **_beside(request),
        **(beside or {}),
    }
    return form_page(request, form, context, TEMPLATE)


@transaction.atomic
def _create(request: HttpRequest, user: User, form: JobForm, rhythm: str) -> Job:
    definition = form.definition()
    if not user.may(Permission.EDIT_JOBS):
        # Their queries run with their own rights, and they go on writing it.
        definition = replace(definition, owner_email=user.email, editors=(user.email,))
    by = actor_of(request)
    job = definitions.create(definition=definition, user=user, by=by, enabled=form.enabled)
    line = RHYTHMS.get(rhythm, RHYTHMS[""])[0]
    if line:
        try:
            wish = schedules.Wish(cron=line, zone=user.time_zone or "UTC")
            schedules.add(job=job, wish=wish, by=by)
        except RefusedTrigger:
            messages.warning(
                request,
                _("It has no schedule yet: its parameters need defaults before it can come by itself."),
            )
    return job


def _filled(sent: QueryDict, user: User) -> QueryDict:
    """Return what was sent with a key made of the name and a title like it, where there is none."""
    data = sent.copy()
    name = data.get("name_en", "").strip()
    if not data.get("key", "").strip() and name:
        stem = slugify(name)[:80] or "report"
        taken = set(reports_for(user).filter(key__startswith=stem).values_list("key", flat=True))
        free = (stem if number == 1 else f"{stem}-{number}" for number in range(1, 1000))
        data["key"] = next((key for key in free if key not in taken), stem)
    for language in ("en", "ko"):
        if not data.get(f"{CONFIG}.title_{language}", "").strip():
            data[f"{CONFIG}.title_{language}"] = data.get(f"name_{language}", "")[:200]
    return data


def _beside(request: HttpRequest) -> dict[str, Any]:
    """Return what the editor shows beside its form; without JavaScript a button asks for the preview."""
    shown: dict[str, Any] = {"once": _once(request)}
    if request.method == "POST" and request.POST.get("do") == LOOK:
        shown |= _look(request, signed_in(request))
    return shown


def _look(request: HttpRequest, user: User) -> dict[str, Any]:
    data = request.POST
    config = SchemaForm(ReportConfig.model_json_schema(), path=CONFIG, data=data, reader=user)
    config.is_valid()
    sections = config.value.get("sections")
    previewer = Previewer(user=user, by=actor_of(request), once=_once(request), values=_defaults(data))
    shown: Preview = previewer.preview(sections if isinstance(sections, list) else [])
    return {"preview": shown, "once": previewer.once}


def _defaults(data: QueryDict) -> dict[str, Any]:
    """Return the defaults of the parameters as they are being written; what does not fit has none yet."""
    form = SchemaForm(Asked.model_json_schema(), path=PARAMETERS, data=data)
    form.is_valid()
    asks = dict(form.value.get("asks") or {})
    if asks.get("form") == "written":
        schema = asks.get("text")
    else:
        rows = [Row.model_construct(**{**_PLAIN, **row}) for row in asks.get("rows") or [] if row.get("name")]
        schema = schema_of(rows)[0]
    properties = schema.get("properties") if isinstance(schema, dict) else None
    found = properties.items() if isinstance(properties, dict) else ()
    return {name: part["default"] for name, part in found if isinstance(part, dict) and "default" in part}


_PLAIN: Final[dict[str, Any]] = {
    name: field.get_default() for name, field in Row.model_fields.items() if not field.is_required()
}


def _once(request: HttpRequest) -> str:
    """Return the name of this editor, by which its queries are known; a made-up one is not taken."""
    try:
        return str(UUID(request.POST.get("once", "")))
    except ValueError:
        return str(uuid4())
