"""Questions for tests, brought to any state by the real actions."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from portal.accounts.models import Team, User
from portal.audit.actions import Actor
from requests_app.actions import answers, asker, questions, triage, work
from requests_app.choices import BlockReason, DeclineReason, Kind, Outcome, PoolKind, State
from requests_app.models import Absence, Calendar, DataRequest, DutyShift, Pool, PoolMember, SlaPolicy, Tour

OFFICE = [[day, "09:00", "18:00"] for day in range(5)]
TARGETS = {"triage": 240, "first_response": 480, "next_update": 480, "answer": 1440, "hand_over": 240}


def make_question(
    user: User, title: str = "How late were our flights in June?", **fields: Any
) -> DataRequest:
    """Return a new question of this person."""
    return questions.ask(title=title, user=user, by=Actor.person(user), **fields).question


def make_pool(key: str = "central", *members: User, kind: str = PoolKind.CENTRAL, **fields: Any) -> Pool:
    """Return a pool that these people work, three questions at once each."""
    pool, _ = Pool.objects.get_or_create(key=key, defaults={"name_en": key.title(), "kind": kind, **fields})
    for member in members:
        PoolMember.objects.get_or_create(pool=pool, user=member, defaults={"starts": "2020-01-01"})
    return pool


def make_tour(analyst: User, team: Team, *, starts: int = -30, ends: int | None = 30) -> Tour:
    """Return a placement from ``starts`` to ``ends`` days from today."""
    return Tour.objects.create(
        analyst=analyst, team=team, starts=day(starts), ends=None if ends is None else day(ends)
    )


def make_absence(user: User, *, starts: int = 0, ends: int = 3) -> Absence:
    """Return an absence from ``starts`` to ``ends`` days from today."""
    return Absence.objects.create(user=user, starts=day(starts), ends=day(ends))


def make_duty(user: User, *, starts: int = -1, ends: int = 5) -> DutyShift:
    """Return a triage duty from ``starts`` to ``ends`` days from today."""
    return DutyShift.objects.create(user=user, starts=day(starts), ends=day(ends))


def make_policy(key: str = "standard", *, calendar: Calendar | None = None, **fields: Any) -> SlaPolicy:
    """Return a policy that fits every question unless ``kinds`` or ``priorities`` say otherwise."""
    found = calendar or make_calendar()
    values = {"name_en": key.title(), "targets": TARGETS, "calendar_key": found.key, **fields}
    return SlaPolicy.objects.create(key=key, **values)


def make_calendar(key: str = "seoul", **fields: Any) -> Calendar:
    """Return Seoul's office hours, Monday to Friday from nine to six."""
    values = {"name_en": "Seoul", "windows": OFFICE, **fields}
    return Calendar.objects.get_or_create(key=key, version=values.pop("version", 1), defaults=values)[0]


def bring(
    question: DataRequest, state: str, *, lead: User, analyst: User, reviewer: User | None = None
) -> DataRequest:
    """Bring a new question to a state by the actions people would use, and return it fresh."""
    by_lead, by_analyst, by_asker = (
        Actor.person(lead),
        Actor.person(analyst),
        Actor.person(question.requester),
    )
    mine: dict[str, Any] = {"question": question, "user": analyst, "by": by_analyst}
    second = reviewer or lead
    target = State(state)
    if target == State.NEW:
        return question
    if target == State.NEEDS_INFO:
        return triage.ask_back(question=question, user=lead, by=by_lead, note="Which airport?")
    if target == State.DECLINED:
        return triage.decline(
            question=question,
            user=lead,
            by=by_lead,
            reason=DeclineReason.NO_DATA,
            note="There are no such data.",
        )
    if target == State.DUPLICATE:
        other = make_question(question.requester, "The same, asked before")
        return triage.mark_duplicate(question=question, canonical=other, user=lead, by=by_lead)
    triage.accept(question=question, user=lead, by=by_lead, kind=Kind.NUMBER, impact=2, urgency=2)
    if target == State.READY:
        return question
    work.take(**mine, override="a test")
    if target == State.BLOCKED:
        work.block(**mine, reason=BlockReason.DATASET)
    elif target == State.IN_REVIEW:
        answers.submit_for_review(**mine, reviewer=second, body="It was 12 %.")
    elif target in (State.ANSWERED, State.CLOSED):
        answers.publish_answer(**mine, body="It was 12 %.")
    if target == State.CLOSED:
        asker.accept_answer(
            question=question, user=question.requester, by=by_asker, outcome=Outcome.CONFIRMED
        )
    return question


def day(offset: int) -> Any:
    """Return the day that is so many days from today."""
    return (timezone.now() + timedelta(days=offset)).date()
