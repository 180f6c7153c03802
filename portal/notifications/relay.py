"""Send what waits in the outbox; whoever may not know of the thing any more gets nothing.

A delivery is at least once: a clock that dies between sending and noting it sends again after the lease.
"""

import datetime as dt
import random
import threading
from collections import defaultdict
from collections.abc import Iterable
from typing import Final

import structlog
from django.db import connection
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone, translation

from portal.accounts.models import User
from portal.events import nodes
from portal.notifications import hooks, slack
from portal.notifications.actions import next_morning
from portal.notifications.choices import Channel, OutboxState, Pace, Sort
from portal.notifications.enclosures import with_files
from portal.notifications.mail import Line, send
from portal.notifications.models import Notification, Outbox, Preference
from portal.notifications.wording import text, wording_of

log = structlog.get_logger(__name__)

# A dead server takes five seconds a person: a round of one channel ends well within its lease.
BATCH: Final = 40
LEASE: Final = 300
MOST_ATTEMPTS: Final = 8
_KEPT_READ: Final = dt.timedelta(days=90)
_KEPT_SENT: Final = dt.timedelta(days=30)
_TIDIED_AT_ONCE: Final = 1000

# One person's due rows, with the younger ones about the same thing: a burst becomes one mail. A row whose
# lease runs is another clock's; SKIP LOCKED: another clock is just taking it.
_TAKE = """
    WITH due AS (
        SELECT DISTINCT told.recipient_id, told.about_kind, told.about_key
        FROM (
            SELECT notification_id FROM notifications_outbox
            WHERE state = 'waiting' AND channel = %(channel)s AND available_at <= clock_timestamp()
            ORDER BY available_at LIMIT %(batch)s
        ) first JOIN notifications_notification told ON told.id = first.notification_id
    ), taken AS (
        SELECT box.id FROM notifications_outbox box
        JOIN notifications_notification told ON told.id = box.notification_id
        JOIN due USING (recipient_id, about_kind, about_key)
        WHERE box.state = 'waiting' AND box.channel = %(channel)s
            AND (box.available_at <= clock_timestamp() OR box.attempts = 0)
        FOR UPDATE OF box SKIP LOCKED
    )
    UPDATE notifications_outbox box SET attempts = attempts + 1, reason = '',
        available_at = clock_timestamp() + make_interval(secs => %(lease)s)
    FROM taken WHERE box.id = taken.id RETURNING box.id
"""

_senders: dict[Channel, threading.Thread] = {}
_tidied_at: dt.datetime | None = None


def relay() -> None:
    """Start sending beside the clock, each channel by itself: a slow server holds up neither it nor others.

    A channel by which this process still sends is left alone.
    """
    for name in _due().order_by().values_list("channel", flat=True).distinct():
        channel = Channel(name)
        sender = _senders.get(channel)
        if sender is None or not sender.is_alive():
            _senders[channel] = threading.Thread(
                target=_send_and_close, args=(channel,), name=f"relay-{channel}", daemon=True
            )
            _senders[channel].start()


def waiting_signs() -> Iterable[QuerySet[Outbox]]:
    """Give the clock what tells that something is to be sent."""
    return [_due()]


def _due() -> QuerySet[Outbox]:
    return Outbox.objects.filter(state=OutboxState.WAITING, available_at__lte=Now())


def _send_and_close(channel: Channel) -> None:
    try:
        deliver(channel)
    except Exception as error:
        log.exception("relay_failed", error=str(error))
    finally:
        connection.close()


def deliver(channel: Channel = Channel.MAIL) -> int:
    """Take what is due by a channel and send it, one message a person; return how many messages left."""
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, {"channel": channel, "batch": BATCH, "lease": LEASE})
        taken = [row[0] for row in cursor.fetchall()]
    people: dict[int, list[Outbox]] = defaultdict(list)
    rows = Outbox.objects.filter(pk__in=taken).select_related("notification").order_by("pk")
    for row in rows:
        people[row.notification.recipient_id].append(row)
    return sum(_deliver_to(pk, theirs) for pk, theirs in people.items())


def _deliver_to(pk: int, rows: list[Outbox]) -> bool:
    """Send one person's mail; whatever goes wrong with it stops nobody else's."""
    try:
        # Read at this moment: somebody may have been deactivated, moved or removed while the mail waited.
        user = User.objects.filter(pk=pk).first()
        if user is None:
            # Their notifications went with them.
            return False
        with translation.override(user.language or None):
            lines = _allowed(user, rows)
            if not lines:
                return False
            _send(rows[0].channel, user, [line for _row, line in lines])
    except Exception as error:
        _put_off(rows, error)
        return False
    _end([row for row, _line in lines], OutboxState.SENT)
    return True


def _send(channel: str, user: User, lines: list[Line]) -> None:
    if channel == Channel.MAIL:
        send(user=user, lines=with_files(lines, user))
        return
    try:
        slack.send(user=user, lines=lines)
    except slack.NotTaken as error:
        if error.reason == "slack_refused":
            hooks.note_refusal(user)
        raise
    hooks.note_success(user)


def _allowed(user: User, rows: list[Outbox]) -> list[tuple[Outbox, Line]]:
    """Keep what this person may and wants to be told now; the rest is dropped with its reason, or waits."""
    if not user.is_active:
        _end(rows, OutboxState.DROPPED, "deactivated")
        return []
    seen = nodes.resolve([row.notification.reference for row in rows], user)
    paces = {Sort(sort): Pace(pace) for sort, pace in _own_paces(user, rows[0].channel)}
    now: list[tuple[Outbox, Line]] = []
    early: list[tuple[Outbox, Line]] = []
    for row in rows:
        told = row.notification
        sort = Sort(wording_of(told.kind).sort)
        pace = paces.get(sort, sort.usual)
        node = seen.get(told.reference)
        if reason := _refusal(told, pace, known=node is not None):
            _end([row], OutboxState.DROPPED, reason)
        elif node is not None:
            pair = (row, Line(text(told, node.label), node.url, told.reference, told.kind))
            morning = next_morning(told.created_at, user.time_zone)
            (early if pace is Pace.DAILY and morning > timezone.now() else now).append(pair)
    # What could wait for the morning goes along with what is said about the same thing now.
    things = {line.about for _row, line in now}
    for row, line in early:
        if line.about in things:
            now.append((row, line))
        else:
            morning = next_morning(row.notification.created_at, user.time_zone)
            _still(row).update(available_at=morning, attempts=0)
    return sorted(now, key=lambda pair: pair[0].pk)


def _own_paces(user: User, channel: str) -> list[tuple[str, str]]:
    return list(Preference.objects.filter(user=user, channel=channel).values_list("sort", "pace"))


def _refusal(told: Notification, pace: Pace, *, known: bool) -> str:
    if not known:
        return "not_visible"
    if told.read_at is not None:
        return "read"
    return "not_wanted" if pace is Pace.NEVER else ""


def _still(row: Outbox) -> QuerySet[Outbox]:
    # Whoever took it after our lease ran out has another count of attempts.
    return Outbox.objects.filter(pk=row.pk, state=OutboxState.WAITING, attempts=row.attempts)


def _end(rows: list[Outbox], state: OutboxState, reason: str = "") -> None:
    for row in rows:
        _still(row).update(state=state, reason=reason, ended_at=Now())


def _put_off(rows: list[Outbox], error: Exception) -> None:
    # The server's words may quote addresses or more; its class is enough to look into its log.
    reason = str(getattr(error, "reason", "") or type(error).__name__)[:300]
    log.warning("not_sent", channel=rows[0].channel, error=reason, rows=[row.pk for row in rows])
    hopeless = not getattr(error, "may_heal", True)
    ended = [row for row in rows if hopeless or row.attempts >= MOST_ATTEMPTS]
    _end(ended, OutboxState.FAILED, reason)
    for row in rows:
        if row not in ended:
            wait = min(30 * 2**row.attempts, 3600) * random.uniform(0.5, 1)  # noqa: S311 - spreads load
            # Where the other side says how long, that is the least.
            wait = max(wait, float(getattr(error, "wait", 0.0)))
            _still(row).update(available_at=timezone.now() + dt.timedelta(seconds=wait), reason=reason)


def tidy() -> None:
    """Once an hour remove what was read 90 days ago and deliveries that ended 30 days ago, some at a time."""
    global _tidied_at  # noqa: PLW0603 - one clock a process
    now = timezone.now()
    if _tidied_at is not None and now - _tidied_at < dt.timedelta(hours=1):
        return
    _tidied_at = now
    remove_old(now)


def remove_old(now: dt.datetime) -> None:
    """Remove old rows; failed deliveries stay as long as all others."""
    ended = Outbox.objects.filter(ended_at__lt=now - _KEPT_SENT).order_by("ended_at")[:_TIDIED_AT_ONCE]
    Outbox.objects.filter(pk__in=list(ended.values_list("pk", flat=True))).delete()
    read = Notification.objects.filter(read_at__lt=now - _KEPT_READ).order_by("read_at")[:_TIDIED_AT_ONCE]
    Notification.objects.filter(pk__in=list(read.values_list("pk", flat=True))).delete()
