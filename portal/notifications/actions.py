"""Tell people, in the transaction of what they are told; and keep what they have read."""

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from portal.accounts.models import User
from portal.audit.actions import Actor
from portal.events import Reference
from portal.notifications.choices import Channel, OutboxState, Pace, Sort
from portal.notifications.models import Notification, Outbox, Preference, SlackHook
from portal.notifications.wording import KINDS, wording_of

# A burst about one thing becomes one mail, and one message.
COLLECTING: Final = dt.timedelta(minutes=1)
MORNING: Final = 8


def notify(
    *,
    to: Iterable[User],
    kind: str,
    about: Reference,
    by: Actor,
    data: Mapping[str, Any] | None = None,
    once: str = "",
) -> int:
    """Tell each of these people once, and put what goes out by other channels into the outbox.

    Never the actor themself, never who is deactivated. Refuses to run outside a transaction: what is told
    must not outlive a change that was rolled back. Returns how many were told.
    """
    if not transaction.get_connection().in_atomic_block:
        message = f"notify({kind!r}) needs the transaction of the change it tells of"
        raise RuntimeError(message)
    people = {user.pk: user for user in to if user.is_active and not _is_actor(user, by)}
    if not people:
        return 0
    kind_of_thing, key = about
    if once:
        told = Notification.objects.filter(
            recipient__in=people, kind=kind, about_kind=kind_of_thing, about_key=key, once=once
        )
        for pk in told.values_list("recipient", flat=True):
            people.pop(pk, None)
    rows = [
        Notification(
            recipient=user,
            kind=kind,
            about_kind=kind_of_thing,
            about_key=key,
            actor_kind=by.kind,
            actor_id=by.id,
            actor_label=by.label[:200],
            data=dict(data or {}),
            once=once,
        )
        for user in people.values()
    ]
    # A rival that tells the same at this moment wins or loses as a whole row; nobody is told twice.
    made = [row for row in Notification.objects.bulk_create(rows, ignore_conflicts=bool(once)) if row.pk]
    if once:
        made = list(
            Notification.objects.filter(
                recipient__in=people, kind=kind, about_kind=kind_of_thing, about_key=key, once=once
            ).select_related("recipient")
        )
    _put_out(made, Sort(wording_of(kind).sort))
    return len(made)


def read(*, notifications: QuerySet[Notification], at: dt.datetime | None = None) -> int:
    """Mark as read, at a moment by which it can be undone; what was read before keeps its time."""
    return notifications.filter(read_at=None).update(read_at=at or Now())


def unread(*, notifications: QuerySet[Notification]) -> int:
    """Mark as not read, the undo of «read»."""
    return notifications.update(read_at=None)


@transaction.atomic
def prefer(*, user: User, sort: Sort, channel: Channel, pace: Pace) -> None:
    """Keep how this person wants to be told; the usual needs no row. What already waits follows the wish."""
    if pace_of(user, sort, channel) is pace:
        return
    own = Preference.objects.filter(user=user, sort=sort, channel=channel)
    if pace is sort.usual:
        own.delete()
    else:
        Preference.objects.update_or_create(user=user, sort=sort, channel=channel, defaults={"pace": pace})
    # Only what nobody has tried to send yet; what is on its way asks for the wish itself.
    waiting = Outbox.objects.filter(
        notification__recipient=user,
        notification__kind__in=[kind for kind, wording in KINDS.items() if wording.sort is sort],
        channel=channel,
        state=OutboxState.WAITING,
        attempts=0,
    )
    if pace is Pace.NEVER:
        waiting.update(state=OutboxState.DROPPED, reason="not_wanted", ended_at=Now())
    else:
        now = timezone.now()
        waiting.update(available_at=now if pace is Pace.NOW else next_morning(now, user.time_zone))


def pace_of(user: User, sort: Sort, channel: Channel) -> Pace:
    """Return how soon this person is told by a channel."""
    own = Preference.objects.filter(user=user, sort=sort, channel=channel).values_list("pace", flat=True)
    found = own.first()
    return Pace(found) if found else sort.usual


def _is_actor(user: User, by: Actor) -> bool:
    return by.kind == "user" and by.id == str(user.pk)


def _put_out(notifications: list[Notification], sort: Sort) -> None:
    people = [each.recipient_id for each in notifications]
    own = Preference.objects.filter(user__in=people, sort=sort)
    paces = {(user, channel): pace for user, channel, pace in own.values_list("user_id", "channel", "pace")}
    connected = set(SlackHook.objects.filter(user__in=people).values_list("user_id", flat=True))
    now = timezone.now()
    rows = []
    for each in notifications:
        channels = [Channel.MAIL, *([Channel.SLACK] if each.recipient_id in connected else [])]
        for channel in channels:
            pace = Pace(paces.get((each.recipient_id, channel), sort.usual))
            if pace is not Pace.NEVER:
                at = now + COLLECTING if pace is Pace.NOW else next_morning(now, each.recipient.time_zone)
                rows.append(Outbox(notification=each, channel=channel, available_at=at))
    Outbox.objects.bulk_create(rows, ignore_conflicts=True)


def next_morning(now: dt.datetime, time_zone: str) -> dt.datetime:
    """Return when the next daily mail leaves: eight o'clock where its reader lives."""
    try:
        zone = ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        zone = ZoneInfo("UTC")
    local = now.astimezone(zone)
    day = local.date() if local.hour < MORNING else local.date() + dt.timedelta(days=1)
    return dt.datetime.combine(day, dt.time(MORNING), tzinfo=zone)
