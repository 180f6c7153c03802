"""The one frame of every step: guard, stamps, span, event, audit, clocks."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db.models import F, Model, Q

from portal.accounts.models import User
from portal.accounts.permissions import Permission
from portal.audit.actions import Actor, record
from requests_app import clocks, moment
from requests_app.access import available, parties_of
from requests_app.announcing import announce
from requests_app.choices import State
from requests_app.exceptions import (
    CannotAnswer,
    ChangedMeanwhile,
    IllegalTransition,
    MissingField,
    NotAllowed,
)
from requests_app.models import DataRequest, QuestionEvent, StateSpan
from requests_app.transitions import Effect, Party, Transition, find

Guard = Callable[[DataRequest], Exception]


def permitted(question: DataRequest, name: str, user: User | None) -> Transition:
    """Return the table's row for this step; raise IllegalTransition or NotAllowed. No user: the clock."""
    row = find(name, question.state)
    if row is None:
        raise illegal(question, name, user)
    parties = parties_of(question, user) if user else frozenset({Party.CLOCK})
    if not row.who & parties:
        raise NotAllowed
    return row


def illegal(question: DataRequest, name: str, user: User | None) -> IllegalTransition:
    """Return the refusal, which says what is possible for this person instead."""
    steps = available(question, user) if user else ()
    return IllegalTransition(name, question.state, (row.name for row in steps))


def needed(row: Transition, **fields: Any) -> None:
    """Raise MissingField for the first field that this step needs and that is empty."""
    for field in row.needs:
        if field in fields and not fields[field]:
            raise MissingField(field)


def answerer(person: User, field: str = "assignee") -> User:
    """Return the person if they may answer questions; raises CannotAnswer."""
    if not person.may(Permission.ANSWER_QUESTIONS):
        raise CannotAnswer(field)
    return person


def move(
    question: DataRequest,
    row: Transition,
    *,
    user: User | None,
    by: Actor,
    version: int | None = None,
    to: State | None = None,
    changes: dict[str, Any] | None = None,
    data: dict[str, Any] | None = None,
    only: Q | None = None,
    lost: Guard | None = None,
    internal: bool = False,
) -> QuestionEvent:
    """Change the row if it is still as the person saw it, and write down what happened; refresh ``question``.

    ``changes`` are columns by attribute name. With ``only`` the row must fit this condition instead of
    bearing its version (a claim succeeds although somebody mended the title); ``lost`` names the refusal.
    Raises ChangedMeanwhile, or IllegalTransition if the question has moved on.
    """
    now = max(moment.now(), question.state_since)
    target = to or (State(question.state) if row.stays else row.targets[0])
    stamped = {**stamps(question, row, now), **_leaving(question, target), **(changes or {})}
    if not row.stays:
        stamped |= {"state": target, "state_since": now}
    before = {name: getattr(question, name) for name in stamped}
    guard = only if only is not None else Q(version=question.version if version is None else version)
    mine = DataRequest.objects.filter(guard, pk=question.pk, state=question.state)
    written = {name: _plain(value) for name, value in stamped.items()}
    if not mine.update(version=F("version") + 1, updated_at=now, **written):
        refresh(question)
        if lost is not None:
            raise lost(question)
        raise (
            illegal(question, row.name, user) if find(row.name, question.state) is None else ChangedMeanwhile
        )
    source, holder = question.state, question.assignee_id
    refresh(question)
    if source != question.state or holder != question.assignee_id:
        span(question, now)
    kept = {**(data or {}), "before": before}
    event = QuestionEvent.objects.create(
        question=question,
        kind=row.name,
        from_state=source,
        to_state=question.state,
        user=user,
        actor=by.label,
        version=question.version,
        internal=internal,
        data=kept,
        at=now,
    )
    record(f"question.{row.name}", by=by, about=about(question), **(data or {}))
    clocks.refresh(question, effects=row.effects, at=now, user=user)
    announce(event)
    return event


def stamps(question: DataRequest, row: Transition, now: datetime) -> dict[str, Any]:
    """Return the times this step stamps; a time that stands is not overwritten, but for answers and ends."""
    found: dict[str, Any] = {}
    if Effect.TRIAGED in row.effects and question.triaged_at is None:
        found["triaged_at"] = now
    if Effect.RESPONDED in row.effects and question.first_response_at is None:
        found["first_response_at"] = now
    if Effect.STARTED in row.effects and question.started_at is None:
        found["started_at"] = now
    if Effect.ANSWERED in row.effects:
        found["answered_at"] = now
    if Effect.CLOSED in row.effects:
        found["closed_at"] = now
    return found


def _leaving(question: DataRequest, target: State) -> dict[str, Any]:
    """Return what no longer holds once the question leaves its state."""
    if target == question.state:
        return {}
    cleared: dict[str, Any] = {"reminders": 0}
    if question.state == State.NEEDS_INFO:
        cleared["resume_state"] = ""
    if question.state == State.BLOCKED:
        cleared |= {"block_reason": "", "block_note": ""}
    if question.state == State.DECLINED:
        cleared |= {"decline_reason": "", "decline_note": ""}
    if question.state == State.DUPLICATE:
        cleared["canonical_id"] = None
    if question.state in State.final() and target not in State.final():
        cleared |= {"closed_at": None, "resolution": ""}
    return cleared


def span(question: DataRequest, now: datetime) -> None:
    """End the open span and begin the one of the state and person that hold now."""
    StateSpan.objects.filter(question=question, to_at=None).update(to_at=now)
    StateSpan.objects.create(
        question=question,
        state=question.state,
        category=question.category,
        assignee=question.assignee,
        cycle=question.reopen_count,
        from_at=now,
    )


def refresh(question: DataRequest) -> None:
    """Read the row again, with the people and things it names."""
    question.refresh_from_db()


def about(question: DataRequest) -> tuple[str, str, str]:
    """Return the question as the audit trail names it; its title may be private and stays out."""
    return ("question", str(question.number), question.label)


def _plain(value: Any) -> Any:
    return value.pk if isinstance(value, Model) else value
