"""Send what waits for endpoints, each by itself: one that is slow or dead holds up no other.

A delivery is at least once: a clock that dies between sending and noting it sends again after the lease.
Receivers tell the copies by ``webhook-id``.
"""

import datetime as dt
import os
import random
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import structlog
from django.conf import settings
from django.db import connection
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone, translation

from portal.accounts.permissions import Permission
from portal.notifications.choices import OutboxState
from portal.notifications.slack import MOST_LINES, post
from portal.outgoing import Answer, call
from portal.webhooks.actions import note_failure, note_success, told_of
from portal.webhooks.channel import lines_of
from portal.webhooks.choices import Format, Kind
from portal.webhooks.exceptions import NotTaken
from portal.webhooks.models import Delivery, Endpoint
from portal.webhooks.signing import headers

log = structlog.get_logger(__name__)

# One call takes five seconds at most, so a lease never ends under a living sender.
LEASE: Final = 60
MOST_ATTEMPTS: Final = 10
FIRST_WAIT: Final = 10
LONGEST_WAIT: Final = 6 * 3600
# An endpoint that took nothing for so long is switched off.
PATIENCE: Final = dt.timedelta(days=3)
# Threads of one clock; whoever was tried longest ago goes first.
MOST_SENDERS: Final = 16
# Seconds after which a sender lets another endpoint have its thread.
TURN: Final = 20.0
SHOWN: Final = 500
_GONE: Final = 410
_KEPT: Final = dt.timedelta(days=30)
_TIDIED_AT_ONCE: Final = 1000

# Materialized: a subquery that a plan runs again for each row would take more than it is to.
_TAKE = """
    WITH due AS MATERIALIZED (
        SELECT id FROM webhooks_delivery
        WHERE endpoint_id = %(endpoint)s AND state = 'waiting' AND available_at <= clock_timestamp()
        ORDER BY available_at, id LIMIT %(most)s FOR UPDATE SKIP LOCKED
    )
    UPDATE webhooks_delivery SET attempts = attempts + 1, reason = '', tried_at = clock_timestamp(),
        available_at = clock_timestamp() + make_interval(secs => %(lease)s)
    FROM due WHERE webhooks_delivery.id = due.id RETURNING webhooks_delivery.id
"""

_senders: dict[str, threading.Thread] = {}
_tidied_at: dt.datetime | None = None


def send_webhooks() -> None:
    """Start sending beside the clock; an endpoint to which this process still sends is left alone."""
    for key in [key for key, sender in _senders.items() if not sender.is_alive()]:
        del _senders[key]
    waiting = _due().order_by().values("endpoint").distinct()
    order = Endpoint.objects.filter(pk__in=waiting).order_by("tried_at", "id").values_list("pk", flat=True)
    free = MOST_SENDERS - len(_senders)
    for pk in [pk for pk in order if str(pk) not in _senders][: max(free, 0)]:
        sender = threading.Thread(target=_send_and_close, args=(str(pk),), name=f"webhook-{pk}", daemon=True)
        _senders[str(pk)] = sender
        sender.start()


def waiting_signs() -> Iterable[QuerySet[Delivery]]:
    """Give the clock what tells that something is to be sent."""
    return [_due()]


def _due() -> QuerySet[Delivery]:
    return Delivery.objects.filter(
        state=OutboxState.WAITING, available_at__lte=Now(), endpoint__paused_at=None
    )


def tidy_webhooks() -> None:
    """Forget deliveries that ended long ago, once an hour."""
    global _tidied_at  # noqa: PLW0603 - when this process last did it
    now = timezone.now()
    if _tidied_at is not None and now - _tidied_at < dt.timedelta(hours=1):
        return
    _tidied_at = now
    old = Delivery.objects.filter(ended_at__lt=now - _KEPT).values("pk")[:_TIDIED_AT_ONCE]
    Delivery.objects.filter(pk__in=list(old.values_list("pk", flat=True))).delete()


def deliver(endpoint: str) -> int:
    """Send what is due for one endpoint until something fails or its turn ends; return how many arrived."""
    arrived, ends = 0, time.monotonic() + TURN
    while time.monotonic() < ends:
        rows = _take(endpoint)
        if not rows or not _send(rows):
            break
        arrived += len(rows)
    return arrived


def _take(endpoint: str) -> list[Delivery]:
    """Take what goes out next: one delivery, to a channel as many as one message holds."""
    is_channel = Endpoint.objects.filter(pk=endpoint, format=Format.SLACK).exists()
    with connection.cursor() as cursor:
        most = MOST_LINES if is_channel else 1
        cursor.execute(_TAKE, {"endpoint": endpoint, "lease": LEASE, "most": most})
        taken = [pk for (pk,) in cursor.fetchall()]
    return list(Delivery.objects.select_related("endpoint__owner").filter(pk__in=taken).order_by("pk"))


def _send_and_close(endpoint: str) -> None:
    try:
        deliver(endpoint)
    except Exception as error:
        log.exception("webhooks_failed", endpoint=endpoint, error=str(error))
    finally:
        connection.close()


def _send(taken: Sequence[Delivery]) -> bool:
    """Send them; False where the endpoint did not take them. What nobody may send is dropped."""
    endpoint = taken[0].endpoint
    rows = _allowed(taken)
    if not rows:
        return True
    Endpoint.objects.filter(pk=endpoint.pk).update(tried_at=Now())
    began = time.monotonic()
    try:
        answer = _hand_over(rows)
    except Exception as error:
        _put_off(rows, error, took=_milliseconds(began))
        return False
    said: dict[str, object] = {"took": _milliseconds(began)}
    if answer is not None:
        said |= {"status": answer.status, "answer": _shown(answer)}
        if not answer.is_success:
            _put_off(rows, NotTaken(f"status_{answer.status}", gone=answer.status == _GONE), **said)
            return False
    for row in rows:
        _note(row, state=OutboxState.SENT, reason="", ended_at=Now(), **said)
    note_success(endpoint)
    return True


def _allowed(taken: Sequence[Delivery]) -> list[Delivery]:
    """Keep what may be sent at this moment; the rest is dropped with its reason."""
    endpoint = taken[0].endpoint
    if reason := _standing_against(endpoint):
        rows = []
    elif endpoint.owner is None:
        return list(taken)
    else:
        reason = "not_open" if endpoint.is_channel else "not_visible"
        told = told_of([row.reference for row in taken if row.about_kind], endpoint)
        rows = [row for row in taken if not row.about_kind or row.reference in told]
    for row in taken:
        if row not in rows:
            _note(row, state=OutboxState.DROPPED, reason=reason, ended_at=Now())
    return rows


def _standing_against(endpoint: Endpoint) -> str:
    """Say why nothing may be sent there: it is off, or its owner is gone or may keep no endpoints."""
    owner = endpoint.owner
    if endpoint.off_at is not None:
        return "switched_off"
    if owner is not None and not owner.is_active:
        return "deactivated"
    if owner is not None and not owner.may(Permission.EDIT_JOBS):
        return "not_allowed"
    return ""


def _hand_over(rows: Sequence[Delivery]) -> Answer | None:
    """Post them, or write them down; None where nobody answers."""
    row, endpoint = rows[0], rows[0].endpoint
    if endpoint.is_channel and endpoint.owner is not None:
        with translation.override(endpoint.owner.language or None):
            return post(endpoint.address(), lines_of(rows, endpoint.owner))
    body = row.body.encode()
    kind = {"Content-Type": "application/json"}
    if endpoint.kind == Kind.LINEAGE_FILE:
        _append(body)
        return None
    if endpoint.kind == Kind.LINEAGE_URL:
        if not settings.OPENLINEAGE_URL:
            raise NotTaken("not_configured", may_heal=False)
        key = settings.OPENLINEAGE_API_KEY
        return call(
            "POST",
            settings.OPENLINEAGE_URL,
            headers={**kind, **({"Authorization": f"Bearer {key}"} if key else {})},
            body=body,
        )
    signed = headers(message_id=row.message_id, timestamp=int(time.time()), body=body, keys=endpoint.keys())
    return call("POST", endpoint.address(), headers={**kind, **signed}, body=body)


def _append(body: bytes) -> None:
    if not settings.OPENLINEAGE_FILE:
        raise NotTaken("not_configured", may_heal=False)
    path = Path(settings.OPENLINEAGE_FILE)
    path.parent.mkdir(parents=True, exist_ok=True)
    # One write of a whole line at the end: clocks side by side do not tear each other's.
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640), "wb", 0) as file:
        line = body + b"\n"
        if file.write(line) != len(line):
            # The disk is full: it is written again later, on the line that was begun.
            raise OSError


def _put_off(rows: Sequence[Delivery], error: Exception, **said: object) -> None:
    # The error's own words may quote addresses; its class is enough to look into the log.
    endpoint = rows[0].endpoint
    reason = str(getattr(error, "reason", "") or type(error).__name__)[:300]
    log.info("webhook_not_taken", endpoint=str(endpoint.pk), delivery=rows[0].pk, reason=reason)
    may_heal, gone = getattr(error, "may_heal", True), bool(getattr(error, "gone", False))
    spread = random.uniform(0.5, 1)  # noqa: S311 - spreads load
    for row in rows:
        if not may_heal or gone or row.attempts >= MOST_ATTEMPTS:
            _note(row, state=OutboxState.FAILED, reason=reason, ended_at=Now(), **said)
            continue
        wait = min(FIRST_WAIT * 3 ** (row.attempts - 1), LONGEST_WAIT) * spread
        # Where the other side says how long, that is the least.
        wait = max(wait, float(getattr(error, "wait", 0.0)))
        _note(row, available_at=timezone.now() + dt.timedelta(seconds=wait), reason=reason, **said)
    note_failure(endpoint, patience=PATIENCE, gone=gone)


def _note(row: Delivery, **values: object) -> None:
    # Whoever took it after our lease ran out has another count of attempts.
    still = Q(pk=row.pk, state=OutboxState.WAITING, attempts=row.attempts)
    Delivery.objects.filter(still).update(**values)


def _shown(answer: Answer) -> str:
    """Return the answer's first characters (ADR 15)."""
    return answer.body[: SHOWN * 4].decode("utf-8", "replace").replace("\x00", "�")[:SHOWN]


def _milliseconds(began: float) -> int:
    return int((time.monotonic() - began) * 1000)
