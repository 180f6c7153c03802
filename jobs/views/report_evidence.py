"""The evidence of an edition's figures: its verification, live, and its rows as a file."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers
from django_htmx.http import HttpResponseClientRedirect

from jobs.access import access_cited
from jobs.actions.verifications import verify
from jobs.exceptions import JobDisabled, TooManyVerifications
from jobs.reports import block_of
from portal.accounts.access import signed_in
from portal.audit.actions import actor_of
from portal.ui import csvfile
from portal.ui.htmx import wants_part


@require_safe
@vary_on_headers("HX-Request")
def report_evidence(request: HttpRequest, key: str, number: int, pk: int) -> HttpResponse:
    """Lead to the evidence on its page; while a verification runs, the page asks for that part again."""
    user = signed_in(request)
    run, citation = access_cited(user, key, number, pk)
    if wants_part(request) and request.GET.get("part") == "verification":
        context = {"block": block_of(run, citation, user), "swap": True}
        return render(request, "evidence/verification.html", context)
    return redirect(_page(key, number, pk))


@require_POST
def report_evidence_verify(request: HttpRequest, key: str, number: int, pk: int) -> HttpResponse:
    """Have the evidence computed again; whoever may see it may ask for that."""
    user = signed_in(request)
    run, citation = access_cited(user, key, number, pk)
    page = _page(key, number, pk)
    try:
        # No title: who sees every run may not see a private report.
        verify(
            evidence=citation.evidence,
            about=citation.reference,
            label=f"#{run.number}",
            by=actor_of(request),
            requested_by=user,
        )
    except JobDisabled:
        messages.error(request, _("Verifying is switched off. Somebody who may edit jobs can switch it on."))
    except TooManyVerifications:
        messages.error(request, _("Many of your verifications are still waiting. Try again in a minute."))
    else:
        part = f"{reverse('report_evidence', args=[key, number, pk])}?part=verification"
        return redirect(part if wants_part(request) else page)
    # A part has no room for a message: the page shows it.
    return HttpResponseClientRedirect(page) if wants_part(request) else redirect(page)


@require_safe
def report_evidence_file(
    request: HttpRequest, key: str, number: int, pk: int
) -> HttpResponse | StreamingHttpResponse:
    """Hand out the kept rows as a CSV file."""
    user = signed_in(request)
    _run, citation = access_cited(user, key, number, pk)
    if not hasattr(citation.evidence, "result"):
        return redirect(_page(key, number, pk))
    result = citation.evidence.result
    lines = csvfile.lines([column["name"] for column in result.columns], result.rows)
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="report-{number}-evidence-{pk}.csv"'
    return response


def _page(key: str, number: int, pk: int) -> str:
    return f"{reverse('report_edition', args=[key, number])}#evidence-{pk}"
