"""Who hears of what happens to a question: the one module that notifies.

Nobody hears of what they did themselves; that is notify's rule. Whoever may no longer see the question is
left out when a message is shown or sent, not here.
"""

from collections.abc import Iterable
from typing import Any

from portal.accounts.models import User
from portal.accounts.permissions import Role
from portal.audit.actions import Actor
from portal.discussion.watching import unwatch, watch
from portal.events import Reference
from portal.notifications.actions import notify
from requests_app import moment
from requests_app.models import DataRequest, DutyShift, SlaClock
from requests_app.routing import Route


def reference(question: DataRequest) -> Reference:
    """Return the question as others refer to it."""
    return ("question", question.key)


def asked(question: DataRequest, *, route: Route, by: Actor) -> None:
    """Tell who triages now, and who is next in line."""
    _send(question, "question.asked", [*on_duty(), route.person], by=by, rule=str(route.rule))


def accepted(question: DataRequest, *, proposed: User | None, by: Actor) -> None:
    """Tell whoever the question was given or proposed to."""
    _send(question, "question.assigned", [question.assignee or proposed], by=by)


def taken(question: DataRequest, *, by: Actor) -> None:
    """Tell the asker who answers."""
    _send(question, "question.taken", [question.requester, *_followers(question)], by=by)


def assigned(question: DataRequest, *, former: User | None, note: str, by: Actor) -> None:
    """Tell the new holder, and the former one that it is no longer theirs."""
    _send(question, "question.handed_over", [former], by=by)
    _send(question, "question.assigned", [question.assignee], by=by, note=note)


def to_asker(question: DataRequest, kind: str, *, by: Actor, **data: Any) -> None:
    """Tell the asker and who follows."""
    _send(question, kind, [question.requester, *_followers(question)], by=by, **data)


def to_assignee(question: DataRequest, kind: str, *, by: Actor, **data: Any) -> None:
    """Tell who has it in hand."""
    _send(question, kind, [question.assignee], by=by, **data)


def to_reviewer(question: DataRequest, kind: str, *, by: Actor, **data: Any) -> None:
    """Tell who is to read the answer."""
    _send(question, kind, [question.reviewer], by=by, **data)


def to_team(question: DataRequest, kind: str, *, by: Actor, **data: Any) -> None:
    """Tell who has it in hand, else who triages; and the asker where somebody else acted."""
    holders = [question.assignee] if question.assignee else on_duty()
    _send(question, kind, [*holders, question.requester], by=by, **data)


def answered(question: DataRequest, *, by: Actor) -> None:
    """Tell the asker, all who follow, the author, and the askers of its duplicates."""
    duplicates = [other.requester for other in question.duplicates.select_related("requester")]
    _send(
        question,
        "question.answered",
        [question.requester, question.assignee, *_followers(question), *duplicates],
        by=by,
    )


def followed(question: DataRequest, *, follower: User, by: Actor) -> None:
    """Tell the asker that somebody wants the same answer; that person hears of the discussion from now on."""
    watch(reference=reference(question), user=follower, by=by)
    _send(question, "question.followed", [question.requester], by=by)


def unfollowed(question: DataRequest, *, user: User, by: Actor) -> None:
    """Let the person hear no more of the question's discussion."""
    unwatch(reference=reference(question), user=user, by=by)


def let_in(question: DataRequest, *, person: User, by: Actor) -> None:
    """Tell somebody that they were let in."""
    _send(question, "question.let_in", [person], by=by)


def undone(question: DataRequest, step: str, *, by: Actor) -> None:
    """Tell the asker that a step was taken back, if they had heard of it."""
    _send(question, "question.undone", [question.requester], by=by, undone=step)


def deadline(question: DataRequest, kind: str, *, clock: SlaClock, by: Actor) -> None:
    """Tell who must act that a deadline nears or has passed: who has it in hand, else who triages."""
    to = [question.assignee] if question.assignee else on_duty()
    once = f"{kind}:{clock.metric}:{clock.cycle}"
    _send(
        question,
        kind,
        to,
        by=by,
        once=once,
        metric=clock.metric,
        due=clock.due_at.isoformat() if clock.due_at else "",
    )


def woken(question: DataRequest, *, sleeper: User | None, by: Actor) -> None:
    """Tell whoever put the question to sleep that it is back."""
    _send(question, "question.woken", [sleeper or question.assignee], by=by)


def on_duty() -> list[User]:
    """Return who triages today; the leads where nobody is on duty."""
    shifts = DutyShift.objects.on(moment.today("UTC")).filter(user__is_active=True).select_related("user")
    found = [shift.user for shift in shifts]
    return found or list(User.objects.filter(is_active=True, roles__contains=[Role.LEAD]))


def _followers(question: DataRequest) -> list[User]:
    return [row.user for row in question.followers.select_related("user")]


def _send(
    question: DataRequest, kind: str, to: Iterable[User | None], *, by: Actor, once: str = "", **data: Any
) -> None:
    if moment.is_past():
        return
    people = [user for user in to if user is not None]
    notify(to=people, kind=kind, about=reference(question), by=by, data=data, once=once)
