"""The evidence cited by an answer: its verification, live, and its rows as a file."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers
from django_htmx.http import HttpResponseClientRedirect

from jobs.actions.verifications import verify
from jobs.exceptions import JobDisabled, TooManyVerifications
from portal.accounts.access import signed_in
from portal.audit.actions import actor_of
from portal.ui import csvfile
from portal.ui.htmx import wants_part
from requests_app.access import access_evidence
from requests_app.proof import block_of, page_of


@require_safe
@vary_on_headers("HX-Request")
def question_evidence(request: HttpRequest, number: int, pk: int) -> HttpResponse:
    """Lead to the evidence on its page; while a verification runs, the page asks for that part again."""
    user = signed_in(request)
    cited = access_evidence(user, number, pk)
    if wants_part(request) and request.GET.get("part") == "verification":
        context = {"block": block_of(cited, user), "swap": True}
        return render(request, "evidence/verification.html", context)
    return redirect(page_of(cited))


@require_POST
def question_evidence_verify(request: HttpRequest, number: int, pk: int) -> HttpResponse:
    """Have the evidence computed again; whoever may see it may ask for that."""
    user = signed_in(request)
    cited = access_evidence(user, number, pk)
    try:
        verify(
            evidence=cited.citation.evidence,
            about=cited.answer.reference,
            # No title: a private question's run may be seen by people who may not see the question.
            label=cited.answer.question.label,
            by=actor_of(request),
            requested_by=user,
        )
    except JobDisabled:
        messages.error(request, _("Verifying is switched off. Somebody who may edit jobs can switch it on."))
    except TooManyVerifications:
        messages.error(request, _("Many of your verifications are still waiting. Try again in a minute."))
    else:
        return redirect(f"{cited.url}?part=verification" if wants_part(request) else page_of(cited))
    # A part has no room for a message: the page shows it.
    return HttpResponseClientRedirect(page_of(cited)) if wants_part(request) else redirect(page_of(cited))


@require_safe
def question_evidence_file(
    request: HttpRequest, number: int, pk: int
) -> HttpResponse | StreamingHttpResponse:
    """Hand out the kept rows as a CSV file."""
    user = signed_in(request)
    cited = access_evidence(user, number, pk)
    evidence = cited.citation.evidence
    if not hasattr(evidence, "result"):
        return redirect(page_of(cited))
    names = [column["name"] for column in evidence.result.columns]
    lines = csvfile.lines(names, evidence.result.rows)
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="question-{number}-evidence-{pk}.csv"'
    return response
