"""One step of a question: its form as a page or above the question, and the step itself."""

import json
from typing import Any, Final
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST
from django.views.decorators.vary import vary_on_headers

from portal.accounts.access import signed_in
from portal.accounts.models import User
from portal.audit.actions import actor_of
from portal.ui import markdown
from portal.ui.htmx import wants_part
from requests_app.access import access_question, available
from requests_app.actions import triage
from requests_app.exceptions import (
    ChangedMeanwhile,
    Conflict,
    MissingField,
    NotAllowed,
    QuestionError,
    WipLimitReached,
)
from requests_app.models import DataRequest
from requests_app.refusals import said
from requests_app.step_forms import StepForm, suggested_people, suggested_things
from requests_app.steps import DONE, perform
from requests_app.transitions import TRANSITIONS, Transition, find
from requests_app.views.question import head_of

NAMES: Final = frozenset(row.name for row in TRANSITIONS)
_TABS: Final = frozenset({"new", "waits", "snoozed"})


@require_http_methods(["GET", "HEAD", "POST"])
@vary_on_headers("HX-Request")
def step(request: HttpRequest, number: int, name: str) -> HttpResponse:
    """Show what the step asks for; take it and go back to the question, or to the next one in triage."""
    user = signed_in(request)
    question = access_question(user, number)
    if name not in NAMES:
        raise Http404
    row = next((each for each in available(question, user) if each.name == name), None)
    if row is None:
        return _impossible(request, question, user, name)
    if request.method != "POST":
        return _page(
            request, question, user, row, StepForm(row, question, user, initial=_brought(request, row))
        )
    form = StepForm(row, question, user, request.POST)
    if not form.is_valid():
        return _page(request, question, user, row, form, status=422)
    try:
        perform(
            row, question=question, user=user, by=actor_of(request), values=form.values, version=form.seen
        )
    except MissingField as error:
        form.add_error(error.field if error.field in form.fields else None, said(error, question, user))
        return _page(request, question, user, row, form, status=422)
    except QuestionError as error:
        return _refused(request, access_question(user, number), user, row, form, error)
    _tell(request, question, row)
    return _onward(request, question, stays=row.stays and row.name not in {"snooze", "wake"})


@require_POST
def undo(request: HttpRequest, number: int) -> HttpResponse:
    """Take back one's own last step, while nothing has happened since."""
    user = signed_in(request)
    question = access_question(user, number)
    try:
        triage.undo(question=question, user=user, by=actor_of(request))
    except Conflict as error:
        messages.warning(request, said(error, question, user))
    else:
        request.session.pop("undo", None)
        messages.success(request, _("Taken back: %(question)s is as it was.") % {"question": question.label})
    return _onward(request, question, stays=True)


def _impossible(request: HttpRequest, question: DataRequest, user: User, name: str) -> HttpResponse:
    """Answer for a step this person cannot take: 403 where it is another's, 409 where its time has passed."""
    if find(name, question.state) is not None:
        raise PermissionDenied
    refusal = said(ChangedMeanwhile(), question, user)
    title = str(next(row.label for row in TRANSITIONS if row.name == name))
    return _render(request, question, user, {"title": title, "refusal": refusal}, status=409)


def _refused(
    request: HttpRequest,
    question: DataRequest,
    user: User,
    row: Transition,
    form: StepForm,
    error: QuestionError,
) -> HttpResponse:
    """Say what stands in the way; where the step is still possible its form stays, with what was typed."""
    if isinstance(error, NotAllowed):
        raise PermissionDenied
    again = find(row.name, question.state) is not None and row in available(question, user)
    if again:
        # What was typed is kept; the next sending is about the question as it is now.
        data = request.POST.copy()
        data["version"] = str(question.version)
        form = StepForm(row, question, user, data)
        form.is_valid()
    if isinstance(error, WipLimitReached) and "override" in form.fields:
        form.fields["override"].required = True
    context = {
        "title": row.label,
        "row": row,
        "form": form if again else None,
        "refusal": said(error, question, user),
    }
    return _render(request, question, user, context, status=409 if isinstance(error, Conflict) else 422)


def _page(
    request: HttpRequest,
    question: DataRequest,
    user: User,
    row: Transition,
    form: StepForm,
    *,
    status: int = 200,
) -> HttpResponse:
    return _render(request, question, user, {"title": row.label, "row": row, "form": form}, status=status)


def _render(
    request: HttpRequest, question: DataRequest, user: User, context: dict[str, Any], *, status: int
) -> HttpResponse:
    form, part, back = context.get("form"), wants_part(request), _back(request)
    context |= {
        "part": part,
        "back": back,
        "place": _place(request),
        "home": _home(question, back),
        "action": request.path,
        "people": suggested_people() if form and "person" in form.fields else [],
        "things": suggested_things(question, user)
        if form and {"reference", "blocker"} & set(form.fields)
        else [],
    }
    if part:
        return render(request, "requests/step.html#form", {"question": question, **context}, status=status)
    row = context.get("row")
    if row is not None and row.name == "accept_answer" and question.answer:
        context["answer_body"] = markdown.render(question.answer.body)
    return render(request, "requests/step.html", {**head_of(question, user), **context}, status=status)


def _brought(request: HttpRequest, row: Transition) -> dict[str, str]:
    """Return what the address brings along, so that a link can fill in the form."""
    fields = {*row.needs, *row.may}
    return {name: str(value) for name, value in request.GET.items() if name in fields}


def _tell(request: HttpRequest, question: DataRequest, row: Transition) -> None:
    """Say what was done, with the way back where there is one."""
    undoable = row.undoable
    messages.success(
        request,
        str(DONE[row.name]).format(question=question.label),
        extra_tags=_undo_address(request, question) if undoable else "",
    )
    if undoable:
        request.session["undo"] = question.number


def _undo_address(request: HttpRequest, question: DataRequest) -> str:
    back = _back(request)
    url = reverse("question_undo", args=[question.number])
    return f"{url}?{urlencode({'back': back})}" if back else url


def _back(request: HttpRequest) -> str:
    """Return the triage tab that the step was taken from; "" for the question's own page."""
    given = request.POST.get("back") or request.GET.get("back", "")
    return given if given in _TABS else ""


def _place(request: HttpRequest) -> int:
    """Return where in the list the question stood."""
    given = request.POST.get("place") or request.GET.get("place", "")
    return int(given) if given.isdecimal() and len(given) < 5 else 0


def _home(question: DataRequest, back: str) -> str:
    if back:
        return f"{reverse('triage')}?{urlencode({'tab': back, 'question': question.number})}"
    return reverse("question", args=[question.number])


def _onward(request: HttpRequest, question: DataRequest, *, stays: bool = False) -> HttpResponse:
    """Go back to the question, or on to the next one in triage; htmx is told where by a header."""
    back = _back(request)
    url = _home(question, back)
    if back and not stays:
        # The next one is the one that took its place in the list.
        url = f"{reverse('triage')}?{urlencode({'tab': back, 'place': _place(request)})}"
    if request.headers.get("HX-Request") != "true":
        return redirect(url)
    response = HttpResponse(status=204)
    if back:
        response["HX-Location"] = _location(url)
    else:
        response["HX-Redirect"] = url
    return response


def _location(url: str) -> str:
    return json.dumps({"path": url, "target": "#inbox", "swap": "outerHTML"})
