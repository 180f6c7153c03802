"""Tell webhooks what happens to questions, in the transaction of the step itself.

What was written, said or found stays in the portal: rights on evidence and internal notes are asked there.
Whether an endpoint's owner may see the question is asked here and again when it is sent.
"""

from typing import Any, Final

from django.conf import settings

from portal.webhooks.actions import Happening, emit
from portal.webhooks.choices import Event
from requests_app import moment
from requests_app.choices import Priority
from requests_app.models import DataRequest, QuestionEvent

_WORDS: Final[dict[str, Event]] = {
    "ask": Event.QUESTION_CREATED,
    "accept": Event.QUESTION_ACCEPTED,
    "take": Event.QUESTION_ASSIGNED,
    "assign": Event.QUESTION_ASSIGNED,
    "hand_over": Event.QUESTION_ASSIGNED,
    "ask_back": Event.QUESTION_NEEDS_INFO,
    "reply": Event.QUESTION_REPLIED,
    "block": Event.QUESTION_BLOCKED,
    "unblock": Event.QUESTION_UNBLOCKED,
    "publish_answer": Event.QUESTION_ANSWERED,
    "answer_with_existing": Event.QUESTION_ANSWERED,
    "decline": Event.QUESTION_DECLINED,
    "mark_duplicate": Event.QUESTION_DUPLICATE,
    "withdraw": Event.QUESTION_CLOSED,
    "accept_answer": Event.QUESTION_CLOSED,
    "close_unanswered": Event.QUESTION_CLOSED,
    "close_answered": Event.QUESTION_CLOSED,
    "reopen": Event.QUESTION_REOPENED,
    "reconsider": Event.QUESTION_REOPENED,
    "undo": Event.QUESTION_UNDONE,
}


def announce(event: QuestionEvent) -> int:
    """Record what happened for the endpoints that hear of it; return how many deliveries."""
    if moment.is_past():
        return 0
    question = event.question
    words = [_WORDS[event.kind]] if event.kind in _WORDS else []
    if event.kind == "accept" and question.assignee_id is not None:
        words.append(Event.QUESTION_ASSIGNED)
    return emit([_happening(word, event) for word in words])


def _happening(word: Event, event: QuestionEvent) -> Happening:
    question = event.question
    return Happening(
        event=word,
        about=("question", question.key),
        job="",
        at=event.at,
        once=f"{word}:{event.pk}",
        data={"question": _shown(question), "step": event.kind},
    )


def _shown(question: DataRequest) -> dict[str, Any]:
    return {
        "number": question.number,
        "url": settings.PUBLIC_URL + question.get_absolute_url(),
        "title": question.title,
        "kind": question.kind,
        "priority": Priority(question.priority).name,
        "state": question.state,
        "resolution": question.resolution or None,
        "requester": question.requester.name,
        "assignee": question.assignee.name if question.assignee else None,
        "asked_at": question.created_at.isoformat(),
        "answered_at": question.answered_at.isoformat() if question.answered_at else None,
        "closed_at": question.closed_at.isoformat() if question.closed_at else None,
    }
