"""The evidence of a draft: cite a metric's shown value, put in order, remove."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from catalog.actions.metrics import keep_series
from portal.accounts.access import signed_in
from portal.accounts.models import User
from portal.accounts.permissions import Permission
from portal.audit.actions import actor_of
from portal.evidence.actions import cite, move_citation, uncite
from portal.ui.htmx import wants_part
from portal.ui.templatetags.desk import measured
from requests_app.access import access_question
from requests_app.models import Answer, DataRequest
from requests_app.proof import citable, citations_of, metrics_for
from requests_app.views.answer import draft_of, evidence_context, may_write

_STEPS = {"up": -1, "down": 1}


@require_http_methods(["GET", "HEAD", "POST"])
def question_cite(request: HttpRequest, number: int) -> HttpResponse:
    """Find metrics for ``?metric=`` words; POST cites the value that a metric shows."""
    user = signed_in(request)
    question = access_question(user, number, for_=Permission.ANSWER_QUESTIONS)
    if request.method != "POST":
        words = request.GET.get("metric", "").strip()[:200]
        found = metrics_for(question, user, words)
        return render(request, "requests/answer/metrics.html", {"metrics": found, "question": question})
    draft = draft_to_prove(question, user)
    found = citable([request.POST.get("metric", "")], user)
    if not found:
        raise Http404
    evidence = found[0].evidence
    keep_series(evidence=evidence)
    value = measured(found[0].value, found[0].unit)
    title = f"{found[0].name}, {found[0].period}: {value}"
    cite(evidence=evidence, about=draft.reference, title=title, user=user, by=actor_of(request))
    return _after(request, question, draft, user, _("The value is cited."))


@require_POST
def question_citation(request: HttpRequest, number: int, pk: int) -> HttpResponse:
    """Move a cited evidence up or down, or take it away."""
    user = signed_in(request)
    question = access_question(user, number, for_=Permission.ANSWER_QUESTIONS)
    draft = draft_to_prove(question, user)
    citation = citations_of(draft).filter(pk=pk).first() if pk < 2**63 else None
    if citation is None:
        raise Http404
    do = request.POST.get("do", "")
    if do in _STEPS:
        move_citation(citation=citation, step=_STEPS[do])
        return _after(request, question, draft, user, "")
    if do == "remove":
        uncite(citation=citation, by=actor_of(request))
    return _after(request, question, draft, user, _("The evidence is removed.") if do == "remove" else "")


def draft_to_prove(question: DataRequest, user: User) -> Answer:
    """Return the draft that this person writes; 403 where they do not, 404 where there is none yet."""
    draft = draft_of(question)
    if draft is None:
        raise Http404
    if not may_write(question, user):
        raise PermissionDenied
    return draft


def _after(
    request: HttpRequest, question: DataRequest, draft: Answer, user: User, words: str
) -> HttpResponse:
    if wants_part(request):
        return render(request, "requests/answer/evidence.html", evidence_context(question, draft, user))
    if words:
        messages.success(request, words)
    return redirect("question_answer", question.number)
