"""Take questions, hand them over, and say what holds them up."""

from typing import Any, Final

from django.db import transaction
from django.db.models import Q

from portal.accounts.models import User
from portal.accounts.permissions import Permission
from portal.accounts.prepared import Prepared
from portal.audit.actions import Actor
from portal.events import Reference
from requests_app import moment, news
from requests_app.actions.moving import answerer, move, needed, permitted
from requests_app.actions.questions import link
from requests_app.choices import BlockReason, LinkRole, State
from requests_app.exceptions import AlreadyTaken, ChangedMeanwhile, NothingToTake, WipLimitReached
from requests_app.models import DataRequest, PoolMember, QuestionLink
from requests_app.routing import next_for

DEFAULT_WIP: Final = 3
_IN_HANDS: Final = frozenset({State.IN_PROGRESS, State.IN_REVIEW, State.BLOCKED})


@transaction.atomic
def take(
    *, question: DataRequest, user: User, by: Actor, override: str = "", version: int | None = None
) -> DataRequest:
    """Begin work on an accepted question; of any number who take it at once one wins.

    Raises AlreadyTaken (with the holder's name), WipLimitReached unless ``override`` gives a reason,
    IllegalTransition and NotAllowed.
    """
    if (
        user.may(Permission.ANSWER_QUESTIONS)
        and question.state in _IN_HANDS
        and question.assignee_id != user.pk
    ):
        raise _taken(question)
    row = permitted(question, "take", user)
    if question.assignee_id not in (None, user.pk):
        raise _taken(question)
    check_wip(user, override)
    free = Q(assignee=None) | Q(assignee=user)
    changes = {"assignee_id": user.pk, "assigned_at": moment.now(), "route": question.route}
    move(
        question,
        row,
        user=user,
        by=by,
        only=free if version is None else free & Q(version=version),
        lost=_taken,
        changes=changes,
        data={"override": override.strip()} if override.strip() else None,
    )
    news.taken(question, by=by)
    return question


@transaction.atomic
def take_next(*, user: User, by: Actor, override: str = "") -> DataRequest:
    """Take what the routing has next for this person; raises NothingToTake, WipLimitReached."""
    check_wip(user, override)
    question = next_for(user)
    if question is None:
        raise NothingToTake
    return take(question=question, user=user, by=by, override=override)


@transaction.atomic
def assign(
    *,
    question: DataRequest,
    assignee: User,
    user: User,
    by: Actor,
    note: str = "",
    override: str = "",
    version: int | None = None,
) -> DataRequest:
    """Give the question to somebody of the data team, in whatever state it is; the state stays."""
    return _give(
        question, "assign", assignee, user=user, by=by, note=note, override=override, version=version
    )


@transaction.atomic
def hand_over(
    *,
    question: DataRequest,
    assignee: User,
    note: str,
    user: User,
    by: Actor,
    override: str = "",
    version: int | None = None,
) -> DataRequest:
    """Hand one's own question to a colleague with a note on where it stands."""
    return _give(
        question, "hand_over", assignee, user=user, by=by, note=note, override=override, version=version
    )


@transaction.atomic
def release(
    *, question: DataRequest, user: User, by: Actor, note: str = "", version: int | None = None
) -> DataRequest:
    """Give a question back to the queue."""
    row = permitted(question, "release", user)
    changes = {"assignee_id": None, "assigned_at": None}
    move(question, row, user=user, by=by, version=version, changes=changes, data={"note": note.strip()})
    return question


@transaction.atomic
def block(
    *,
    question: DataRequest,
    reason: str,
    user: User,
    by: Actor,
    note: str = "",
    blocker: Reference | None = None,
    version: int | None = None,
) -> DataRequest:
    """Say what the question waits for; a linked job or dataset unblocks it by itself once it recovers."""
    row = permitted(question, "block", user)
    needed(row, reason=reason)
    changes = {"block_reason": BlockReason(reason), "block_note": note.strip()}
    data = {"reason": reason, "note": note.strip()}
    QuestionLink.objects.filter(question=question, role=LinkRole.BLOCKED_BY).delete()
    if blocker is not None:
        link(question=question, reference=blocker, role=LinkRole.BLOCKED_BY, user=user, by=by)
    move(question, row, user=user, by=by, version=version, changes=changes, data=data)
    news.to_asker(question, row.news, by=by, note=note.strip())
    return question


@transaction.atomic
def unblock(
    *, question: DataRequest, user: User | None, by: Actor, note: str = "", version: int | None = None
) -> DataRequest:
    """Go on with a blocked question; ``user`` None is the clock, which saw the blocker recover."""
    row = permitted(question, "unblock", user)
    move(question, row, user=user, by=by, version=version, data={"note": note.strip()})
    news.to_assignee(question, row.news, by=by)
    return question


def check_wip(user: User, override: str) -> None:
    """Raise WipLimitReached if the person holds as much as their limit and gave no reason to go beyond it.

    The person's row is locked: two takes at once could each find the last place free.
    """
    User.objects.select_for_update(no_key=True).get(pk=user.pk)
    held = DataRequest.objects.held_by(user).count()
    limit = wip_limit(user)
    if held >= limit and not override.strip():
        raise WipLimitReached(held, limit)


_LIMITS: Prepared[int] = Prepared(
    lambda *, user, day: PoolMember.objects.on(day).filter(user=user).values_list("wip_limit", flat=True)
)


def wip_limit(user: User) -> int:
    """Return how many questions this person may have in hand: the widest of their pools', else 3."""
    return max(_LIMITS(user=user.pk, day=moment.today(user.time_zone)), default=DEFAULT_WIP)


def _give(
    question: DataRequest,
    name: str,
    assignee: User,
    *,
    user: User,
    by: Actor,
    note: str,
    override: str,
    version: int | None,
) -> DataRequest:
    row = permitted(question, name, user)
    needed(row, assignee=assignee, note=note.strip())
    former = question.assignee
    if former is not None and former.pk == assignee.pk:
        return question
    answerer(assignee)
    if question.state in State.held():
        check_wip(assignee, override)
    changes: dict[str, Any] = {"assignee_id": assignee.pk, "assigned_at": moment.now()}
    data = {"to": assignee.name, "from": former.name if former else "", "note": note.strip()}
    if override.strip():
        data["override"] = override.strip()
    move(question, row, user=user, by=by, version=version, changes=changes, data=data, internal=True)
    news.assigned(question, former=former, note=note.strip(), by=by)
    return question


def _taken(question: DataRequest) -> Exception:
    return AlreadyTaken(question.assignee.name) if question.assignee else ChangedMeanwhile()
