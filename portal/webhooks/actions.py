"""Make endpoints and change them; record what they hear of, in the transaction of its reader's mark."""

import datetime as dt
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import uuid4

import uuid_utils.compat
from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from portal.accounts.access import anybody
from portal.accounts.models import User
from portal.audit.actions import Actor, record
from portal.events import Reference, nodes
from portal.notifications.actions import notify
from portal.notifications.choices import OutboxState
from portal.notifications.slack import check_hook
from portal.outgoing import check_public
from portal.webhooks.choices import TEST, Format, Kind
from portal.webhooks.exceptions import SwitchedOff
from portal.webhooks.models import Delivery, Endpoint
from portal.webhooks.signing import new_secret

VERSION: Final = 1
# How long a replaced secret signs beside the new one.
OVERLAP: Final = dt.timedelta(hours=24)
# What happens within so much of each other reaches a channel as one message.
GATHERED: Final = dt.timedelta(seconds=20)
# Seconds between two test events: the button is no way to flood somebody.
TEST_PAUSE: Final = 10
# The foreign key is checked when the transaction ends: an endpoint that is gone by then would undo all of it.
_HOLD: Final = "SELECT id FROM webhooks_endpoint WHERE id = ANY(%s) ORDER BY id FOR KEY SHARE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """An endpoint as it shall be; the address is empty where it stays. ``jobs`` are keys, none means all.

    Its ``format`` stays what it was when it was made.
    """

    name: str
    url: str = ""
    events: Sequence[str]
    jobs: Sequence[str] = ()
    format: str = Format.JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One event: what it is about, the job it comes from ("" for none), and the ``data`` of its payload.

    ``once`` is its own key: however often it is emitted, an endpoint gets one delivery.
    """

    event: str
    about: Reference
    job: str
    at: dt.datetime
    once: str
    data: Mapping[str, Any] = field(default_factory=dict)


@transaction.atomic
def add(*, owner: User, wish: Wish, by: Actor) -> tuple[Endpoint, str]:
    """Keep a new endpoint and return it with its secret, which is shown this once; raises OutgoingError.

    A channel has none.
    """
    check_address(wish.url, wish.format)
    secret = "" if wish.format == Format.SLACK else new_secret()
    endpoint = Endpoint(
        owner=owner, name=wish.name, events=list(wish.events), jobs=list(wish.jobs), format=wish.format
    )
    endpoint.put(url=wish.url, secret=secret)
    endpoint.save(force_insert=True)
    record("webhook.added", by=by, about=_about(endpoint), host=endpoint.host(), events=endpoint.events)
    return endpoint, secret


def check_address(url: str, spoken: str) -> None:
    """Refuse an address that is never called, or is no channel's; raises OutgoingError."""
    check = check_hook if spoken == Format.SLACK else check_public
    check(url)


@transaction.atomic
def edit(*, endpoint: Endpoint, wish: Wish, by: Actor) -> None:
    """Change name, address and what it hears of; another address starts without the old one's failures."""
    endpoint.name, endpoint.events, endpoint.jobs = wish.name, list(wish.events), list(wish.jobs)
    changed = ["name", "events", "jobs"]
    if wish.url:
        check_address(wish.url, endpoint.format)
        endpoint.put(url=wish.url)
        endpoint.failing_since = None
        changed += ["url", "failing_since"]
    endpoint.save(update_fields=changed)
    record("webhook.changed", by=by, about=_about(endpoint), host=endpoint.host(), events=endpoint.events)


@transaction.atomic
def rotate(*, endpoint: Endpoint, by: Actor) -> str:
    """Put a new secret in the old one's place and return it; the old one signs as well for a day."""
    endpoint = Endpoint.objects.select_for_update(of=("self",)).get(pk=endpoint.pk)
    secret = new_secret()
    endpoint.retire_secret()
    endpoint.put(secret=secret)
    endpoint.old_secret_until = timezone.now() + OVERLAP
    endpoint.save(update_fields=["secret", "old_secret", "old_secret_until"])
    record("webhook.rotated", by=by, about=_about(endpoint))
    return secret


@transaction.atomic
def pause(*, endpoint: Endpoint, by: Actor) -> bool:
    """Record nothing for it and send nothing; False where it stands still already."""
    if not Endpoint.objects.listening().filter(pk=endpoint.pk).update(paused_at=Now()):
        return False
    record("webhook.paused", by=by, about=_about(endpoint))
    return True


@transaction.atomic
def resume(*, endpoint: Endpoint, by: Actor) -> bool:
    """Let it hear again; what happened meanwhile is not made up for. False where it stands still nowhere."""
    still = Endpoint.objects.filter(Q(paused_at__isnull=False) | Q(off_at__isnull=False), pk=endpoint.pk)
    if not still.update(paused_at=None, off_at=None, failing_since=None, hears_since=Now()):
        return False
    record("webhook.resumed", by=by, about=_about(endpoint))
    return True


@transaction.atomic
def remove(*, endpoint: Endpoint, by: Actor) -> None:
    """Forget it, its secret and its deliveries."""
    about = _about(endpoint)
    # A row that is just being written for it is waited for, and removed with it.
    Endpoint.objects.select_for_update(of=("self",)).filter(pk=endpoint.pk).first()
    endpoint.delete()
    record("webhook.removed", by=by, about=about)


@transaction.atomic
def test(*, endpoint: Endpoint, by: Actor) -> Delivery | None:
    """Put a test event on its way; None while the last one is only seconds ago."""
    now = timezone.now()
    before = Q(tested_at=None) | Q(tested_at__lt=now - dt.timedelta(seconds=TEST_PAUSE))
    if not Endpoint.objects.listening().filter(before, pk=endpoint.pk).update(tested_at=now):
        return None
    happening = Happening(event=TEST, about=("", ""), job="", at=now, once=f"test:{uuid4()}")
    record("webhook.tested", by=by, about=_about(endpoint))
    return Delivery.objects.bulk_create([_delivery(endpoint, happening, {"endpoint": str(endpoint.pk)})])[0]


@transaction.atomic
def redeliver(*, delivery: Delivery, by: Actor) -> bool:
    """Send the same words under the same id again; rights are asked anew. False while it is being sent.

    While the endpoint is paused it waits; raises SwitchedOff where the endpoint is off.
    """
    if delivery.endpoint.off_at is not None:
        raise SwitchedOff
    again = Delivery.objects.filter(~Q(state=OutboxState.WAITING) | ~Q(reason=""), pk=delivery.pk)
    if not again.update(
        state=OutboxState.WAITING, reason="", attempts=0, available_at=Now(), ended_at=None, status=None
    ):
        return False
    record("webhook.redelivered", by=by, about=_about(delivery.endpoint), message=delivery.message_id)
    return True


def hearing() -> QuerySet[Endpoint]:
    """Return the endpoints that hear of what happens now."""
    return Endpoint.objects.listening().filter(kind=Kind.WEBHOOK)


def heard_since() -> dt.datetime | None:
    """Return since when somebody's endpoint listens; None where none does."""
    return hearing().order_by("hears_since").values_list("hears_since", flat=True).first()


def emit(happenings: Sequence[Happening]) -> int:
    """Record these for each endpoint that listens and whose owner may know of them; return how many.

    Refuses to run outside a transaction: it belongs to the mark that says they were read.
    """
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("emit() needs the transaction of the mark that it belongs to")
    rows: list[Delivery] = []
    if not happenings:
        return 0
    for endpoint in _listening_for({each.event for each in happenings}):
        wanted = [each for each in happenings if _hears(endpoint, each)]
        owner = endpoint.owner
        if not wanted or owner is None or not owner.is_active:
            continue
        seen = told_of([each.about for each in wanted], endpoint)
        rows += [_delivery(endpoint, each, each.data) for each in wanted if each.about in seen]
    Delivery.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


def told_of(references: Collection[Reference], endpoint: Endpoint) -> set[Reference]:
    """Keep what an endpoint may hear of at this moment: what its owner sees, and a channel's readers too."""
    if endpoint.owner is None:
        return set()
    readers = [endpoint.owner, anybody()] if endpoint.is_channel else [endpoint.owner]
    return set.intersection(*(set(nodes.resolve(references, reader)) for reader in readers))


def _listening_for(events: Collection[str]) -> QuerySet[Endpoint]:
    """Return the webhooks that hear of any of these, held: nobody removes one before its row is written."""
    hearing = Endpoint.objects.listening().filter(kind=Kind.WEBHOOK, events__overlap=sorted(events))
    if not (found := list(hearing.order_by("pk").values_list("pk", flat=True))):
        return Endpoint.objects.none()
    with connection.cursor() as cursor:
        cursor.execute(_HOLD, [found])
        held = [row[0] for row in cursor.fetchall()]
    return Endpoint.objects.listening().filter(pk__in=held).select_related("owner")


def settings_endpoint(kind: Kind) -> Endpoint:
    """Return the endpoint that the settings name, which is made when first needed."""
    return Endpoint.objects.get_or_create(kind=kind, defaults={"name": str(kind.label)})[0]


def hand_over(endpoint: Endpoint, documents: Sequence[tuple[str, str, Mapping[str, Any]]]) -> int:
    """Record documents (their word, their key, the whole body) for an endpoint of the settings, each once."""
    rows = [
        Delivery(
            endpoint=endpoint,
            message_id=f"msg_{uuid_utils.compat.uuid7().hex}",
            event=word,
            once=once,
            body=json.dumps(body, ensure_ascii=False, separators=(",", ":")),
        )
        for word, once, body in documents
    ]
    Delivery.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


@transaction.atomic
def note_failure(endpoint: Endpoint, *, patience: dt.timedelta, gone: bool) -> bool:
    """Keep that it fails; switch it off and tell its owner when it failed for so long, or asked for it."""
    Endpoint.objects.filter(pk=endpoint.pk, failing_since=None).update(failing_since=Now())
    if not endpoint.is_webhook:
        # Nobody would see that it is off: what the settings name is tried for good.
        return False
    tired = Endpoint.objects.filter(pk=endpoint.pk, off_at=None)
    if not gone:
        tired = tired.filter(failing_since__lt=timezone.now() - patience)
    if not tired.update(off_at=Now()):
        return False
    endpoint.deliveries.filter(state=OutboxState.WAITING).update(
        state=OutboxState.FAILED, reason="switched_off", ended_at=Now()
    )
    by = Actor.system("webhooks")
    record("webhook.switched_off", by=by, about=_about(endpoint))
    if endpoint.owner is not None:
        reference = ("webhook", str(endpoint.pk))
        notify(to=[endpoint.owner], kind="webhook.switched_off", about=reference, by=by)
    return True


def note_success(endpoint: Endpoint) -> None:
    """Take back earlier failures."""
    Endpoint.objects.filter(pk=endpoint.pk, failing_since__isnull=False).update(failing_since=None)


def _hears(endpoint: Endpoint, happening: Happening) -> bool:
    return (
        happening.event in endpoint.events
        and happening.at >= endpoint.hears_since
        # What comes from no job is not narrowed by jobs.
        and (not endpoint.jobs or not happening.job or happening.job in endpoint.jobs)
    )


def _delivery(endpoint: Endpoint, happening: Happening, data: Mapping[str, Any]) -> Delivery:
    kind, key = happening.about
    body = {
        "type": happening.event,
        "version": VERSION,
        "timestamp": happening.at.astimezone(dt.UTC).isoformat().replace("+00:00", "Z"),
        "data": data,
    }
    gathers = endpoint.is_channel and happening.event != TEST
    return Delivery(
        endpoint=endpoint,
        message_id=f"msg_{uuid_utils.compat.uuid7().hex}",
        event=happening.event,
        about_kind=kind,
        about_key=key,
        once=happening.once,
        available_at=timezone.now() + GATHERED if gathers else Now(),
        body=json.dumps(body, ensure_ascii=False, separators=(",", ":")),
    )


def _about(endpoint: Endpoint) -> tuple[str, str, str]:
    return ("webhook", str(endpoint.pk), endpoint.name)
