"""Triage: accept, ask back, decline, find the duplicate, answer by what is known; and undo."""

from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction

from portal.accounts.models import User
from portal.audit.actions import Actor, record
from requests_app import clocks, moment, news
from requests_app.actions.moving import about, answerer, move, needed, permitted, refresh, span
from requests_app.announcing import announce
from requests_app.choices import (
    AnswerStatus,
    DeclineReason,
    Kind,
    Level,
    Priority,
    Resolution,
    State,
    WakeOn,
)
from requests_app.exceptions import (
    ChangedMeanwhile,
    MissingField,
    NotForThem,
    NothingToUndo,
)
from requests_app.models import Answer, DataRequest, Follower, Pool, QuestionEvent
from requests_app.routing import route_of
from requests_app.transitions import find

UNDO_WITHIN: Final = timedelta(minutes=10)


@transaction.atomic
def accept(
    *,
    question: DataRequest,
    user: User,
    by: Actor,
    kind: str,
    impact: int,
    urgency: int,
    effort: int = 1,
    priority: int | None = None,
    priority_reason: str = "",
    pool: Pool | None = None,
    assignee: User | None = None,
    version: int | None = None,
) -> DataRequest:
    """Accept a new question: what it is, how soon, for whom; without pool or assignee the routing proposes.

    A ``priority`` other than impact × urgency needs ``priority_reason``. An assignee is only proposed to:
    work begins when they take it. Raises MissingField, CannotAnswer, IllegalTransition, ChangedMeanwhile.
    """
    row = permitted(question, "accept", user)
    needed(row, kind=kind, impact=impact, urgency=urgency)
    route = route_of(question, kind=kind)
    chosen = assignee or route.person
    changes: dict[str, Any] = {
        "kind": Kind(kind),
        "effort": max(1, effort),
        "pool_id": pool.pk if pool else (route.pool.pk if route.pool else None),
        "route": route.rule,
        **_ranked(impact, urgency, priority, priority_reason),
    }
    if assignee is not None:
        changes |= {"assignee_id": answerer(assignee).pk, "assigned_at": moment.now()}
    move(
        question,
        row,
        user=user,
        by=by,
        version=version,
        changes=changes,
        data={"rule": route.rule, "next": chosen.name if chosen else ""},
    )
    news.accepted(question, proposed=chosen, by=by)
    return question


@transaction.atomic
def ask_back(
    *, question: DataRequest, user: User, by: Actor, note: str, version: int | None = None
) -> DataRequest:
    """Ask the asker for something; the question comes back to where it is now. ``note`` is what is asked."""
    row = permitted(question, "ask_back", user)
    needed(row, note=note.strip())
    changes = {"resume_state": question.state}
    move(question, row, user=user, by=by, version=version, changes=changes, data={"note": note.strip()})
    news.to_asker(question, row.news, by=by, note=note.strip())
    return question


@transaction.atomic
def resume(
    *, question: DataRequest, user: User, by: Actor, note: str = "", version: int | None = None
) -> DataRequest:
    """Go on without waiting for the asker."""
    row = permitted(question, "resume", user)
    to = State(question.resume_state)
    move(question, row, user=user, by=by, version=version, to=to, data={"note": note.strip()})
    return question


@transaction.atomic
def decline(
    *, question: DataRequest, user: User, by: Actor, reason: str, note: str, version: int | None = None
) -> DataRequest:
    """Decline the question with a reason and words for the asker."""
    row = permitted(question, "decline", user)
    needed(row, reason=reason, note=note.strip())
    changes = {
        "decline_reason": DeclineReason(reason),
        "decline_note": note.strip(),
        "resolution": Resolution.DECLINED,
        **_awake(question),
    }
    move(question, row, user=user, by=by, version=version, changes=changes, data={"note": note.strip()})
    news.to_asker(question, row.news, by=by, note=note.strip())
    return question


@transaction.atomic
def mark_duplicate(
    *,
    question: DataRequest,
    canonical: DataRequest,
    user: User,
    by: Actor,
    note: str = "",
    version: int | None = None,
) -> DataRequest:
    """Point to the question that is asked already; asker and followers move there and hear of its answer.

    A duplicate of a duplicate points to the original. Raises NotForThem when the asker may not see that one.
    """
    row = permitted(question, "mark_duplicate", user)
    original = canonical.canonical or canonical
    if original.pk == question.pk:
        raise MissingField("canonical")
    if not DataRequest.objects.visible_to(question.requester).filter(pk=original.pk).exists():
        raise NotForThem("canonical")
    moved = _move_followers(question, original, user)
    changes = {"canonical_id": original.pk, "resolution": Resolution.DUPLICATE, **_awake(question)}
    data = {"canonical": original.number, "note": note.strip(), "followers": moved}
    move(question, row, user=user, by=by, version=version, changes=changes, data=data)
    news.to_asker(question, row.news, by=by, note=note.strip(), canonical=original.number)
    return question


@transaction.atomic
def answer_with_existing(
    *,
    question: DataRequest,
    answer: Answer,
    user: User,
    by: Actor,
    note: str = "",
    version: int | None = None,
) -> DataRequest:
    """Answer by what was answered before: a verified answer that the asker may see (else NotForThem)."""
    row = permitted(question, "answer_with_existing", user)
    if answer.status != AnswerStatus.VERIFIED or answer.question_id == question.pk:
        raise MissingField("answer")
    if not Answer.objects.visible_to(question.requester).filter(pk=answer.pk).exists():
        raise NotForThem("answer")
    changes = {"answer_id": answer.pk, "resolution": Resolution.EXISTING, **_awake(question)}
    data = {"answer": answer.pk, "of": answer.question.number, "note": note.strip()}
    move(question, row, user=user, by=by, version=version, changes=changes, data=data)
    news.to_asker(question, row.news, by=by, note=note.strip())
    return question


@transaction.atomic
def reconsider(
    *, question: DataRequest, user: User, by: Actor, note: str = "", version: int | None = None
) -> DataRequest:
    """Take a declined or duplicate question up again, as a new one in triage."""
    row = permitted(question, "reconsider", user)
    changes = {"reopen_count": question.reopen_count + 1, "triaged_at": None, "assignee_id": None}
    move(question, row, user=user, by=by, version=version, changes=changes, data={"note": note.strip()})
    news.to_asker(question, row.news, by=by, note=note.strip())
    return question


@transaction.atomic
def set_priority(
    *,
    question: DataRequest,
    user: User,
    by: Actor,
    impact: int,
    urgency: int,
    priority: int | None = None,
    priority_reason: str = "",
    version: int | None = None,
) -> DataRequest:
    """Set impact and urgency, and with a reason a priority other than they make; deadlines follow."""
    row = permitted(question, "set_priority", user)
    needed(row, impact=impact, urgency=urgency)
    changes = _ranked(impact, urgency, priority, priority_reason)
    data = {"priority": int(changes["priority"]), "reason": changes["priority_reason"]}
    move(question, row, user=user, by=by, version=version, changes=changes, data=data)
    return question


@transaction.atomic
def snooze(
    *,
    question: DataRequest,
    user: User,
    by: Actor,
    until: datetime,
    wake_on: str = WakeOn.DATE,
    version: int | None = None,
) -> DataRequest:
    """Hide the question from queues until then, or until what ``wake_on`` names; clocks run on."""
    row = permitted(question, "snooze", user)
    now = moment.now()
    if until <= now:
        raise MissingField("until")
    changes = {
        "snoozed_until": until,
        "snoozed_by_id": user.pk,
        "snoozed_at": now,
        "wake_on": WakeOn(wake_on),
    }
    data = {"until": until.isoformat(), "wake_on": wake_on}
    move(question, row, user=user, by=by, version=version, changes=changes, data=data)
    return question


@transaction.atomic
def wake(*, question: DataRequest, user: User | None, by: Actor, version: int | None = None) -> DataRequest:
    """End a snooze; ``user`` None is the clock."""
    row = permitted(question, "wake", user)
    if question.snoozed_until is None:
        return question
    move(question, row, user=user, by=by, version=version, changes=_awake(question))
    return question


def undoable(question: DataRequest, user: User) -> QuestionEvent | None:
    """Return the step this person may still undo: their own, the last one, of triage, within ten minutes."""
    last = question.events.order_by("-id").first()
    if last is None or last.user_id != user.pk or last.version != question.version:
        return None
    row = find(last.kind, last.from_state)
    recent = moment.now() - last.at <= UNDO_WITHIN
    return last if row is not None and row.undoable and recent else None


@transaction.atomic
def undo(*, question: DataRequest, user: User, by: Actor, version: int | None = None) -> DataRequest:
    """Put back what the person's last triage step changed; raises NothingToUndo, ChangedMeanwhile."""
    event = undoable(question, user)
    if event is None:
        raise NothingToUndo
    before = _read_back(event.data.get("before", {}))
    now = moment.now()
    expected = question.version if version is None else version
    found = DataRequest.objects.filter(pk=question.pk, version=expected, state=question.state)
    if not found.update(version=expected + 1, updated_at=now, **{**before, "state_since": now}):
        raise ChangedMeanwhile
    Follower.objects.filter(pk__in=event.data.get("followers", [])).delete()
    source, holder = question.state, question.assignee_id
    refresh(question)
    if source != question.state or holder != question.assignee_id:
        span(question, now)
    undone = QuestionEvent.objects.create(
        question=question,
        kind="undo",
        from_state=source,
        to_state=question.state,
        user=user,
        actor=by.label,
        version=question.version,
        data={"undone": event.kind, "event": event.pk},
        at=now,
    )
    record("question.undo", by=by, about=about(question), undone=event.kind)
    clocks.refresh(question)
    announce(undone)
    news.undone(question, event.kind, by=by)
    return question


def _ranked(impact: int, urgency: int, priority: int | None, reason: str) -> dict[str, Any]:
    made = Priority.of(Level(impact), Level(urgency))
    chosen = made if priority is None else Priority(priority)
    if chosen != made and not reason.strip():
        raise MissingField("priority_reason")
    return {
        "impact": Level(impact),
        "urgency": Level(urgency),
        "priority": chosen,
        "priority_reason": reason.strip() if chosen != made else "",
    }


def _awake(question: DataRequest) -> dict[str, Any]:
    if question.snoozed_until is None:
        return {}
    return {"snoozed_until": None, "snoozed_by_id": None, "snoozed_at": None, "wake_on": ""}


def _move_followers(question: DataRequest, original: DataRequest, user: User) -> list[int]:
    """Let the asker and the followers follow the original, as far as they may see it; return the new rows."""
    people = [question.requester, *(row.user for row in question.followers.select_related("user"))]
    made = []
    for person in people:
        if person.pk == original.requester_id:
            continue
        if not DataRequest.objects.visible_to(person).filter(pk=original.pk).exists():
            continue
        row, created = Follower.objects.get_or_create(
            question=original, user=person, defaults={"me_too": True, "added_by": user}
        )
        if created:
            made.append(row.pk)
    return made


def _read_back(before: dict[str, Any]) -> dict[str, Any]:
    """Return kept column values as the columns' own types."""
    fields = {field.attname: field for field in DataRequest._meta.concrete_fields}
    return {name: fields[name].to_python(value) for name, value in before.items() if name in fields}
