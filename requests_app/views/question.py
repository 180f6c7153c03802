"""A question's page: what is asked, where it stands, what may be done, the answer, and what happened."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from portal.accounts.access import signed_in
from portal.accounts.models import User
from portal.accounts.permissions import Permission
from portal.discussion.threads import teaser
from portal.events import Node, nodes
from portal.evidence.risk import risks
from portal.ui import markdown
from portal.ui.htmx import wants_part
from requests_app.access import access_question
from requests_app.choices import AnswerStatus, LinkRole
from requests_app.due import Due, due_of, due_of_clock
from requests_app.lead_time import lead_time_of
from requests_app.models import Answer, DataRequest, Follower, QuestionLink
from requests_app.proof import blocks_of
from requests_app.shown import clocks_of, decisions_of, draft_of, followers_of, links_of, other, spans_of
from requests_app.step_forms import EFFORTS
from requests_app.steps import offered, offers_of
from requests_app.story import reason_in_words, story_of

FACES: Final = 12


@dataclass(frozen=True, slots=True)
class Linked:
    """A link as its reader sees it."""

    node: Node
    reference: str
    role: str


@dataclass(frozen=True, slots=True)
class LinkGroup:
    """The things that are one and the same to the question."""

    label: str
    links: list[Linked]


@dataclass(frozen=True, slots=True)
class ShownClock:
    """A running deadline."""

    label: str
    due: Due | None


@require_safe
@vary_on_headers("HX-Request")
def question(request: HttpRequest, number: int) -> HttpResponse:
    """Show one question to whoever may see it; ``?events=`` brings earlier events."""
    user = signed_in(request)
    shown = access_question(user, number)
    events, earlier = story_of(shown, user, request.GET.get("events"))
    context: dict[str, Any] = {"question": shown, "events": events, "earlier": earlier}
    if wants_part(request):
        return render(request, "requests/question/events.html", context)
    followers = followers_of(shown, FACES + 1)
    among = any(follower.user_id == user.pk for follower in followers)
    context |= head_of(shown, user, follows=None if len(followers) > FACES and not among else among)
    context |= _answer(shown, user)
    context |= _around(shown, user, followers)
    return render(request, "requests/question.html", context)


def head_of(shown: DataRequest, user: User, *, follows: bool | None = None) -> dict[str, Any]:
    """Return what the head of a question needs, also on the pages of its steps.

    ``follows`` says whether the reader follows it; None: not known yet.
    """
    if follows is None:
        follows = shown.followers.filter(user=user).exists()
    rows = offered(shown, user, follows=follows)
    return {
        "question": shown,
        "state": shown.state_for(user),
        "is_analyst": user.may(Permission.ANSWER_QUESTIONS),
        "is_asker": shown.requester_id == user.pk,
        "offers": offers_of(shown, rows),
        "beside": frozenset(row.name for row in rows),
        "body": markdown.render(shown.body) if shown.body else "",
        "effort": dict(EFFORTS).get(shown.effort, shown.effort),
        "why": reason_in_words(shown),
        "due": due_of(shown),
        "days_left": (shown.decision_by - timezone.localdate()).days if shown.decision_by else None,
    }


def _answer(shown: DataRequest, user: User) -> dict[str, Any]:
    """Return the published answer, and the newest unpublished one to those who may read it."""
    answer = shown.answer if shown.answer and shown.answer.is_shown else None
    blocks = blocks_of(shown, answer, user) if answer else []
    draft = None
    if user.may(Permission.ANSWER_QUESTIONS) and shown.is_open:
        draft = draft_of(shown)
    return {
        "answer": answer,
        "blocks": blocks,
        "answer_body": markdown.render(answer.body) if answer else "",
        "may_report": answer is not None and user.may(Permission.WRITE_REPORTS),
        "answered_elsewhere": _source(answer, shown, user),
        "at_risk": risks("answer", [str(answer.pk)]).get(str(answer.pk)) if answer and blocks else None,
        "is_stale": answer is not None and answer.status == AnswerStatus.STALE,
        "draft": draft,
        "decisions": decisions_of(shown) if answer else [],
    }


def _source(answer: Answer | None, shown: DataRequest, user: User) -> DataRequest | None:
    """Return the question whose answer this is, where it is another one that the reader may see."""
    if answer is None or answer.question_id == shown.pk:
        return None
    return other(answer.question_id, user)


def _around(shown: DataRequest, user: User, followers: list[Follower]) -> dict[str, Any]:
    now = timezone.now()
    clocks = clocks_of(shown)
    running = sorted(
        (clock for clock in clocks if clock.stopped_at is None),
        key=lambda clock: (clock.due_at is None, clock.due_at, clock.pk),
    )
    return {
        "links": link_groups(links_of(shown), user),
        "roles": LinkRole.choices,
        "followers": followers[:FACES],
        "more_followers": len(followers) > FACES,
        "clocks": [
            ShownClock(str(clock.get_metric_display()), due_of_clock(clock, now)) for clock in running
        ],
        "lead": lead_time_of(spans_of(shown), clocks, now),
        "canonical": _canonical(shown, user),
        "teaser": teaser(("question", shown.key), user),
    }


def link_groups(links: Iterable[QuestionLink], user: User) -> list[LinkGroup]:
    """Return what the question has to do with, by role; what the reader may not see is left out."""
    links = list(links)
    known = nodes.resolve((link.reference for link in links), user)
    groups = []
    for role in LinkRole:
        found = [
            Linked(known[link.reference], f"{link.kind}:{link.key}", role)
            for link in links
            if link.role == role and link.reference in known
        ]
        if found:
            groups.append(LinkGroup(str(role.label), found))
    return groups


def _canonical(shown: DataRequest, user: User) -> DataRequest | None:
    if shown.canonical_id is None:
        return None
    return other(shown.canonical_id, user)
