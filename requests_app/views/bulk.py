"""Do one thing with several questions at once; each is a step of its own, and says so if it is refused."""

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from portal.accounts.access import require, signed_in
from portal.accounts.models import User
from portal.accounts.permissions import Permission
from portal.audit.actions import Actor, actor_of
from requests_app.access import access_question
from requests_app.actions import triage, work
from requests_app.exceptions import NotAllowed, NothingToTake, QuestionError
from requests_app.models import DataRequest
from requests_app.refusals import said
from requests_app.step_forms import answerers

MOST: Final = 100
_TOLD: Final = 5
Act = Callable[[DataRequest, User, Actor], object]


@require_POST
def bulk(request: HttpRequest) -> HttpResponse:
    """Take, assign, rank or snooze the chosen questions; all must be visible, or nothing is done at all."""
    user = signed_in(request)
    require(user, Permission.ANSWER_QUESTIONS)
    typed = request.POST.getlist("number")[:MOST]
    numbers = [int(text) for text in typed if text.isascii() and text.isdigit() and len(text) < 19]
    # Every one of them first: a foreign number among them must not leave the others half done.
    chosen = [access_question(user, number) for number in dict.fromkeys(numbers)]
    act = _act(request)
    if act is None or not chosen:
        messages.warning(request, _("Choose questions, and what is to be done with them."))
        return redirect(_back(request))
    by, refused = actor_of(request), []
    for question in chosen:
        try:
            act(question, user, by)
        except NotAllowed:
            refused.append(_("%(number)s: this is not for you to do.") % {"number": question.label})
        except QuestionError as error:
            refused.append(f"{question.label}: {said(error, question, user)}")
    _tell(request, len(chosen) - len(refused), refused)
    return redirect(_back(request))


@require_POST
def take_next(request: HttpRequest) -> HttpResponse:
    """Take the question that is next in line for this person, and open it."""
    user = signed_in(request)
    require(user, Permission.ANSWER_QUESTIONS)
    try:
        question = work.take_next(user=user, by=actor_of(request))
    except NothingToTake:
        messages.info(request, _("No question waits for you."))
    except QuestionError as error:
        messages.warning(request, str(error))
    else:
        messages.success(request, _("%(number)s is yours.") % {"number": question.label})
        return redirect("question", question.number)
    return redirect(_back(request))


def _act(request: HttpRequest) -> Act | None:
    match request.POST.get("act"):
        case "take":
            return lambda question, user, by: work.take(question=question, user=user, by=by)
        case "assign":
            wanted = request.POST.get("assignee", "")
            person = (
                answerers().filter(pk=wanted).first()
                if wanted.isascii() and wanted.isdigit() and len(wanted) < 19
                else None
            )
            if person is None:
                return None
            return lambda question, user, by: work.assign(
                question=question, assignee=person, user=user, by=by
            )
        case "snooze":
            until = timezone.localtime().replace(hour=9, minute=0, second=0, microsecond=0)
            until += timedelta(days=1)
            return lambda question, user, by: triage.snooze(question=question, until=until, user=user, by=by)
        case "wake":
            return lambda question, user, by: triage.wake(question=question, user=user, by=by)
    return None


def _tell(request: HttpRequest, done: int, refused: list[str]) -> None:
    if done:
        words = ngettext("Done with %(count)s question.", "Done with %(count)s questions.", done)
        messages.success(request, words % {"count": done})
    for sentence in refused[:_TOLD]:
        messages.warning(request, sentence)
    if len(refused) > _TOLD:
        words = ngettext("%(count)s more was refused.", "%(count)s more were refused.", len(refused) - _TOLD)
        messages.warning(request, words % {"count": len(refused) - _TOLD})


def _back(request: HttpRequest) -> str:
    here = request.POST.get("here", "")
    local = here.startswith("/") and url_has_allowed_host_and_scheme(here, allowed_hosts=None)
    return here if local else "/requests/"
