"""Ask the data team: one screen, beside it what is known already."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from portal.accounts.access import require, signed_in
from portal.accounts.models import User
from portal.accounts.permissions import Permission
from portal.audit.actions import actor_of
from portal.events import nodes
from requests_app.access import access_question
from requests_app.actions import deflection, questions
from requests_app.choices import Seen, Visibility
from requests_app.due import due_of
from requests_app.forms import AskForm, visible_references
from requests_app.known import Known, known_for
from requests_app.models import DataRequest


@require_http_methods(["GET", "HEAD", "POST"])
def ask(request: HttpRequest) -> HttpResponse:
    """Show the form; ask what was sent, once; or look for answers first, where no script does."""
    user = signed_in(request)
    require(user, Permission.ASK_QUESTIONS)
    if request.method != "POST":
        title = (request.GET.get("title") or request.GET.get("q", "")).strip()[:200]
        about = visible_references(request.GET.getlist("about"), user)
        return _show(request, user, AskForm(user=user, initial={"title": title}), about)
    form = AskForm(request.POST, user=user)
    if "look" in request.POST or "look" in request.GET:
        typed = {name: request.POST.get(name, "") for name in AskForm.base_fields}
        return _show(request, user, AskForm(user=user, initial=typed), form.about)
    if not form.is_valid():
        return _show(request, user, form, form.about, status=422)
    question = _ask(request, user, form)
    messages.success(request, _asked(question))
    return redirect("question", question.number)


@require_safe
def ask_known(request: HttpRequest) -> HttpResponse:
    """Show what is known already of the words typed so far (a part of the form)."""
    user = signed_in(request)
    require(user, Permission.ASK_QUESTIONS)
    known = known_for(request.GET.get("title", ""), user)
    return render(request, "requests/parts/known.html", {"known": known})


@require_POST
def ask_opened(request: HttpRequest) -> HttpResponse:
    """Note that a suggestion was opened; told by the form's script."""
    user, question = _suggested(request)
    _note(request, user, Seen.OPENED, question)
    return HttpResponse(status=204)


@require_POST
def ask_answered(request: HttpRequest) -> HttpResponse:
    """Take an answer that was there already: nothing is asked."""
    user, question = _suggested(request)
    _note(request, user, Seen.ACCEPTED, question)
    messages.success(request, _("Good that it was known already. Nothing was asked."))
    return redirect("question", question.number)


@require_POST
def ask_me_too(request: HttpRequest) -> HttpResponse:
    """Follow a question instead of asking it again."""
    user, question = _suggested(request)
    questions.me_too(question=question, user=user, by=actor_of(request))
    _note(request, user, Seen.ACCEPTED, question)
    messages.success(request, _("You hear of the answer as soon as it is there."))
    return redirect("question", question.number)


def _ask(request: HttpRequest, user: User, form: AskForm) -> DataRequest:
    given = form.cleaned_data
    asked = questions.ask(
        title=given["title"],
        body=given["body"],
        decision_needed=given["decision_needed"],
        decision_by=given["decision_by"],
        on_behalf=given.get("on_behalf"),
        visibility=given["visibility"],
        links=form.about,
        token=str(given["once"]),
        language=(get_language() or "en")[:2],
        user=user,
        by=actor_of(request),
    )
    return asked.question


def _asked(question: DataRequest) -> str:
    due = due_of(question)
    words = {"number": question.label, "when": due.text if due else ""}
    if due is None or due.at is None:
        return _("%(number)s is asked. You hear from us here and by mail.") % words
    return _("%(number)s is asked. We look at it before: %(when)s.") % words


def _show(
    request: HttpRequest, user: User, form: AskForm, about: list[tuple[str, str]], status: int = 200
) -> HttpResponse:
    shown = nodes.resolve(about, user)
    context: dict[str, Any] = {
        "form": form,
        "about": [{"reference": reference, "node": shown[reference]} for reference in about],
        "known": _known(form, user),
        "visibility_label": Visibility(form["visibility"].value() or Visibility.COMPANY).label
        if form["visibility"].value() in Visibility.values
        else Visibility.COMPANY.label,
    }
    return render(request, "requests/ask.html", context, status=status)


def _known(form: AskForm, user: User) -> Known | None:
    return known_for(str(form["title"].value() or ""), user)


def _suggested(request: HttpRequest) -> tuple[User, DataRequest]:
    user = signed_in(request)
    number = request.POST.get("number", "")
    if not (number.isascii() and number.isdigit() and len(number) < 19):
        raise Http404
    return user, access_question(user, int(number))


def _note(request: HttpRequest, user: User, seen: Seen, question: DataRequest) -> None:
    visit = request.POST.get("once", "").replace("\0", "")
    deflection.record_seen(visit=visit, user=user, seen=seen, shown=[], question=question)
