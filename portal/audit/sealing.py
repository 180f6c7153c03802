"""Seal committed events, in the order in which they are seen; writers never wait for the chain.

An event's id is taken before its transaction commits, so a lower id may appear after a higher one was
sealed. The chain's order is therefore its own (``AuditSeal.seq``), and the sealer looks for unsealed events
above a floor that it raises only when nothing below can appear any more: every transaction that was
inserting into the trail when the new floor was read has ended. PostgreSQL says which those are: an INSERT
locks the table before it takes an id, and unlocks it after its rows can be seen.
"""

from collections.abc import Iterable
from typing import Final

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from portal.audit.chain import GENESIS, link
from portal.audit.models import AuditEvent, AuditSeal, SealingMark

BATCH: Final = 500
# So that a long backlog does not keep the clock from its other steps.
BATCHES_A_ROUND: Final = 2
_LOCK: Final = 0x5EA1
_MARK: Final = 1

_WRITERS = """
    SELECT DISTINCT virtualtransaction FROM pg_locks
    WHERE locktype = 'relation' AND relation = 'audit_auditevent'::regclass AND mode = 'RowExclusiveLock'
        AND pid <> pg_backend_pid()
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


def seal_events() -> int:
    """Seal what was committed since the last round; return how many. Any number of clocks may call it."""
    sealed = 0
    for _ in range(BATCHES_A_ROUND):
        count = _seal_batch()
        sealed += count
        if count < BATCH:
            break
    return sealed


def unsealed_signs() -> Iterable[QuerySet[AuditEvent]]:
    """Give the clock what tells that there is something to seal, or a floor to raise."""
    floor = SealingMark.objects.filter(pk=_MARK).values("floor")
    return [AuditEvent.objects.filter(pk__gt=Coalesce(Subquery(floor), 0))]


def unsealed(above: int = 0, upto: int | None = None) -> QuerySet[AuditEvent]:
    """Return events without a seal, by id; the floor bounds both tables, so neither is read as a whole."""
    seals = AuditSeal.objects.filter(event=OuterRef("pk"), event__gt=above)
    events = AuditEvent.objects.filter(pk__gt=above)
    if upto is not None:
        events = events.filter(pk__lte=upto)
    return events.filter(~Exists(seals)).order_by("pk")


@transaction.atomic
def _seal_batch() -> int:
    if not _lock():
        # Another clock seals just now. Two at once would give two events the same place.
        return 0
    mark, _ = SealingMark.objects.get_or_create(pk=_MARK)
    if mark.candidate <= mark.floor and not _aim(mark):
        return 0
    # Asked before the events are read: who has ended by now has committed what the next query shows.
    decided = not set(mark.holders) & _writers()
    events = list(unsealed(mark.floor)[:BATCH])
    _append(events)
    if decided and (len(events) < BATCH or events[-1].pk > mark.candidate):
        SealingMark.objects.filter(pk=_MARK).update(floor=mark.candidate)
    return len(events)


def _aim(mark: SealingMark) -> bool:
    """Choose the next floor and note who may still commit below it; return whether there is anything new."""
    ids = AuditEvent.objects.filter(pk__gt=mark.floor).order_by("pk").values_list("pk", flat=True)
    seen = list(ids[:BATCH])
    if not seen:
        return False
    # First the id, then the writers: the other way round one could take a lower id in between, unseen.
    mark.candidate, mark.holders = seen[-1], sorted(_writers())
    mark.save(update_fields=["candidate", "holders"])
    return True


def _append(events: list[AuditEvent]) -> None:
    last = AuditSeal.objects.order_by("-seq").first()
    seq, previous = (last.seq, last.hash) if last else (0, GENESIS)
    seals = []
    for event in events:
        seq, previous = seq + 1, link(previous, event)
        seals.append(AuditSeal(seq=seq, event=event.pk, hash=previous))
    AuditSeal.objects.bulk_create(seals)


def _writers() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(_WRITERS)
        return {row[0] for row in cursor.fetchall()}


def _lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
        return bool(cursor.fetchone()[0])
