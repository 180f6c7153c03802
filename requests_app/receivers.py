"""What questions tell the other apps, and what they hear from them."""

from typing import TYPE_CHECKING, Final

from django.db.models import Q
from django.db.models.functions import Now

from portal.accounts.models import User
from portal.accounts.permissions import Permission
from portal.audit.actions import Actor
from portal.discussion.subjects import Subject, subjects
from portal.events import clock_steps, nodes, usages
from portal.evidence.citers import citers
from portal.ui.navigation import badges
from requests_app.actions.discussed import commented
from requests_app.choices import State
from requests_app.models import Answer, DataRequest
from requests_app.ticking import tick
from requests_app.usage import answer_nodes, question_nodes, questions_using

if TYPE_CHECKING:
    from portal.discussion.models import Comment

# Above this the rail says «99+».
MOST_COUNTED: Final = 100


def question_subject(key: str, user: User) -> Subject | None:
    """Return what this person may do in a question's discussion; None if it does not exist for them."""
    if not question_nodes([key], user):
        return None
    question = DataRequest.objects.only("number", "title", "requester", "assignee", "reviewer").get(
        number=key
    )
    involved = {question.requester_id, question.assignee_id, question.reviewer_id} - {None}
    return Subject(
        reference=("question", question.key),
        label=f"{question.label} {question.title}",
        url=question.get_absolute_url(),
        may_comment=True,
        may_see_internal=user.may(Permission.ANSWER_QUESTIONS),
        people=frozenset(pk for pk in involved if pk is not None),
        first=question.requester_id,
        page=question.get_absolute_url(),
    )


def question_commented(comment: "Comment", by: Actor) -> None:
    """Let a new comment move its question on; internal notes move nothing."""
    if comment.internal or comment.author is None:
        return
    question = DataRequest.objects.select_related("requester").get(number=comment.about_key)
    commented(question=question, user=comment.author, by=by, comment=comment.pk)


def waiting_for_me(user: User) -> int:
    """Return how many questions this person should act on: to triage, to answer, to review, to reply to."""
    mine = Q(requester=user.pk, state__in=[State.NEEDS_INFO, State.ANSWERED])
    if user.may(Permission.ANSWER_QUESTIONS):
        awake = Q(snoozed_until=None) | Q(snoozed_until__lte=Now())
        held = Q(assignee=user.pk, state__in=[State.READY, State.IN_PROGRESS])
        mine |= (held & awake) | Q(reviewer=user.pk, state=State.IN_REVIEW)
        if user.may(Permission.TRIAGE_QUESTIONS):
            mine |= Q(state=State.NEW) & awake
    live = DataRequest.objects.exclude(state__in=State.final())
    return live.filter(mine)[:MOST_COUNTED].count()


def answer_keepers(key: str) -> list[User]:
    """Return who answers for an answer's evidence: its author."""
    answer = Answer.objects.filter(pk=int(key)).select_related("author").first()
    return [answer.author] if answer else []


def register() -> None:
    """Answer for questions in the registries of nodes, discussions and usages, and work with the clock."""
    nodes.register("question", question_nodes)
    nodes.register("answer", answer_nodes)
    subjects.register("question", question_subject, commented=question_commented)
    usages.register("question", questions_using)
    citers.register("answer", answer_keepers)
    clock_steps.register(tick)
    badges["requests"] = waiting_for_me
