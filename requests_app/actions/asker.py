"""The asker's part: reply, withdraw, accept the answer, reopen."""

from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from django.db import transaction

from portal.accounts.models import User
from portal.audit.actions import Actor
from requests_app import moment, news
from requests_app.actions.moving import move, needed, permitted
from requests_app.choices import Confidence, Outcome, Resolution, State, ValueKind, WakeOn
from requests_app.exceptions import MissingField, TooLate
from requests_app.models import DataRequest, DecisionRecord
from requests_app.routing import is_here

REOPEN_WITHIN: Final = timedelta(days=14)


@transaction.atomic
def reply(
    *, question: DataRequest, user: User, by: Actor, note: str, version: int | None = None
) -> DataRequest:
    """Give the data team what it asked for; the question goes back to where it was."""
    row = permitted(question, "reply", user)
    needed(row, note=note.strip())
    changes = awake_on_reply(question)
    to = State(question.resume_state)
    data = {"note": note.strip()}
    move(question, row, user=user, by=by, version=version, to=to, changes=changes, data=data)
    news.to_team(question, row.news, by=by, note=note.strip())
    return question


@transaction.atomic
def withdraw(
    *, question: DataRequest, user: User, by: Actor, note: str = "", version: int | None = None
) -> DataRequest:
    """Take the question back; it ends without an answer."""
    row = permitted(question, "withdraw", user)
    changes = {"resolution": Resolution.WITHDRAWN}
    move(question, row, user=user, by=by, version=version, changes=changes, data={"note": note.strip()})
    news.to_team(question, row.news, by=by, note=note.strip())
    return question


@transaction.atomic
def accept_answer(
    *,
    question: DataRequest,
    user: User,
    by: Actor,
    outcome: str,
    decision: str = "",
    value_kind: str = "",
    value_low: Decimal | None = None,
    value_high: Decimal | None = None,
    confidence: str = "",
    helpful: int | None = None,
    version: int | None = None,
) -> DecisionRecord:
    """Close the question and record what was decided by its answer, and what that was worth if it is known.

    A value needs its kind, an amount (or the range's lower end) and how sure it is; raises MissingField.
    """
    row = permitted(question, "accept_answer", user)
    needed(row, outcome=outcome)
    _check_value(value_kind, value_low, value_high, confidence)
    if question.answer is None:
        raise MissingField("answer")
    record = DecisionRecord.objects.create(
        question=question,
        answer=question.answer,
        outcome=Outcome(outcome),
        decision=decision.strip(),
        decided_by=user,
        value_kind=ValueKind(value_kind),
        value_low=value_low,
        value_high=value_high,
        confidence=Confidence(confidence),
        helpful=helpful,
        created_at=moment.now(),
    )
    changes = {"resolution": question.resolution or Resolution.ANSWERED}
    data = {"outcome": outcome, "helpful": helpful, "note": decision.strip()}
    move(question, row, user=user, by=by, version=version, changes=changes, data=data)
    news.to_team(question, row.news, by=by)
    return record


@transaction.atomic
def reopen(
    *, question: DataRequest, user: User, by: Actor, note: str, version: int | None = None
) -> DataRequest:
    """Say what is missing in the answer; within 14 days. It goes to whoever answered if they are here.

    A question that was withdrawn or never replied to returns to triage, or to the queue if it was accepted.
    """
    row = permitted(question, "reopen", user)
    needed(row, note=note.strip())
    ended = question.closed_at or question.answered_at
    if ended is not None and moment.now() - ended > REOPEN_WITHIN:
        raise TooLate
    to, changes = _reopened(question)
    move(
        question, row, user=user, by=by, version=version, to=to, changes=changes, data={"note": note.strip()}
    )
    news.to_team(question, row.news, by=by, note=note.strip())
    return question


def awake_on_reply(question: DataRequest) -> dict[str, Any]:
    """Return the changes that end a snooze which waited for the asker."""
    if question.wake_on != WakeOn.REPLY:
        return {}
    return {"snoozed_until": None, "snoozed_by_id": None, "snoozed_at": None, "wake_on": ""}


def _reopened(question: DataRequest) -> tuple[State, dict[str, Any]]:
    changes: dict[str, Any] = {"reopen_count": question.reopen_count + 1, "resolution": ""}
    if question.triaged_at is None:
        return State.NEW, changes
    if question.assignee is not None and is_here(question.assignee):
        return State.IN_PROGRESS, changes
    return State.READY, {**changes, "assignee_id": None, "assigned_at": None}


def _check_value(kind: str, low: Decimal | None, high: Decimal | None, confidence: str) -> None:
    if not kind:
        if low is not None or high is not None:
            raise MissingField("value_kind")
        return
    if low is None:
        raise MissingField("value_low")
    if not confidence:
        raise MissingField("confidence")
    if high is not None and high < low:
        raise MissingField("value_high")
