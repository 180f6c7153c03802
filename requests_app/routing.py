"""Whose question it is: team, owner of the data, whoever is placed with the asker, else the rotation.

A central rotation that nobody has been put into is worked by every analyst.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from django.db.models import Count, F, Max, Q, Sum
from django.db.models.functions import Coalesce

from portal.accounts.models import User
from portal.accounts.permissions import Role
from requests_app import moment
from requests_app.choices import LinkRole, PoolKind, Rule, State
from requests_app.models import Absence, DataRequest, Pool, PoolMember, Tour

_LOAD_STATES: Final = [State.READY, State.IN_PROGRESS, State.IN_REVIEW, State.BLOCKED, State.NEEDS_INFO]


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody who could answer, with what decides: points in hand, places left, when last given one."""

    user: User
    load: int
    held: int
    wip_limit: int
    weight: Decimal
    absent: bool

    @property
    def free(self) -> bool:
        """Whether they are here and below their limit."""
        return not self.absent and self.held < self.wip_limit

    @property
    def score(self) -> Decimal:
        """Load by weight: the lowest is next."""
        return Decimal(self.load) / self.weight


@dataclass(frozen=True, slots=True)
class Route:
    """Where a question goes: the rule that fired, the pool, who is next in line, and all who were weighed."""

    rule: Rule
    pool: Pool | None
    person: User | None
    line: tuple[Candidate, ...] = ()


def route_of(question: DataRequest, *, kind: str = "") -> Route:
    """Return the route of this question now: the first rule that finds a pool or a placed analyst."""
    if question.wanted_pool is not None:
        return _in_pool(Rule.EXPLICIT, question.wanted_pool, question)
    owner = owner_pool(question)
    if owner is not None:
        return _in_pool(Rule.OWNER, owner, question)
    placed = placed_with(question)
    if placed:
        free = [candidate for candidate in placed if candidate.free]
        if free:
            return Route(Rule.TOUR, central_pool(), free[0].user, tuple(placed))
    central = central_pool()
    if central is None:
        return Route(Rule.NOBODY, None, None)
    return _in_pool(Rule.ROTATION, central, question)


def central_pool() -> Pool | None:
    """Return the central rotation; None where nobody has set it up."""
    return Pool.objects.filter(kind=PoolKind.CENTRAL).order_by("pk").first()


def owner_pool(question: DataRequest) -> Pool | None:
    """Return the pool of the team that owns the first linked dataset or metric which has one."""
    about = question.links.filter(role=LinkRole.ABOUT, kind__in=["dataset", "metric"]).order_by("pk")
    for linked in about:
        pool = Pool.objects.filter(team__assets__kind=linked.kind, team__assets__key=linked.key).first()
        if pool is not None:
            return pool
    return None


def placed_with(question: DataRequest) -> list[Candidate]:
    """Return who is placed in the question's team now, the least loaded first."""
    if question.on_behalf_id is None:
        return []
    tours = Tour.objects.on(moment.today("UTC")).filter(team=question.on_behalf_id, analyst__is_active=True)
    return candidates([tour.analyst_id for tour in tours])


def is_here(user: User) -> bool:
    """Say whether the person is active and not absent today."""
    today = moment.today(user.time_zone)
    return user.is_active and not Absence.objects.on(today).filter(user=user).exists()


def candidates(user_ids: list[int], *, pool: Pool | None = None) -> list[Candidate]:
    """Return these people with load, limit and absence, in the order in which they get the next question."""
    today = moment.today("UTC")
    members = PoolMember.objects.on(today).filter(user__in=user_ids)
    if pool is not None:
        members = members.filter(pool=pool)
    by_user = {member.user_id: member for member in members.order_by("wip_limit")}
    away = set(Absence.objects.on(today).filter(user__in=user_ids).values_list("user_id", flat=True))
    people = (
        User.objects.filter(pk__in=user_ids, is_active=True)
        .annotate(
            load=Coalesce(
                Sum("assigned_questions__effort", filter=Q(assigned_questions__state__in=_LOAD_STATES)), 0
            ),
            held=Count("assigned_questions", filter=Q(assigned_questions__state__in=State.held())),
            last=Max("assigned_questions__assigned_at"),
        )
        .order_by(F("last").asc(nulls_first=True), "pk")
    )
    found = []
    for person in people:
        member = by_user.get(person.pk)
        found.append(
            Candidate(
                user=person,
                load=person.load,
                held=person.held,
                wip_limit=member.wip_limit if member else 3,
                weight=member.weight if member else Decimal(1),
                absent=person.pk in away,
            )
        )
    # The sort is stable: among equals whoever waited longest since their last question comes first.
    return sorted(found, key=lambda candidate: (not candidate.free, candidate.score))


def next_for(user: User) -> DataRequest | None:
    """Return the question this person should take next, locked so that nobody else gets it; None for none.

    First what is assigned to them, then their placed team's, then their pools', by the order of work.
    """
    waiting = DataRequest.objects.visible_to(user).awake().filter(state=State.READY)
    today = moment.today(user.time_zone)
    teams = Tour.objects.on(today).filter(analyst=user).values("team")
    pools = PoolMember.objects.on(today).filter(user=user).values("pool")
    ways = (
        waiting.filter(assignee=user),
        waiting.filter(assignee=None, on_behalf__in=teams),
        waiting.filter(assignee=None, pool__in=pools),
        waiting.filter(assignee=None, pool=None),
    )
    for way in ways:
        found = way.in_order_of_work().select_for_update(skip_locked=True, of=("self",)).first()
        if found is not None:
            return found
    return None


def _in_pool(rule: Rule, pool: Pool, question: DataRequest) -> Route:
    members = list(
        PoolMember.objects.on(moment.today("UTC")).filter(pool=pool).values_list("user", flat=True)
    )
    if not members and pool.kind == PoolKind.CENTRAL:
        analysts = User.objects.filter(is_active=True, roles__contains=[Role.ANALYST])
        members = list(analysts.values_list("pk", flat=True))
    line = candidates([pk for pk in members if pk != question.requester_id], pool=pool)
    first = next((candidate.user for candidate in line if candidate.free), None)
    return Route(rule if line else Rule.NOBODY, pool, first, tuple(line))
