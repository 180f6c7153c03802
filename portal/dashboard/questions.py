"""The questions of Today: what waits for whoever looks, what they asked, and who is there to answer."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import QuerySet, Value
from django.db.models.functions import Coalesce

from portal.accounts.models import User
from portal.accounts.permissions import Permission
from portal.accounts.prepared import Prepared, counting
from requests_app import moment
from requests_app.actions.work import wip_limit
from requests_app.choices import PoolKind, State
from requests_app.models import Absence, DataRequest, DutyShift, PoolMember, Tour
from requests_app.models.choosing import NEVER
from requests_app.rows import Row, rows

SHOWN: Final = 8
MOST_COUNTED: Final = 100


_MOST_URGENT: Final = Prepared(lambda *, user: _urgent(user))
_HELD: Prepared[int] = Prepared(lambda *, user: counting(DataRequest.objects.held_by(user)))
_IN_TRIAGE: Final = Prepared(lambda: DataRequest.objects.in_triage().order_by().values("pk")[:MOST_COUNTED])
_TO_DO: Final = Prepared(lambda *, pks: DataRequest.objects.filter(pk__in=pks).for_rows().in_order_of_work())
_OWN: Final = Prepared(lambda *, user: _asked_or_followed(user))
_NEWEST: Final = Prepared(lambda *, pks: DataRequest.objects.filter(pk__in=pks).for_rows().order_by("-id"))


@dataclass(frozen=True, slots=True)
class Waiting:
    """The questions that this person should act on, the most urgent first; ``held`` of ``limit`` in hand."""

    rows: list[Row]
    count: int
    held: int
    limit: int
    in_triage: int


@dataclass(frozen=True, slots=True)
class Post:
    """Who stands at a post: triage, rotation, a placement; ``until`` is its last day."""

    label: str
    names: list[str]
    until: object = None


def waiting_for(user: User) -> Waiting:
    """Return what waits for this person: replies and decisions to give, work and reviews to do."""
    answers, triages = user.may(Permission.ANSWER_QUESTIONS), user.may(Permission.TRIAGE_QUESTIONS)
    urgent = [pk for _priority, _due, pk in sorted(_MOST_URGENT(user=user))]
    return Waiting(
        rows=rows(_TO_DO(pks=urgent[:SHOWN]), user) if urgent else [],
        count=len(urgent),
        held=sum(_HELD(user=user)) if answers else 0,
        limit=wip_limit(user) if answers else 0,
        in_triage=len(_IN_TRIAGE()) if triages else 0,
    )


def _urgent(user: User) -> QuerySet[DataRequest, tuple[int, datetime, int]]:
    """Choose at most MOST_COUNTED questions of each part: priority, deadline and id.

    Each part is read in order from an index of its own; joined by OR, all of them would be read and sorted.
    """
    # Whoever asks, answers or reviews a question may see it: no more conditions than these.
    parts = [DataRequest.objects.waiting_for(user)]
    if user.may(Permission.ANSWER_QUESTIONS):
        working = DataRequest.objects.awake().in_hands_of(user).exclude(state=State.NEEDS_INFO)
        parts += [working, DataRequest.objects.for_review_by(user)]
    due = Coalesce("next_due_at", Value(NEVER))
    ordered = [part.in_order_of_work().values_list("priority", due, "pk") for part in parts]
    first, *others = [part[:MOST_COUNTED] for part in ordered]
    return first.union(*others) if others else first


def asked_by(user: User) -> list[Row]:
    """Return the newest open questions that this person asked or follows."""
    newest = sorted((pk for (pk,) in _OWN(user=user.pk)), reverse=True)[:SHOWN]
    return rows(_NEWEST(pks=newest), user) if newest else []


def _asked_or_followed(user: int) -> QuerySet[DataRequest, tuple[int]]:
    # Whoever asked or follows a question may see it.
    own = [DataRequest.objects.filter(requester=user), DataRequest.objects.filter(followers__user=user)]
    first, second = [part.open().order_by("-id").values_list("pk")[:SHOWN] for part in own]
    return first.union(second)


def on_duty(user: User) -> list[Post]:
    """Return who triages today, who is placed in this person's teams, and who answers centrally."""
    today = moment.today(user.time_zone)
    away = Absence.objects.on(today).values("user")
    triage = DutyShift.objects.on(today).exclude(user__in=away).select_related("user")
    tours = Tour.objects.on(today).filter(team__in=user.team_ids).exclude(analyst__in=away)
    central = PoolMember.objects.on(today).filter(pool__kind=PoolKind.CENTRAL).exclude(user__in=away)
    posts = [Post("triage", [shift.user.name], shift.ends) for shift in triage[:3]]
    posts += [
        Post(tour.team.name, [tour.analyst.name], tour.ends)
        for tour in tours.select_related("analyst", "team")[:3]
    ]
    if members := [member.user.name for member in central.select_related("user")[:4]]:
        posts.append(Post("central", members))
    return posts


def placement_of(user: User) -> Tour | None:
    """Return where this person is placed today; None for everybody else."""
    if not user.may(Permission.ANSWER_QUESTIONS):
        return None
    tours = Tour.objects.on(moment.today(user.time_zone)).filter(analyst=user.pk)
    return tours.select_related("team").first()
