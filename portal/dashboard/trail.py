"""The audit trail as a list: filters that the URL holds, rows in words, links to what the reader may see."""

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import django_filters
from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils.safestring import SafeString

from catalog.models import Asset
from jobs.models import Job, Run
from portal.accounts.models import Team, User
from portal.accounts.permissions import Permission
from portal.audit.models import AuditEvent, AuditSeal, group_of_action
from portal.audit.wording import GROUPS, actor_name, sentence
from portal.ui.days import begin_of, end_of

ORDER: Final = ("-at", "-id")
# The choice of the list; everybody else's events are found by a click on their name.
PEOPLE_SHOWN: Final = 300
ASSET_PAGES: Final = ("dataset", "metric")

Thing = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Row:
    """One event as the page shows it."""

    event: AuditEvent
    who: str
    actor: str
    text: SafeString
    details: str
    seal: AuditSeal | None


class TrailFilter(django_filters.FilterSet):
    """Choose events by kind, actor, the beginning of the thing's key or name, and days."""

    kind = django_filters.ChoiceFilter(method="by_kind", choices=list(GROUPS.items()))
    actor = django_filters.CharFilter(method="by_actor", max_length=60)
    q = django_filters.CharFilter(method="by_thing", max_length=100)
    since = django_filters.DateFilter(method="from_day")
    until = django_filters.DateFilter(method="to_day")

    class Meta:
        model = AuditEvent
        fields: list[str] = []

    def by_kind(self, events: QuerySet[AuditEvent], _name: str, kind: str) -> QuerySet[AuditEvent]:
        """Keep the actions of one group, as the index holds them."""
        return events.alias(group=group_of_action()).filter(group=kind)

    def by_actor(self, events: QuerySet[AuditEvent], _name: str, actor: str) -> QuerySet[AuditEvent]:
        """Keep what one actor did: «user:12», «token:3», «system:» (all of the portal's own parts)."""
        kind, _colon, identity = actor.partition(":")
        return events.filter(actor_kind=kind, actor_id=identity)

    def by_thing(self, events: QuerySet[AuditEvent], _name: str, words: str) -> QuerySet[AuditEvent]:
        """Keep events about things whose key, number or name begins with the words."""
        words = words.removeprefix("#")
        return events.filter(Q(object_id__istartswith=words) | Q(object_label__istartswith=words))

    def from_day(self, events: QuerySet[AuditEvent], _name: str, day: dt.date) -> QuerySet[AuditEvent]:
        """Keep events from the start of the day on, in the reader's time zone."""
        return events.filter(at__gte=begin_of(day))

    def to_day(self, events: QuerySet[AuditEvent], _name: str, day: dt.date) -> QuerySet[AuditEvent]:
        """Keep events up to the end of the day."""
        return events.filter(at__lt=end_of(day))


def rows(events: list[AuditEvent], reader: User) -> list[Row]:
    """Return the events in words; the number of queries does not depend on how many there are."""
    seals = {seal.event: seal for seal in AuditSeal.objects.filter(event__in=[event.pk for event in events])}
    links = pages_of({(event.object_kind, event.object_id) for event in events}, reader)
    return [
        Row(
            event=event,
            who=actor_name(event),
            actor=f"{event.actor_kind}:{event.actor_id}",
            text=sentence(event, links.get((event.object_kind, event.object_id), "")),
            details=json.dumps(event.data, ensure_ascii=False, indent=2, sort_keys=True)
            if event.data
            else "",
            seal=seals.get(event.pk),
        )
        for event in events
    ]


def pages_of(things: Iterable[Thing], reader: User) -> Mapping[Thing, str]:
    """Return the addresses of the things that still exist, have a page and may be seen by the reader."""
    wanted: dict[str, set[str]] = defaultdict(set)
    for kind, identity in things:
        wanted[kind].add(identity)
    found: dict[Thing, str] = {}
    if keys := wanted["job"]:
        jobs = Job.objects.visible_to(reader).filter(key__in=keys).values_list("key", flat=True)
        found |= {("job", key): reverse("job", args=[key]) for key in jobs}
    if numbers := _numbers(wanted["run"]):
        runs = Run.objects.visible_to(reader).filter(number__in=numbers).values_list("number", flat=True)
        found |= {("run", str(number)): reverse("run", args=[number]) for number in runs}
    if keys := {key for kind in ASSET_PAGES for key in wanted[kind]}:
        assets = Asset.objects.visible_to(reader).filter(kind__in=ASSET_PAGES, key__in=keys)
        found |= {(kind, key): reverse(kind, args=[key]) for kind, key in assets.values_list("kind", "key")}
    return found | (_of_people(wanted) if reader.may(Permission.MANAGE_PEOPLE) else {})


def _of_people(wanted: Mapping[str, set[str]]) -> dict[Thing, str]:
    people = User.objects.filter(pk__in=_numbers(wanted["user"])).values_list("pk", flat=True)
    teams = Team.objects.filter(key__in=wanted["team"]).values_list("key", flat=True)
    return {("user", str(pk)): reverse("person", args=[pk]) for pk in people} | {
        ("team", key): reverse("team", args=[key]) for key in teams
    }


def _numbers(texts: Iterable[str]) -> list[int]:
    return [int(text) for text in texts if text.isascii() and text.isdigit() and len(text) < 19]
