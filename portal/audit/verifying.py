"""Walk the chain from its start and name the first place where it does not hold."""

import hashlib
import hmac
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from django.conf import settings

from portal.audit.chain import GENESIS, link
from portal.audit.models import AuditEvent, AuditSeal, SealingMark
from portal.audit.sealing import unsealed

CHUNK: Final = 2000
_PURPOSE: Final = b"portal.audit.checkpoint"


class Broken(Exception):
    """The trail is not what was sealed."""


class BadCheckpoint(Exception):
    """The checkpoint cannot be read, or was not written with this installation's SECRET_KEY."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The chain's end at one moment, kept where whoever may change the database cannot write."""

    seq: int
    hash: str

    def write(self, path: Path) -> None:
        """Write the checkpoint with its signature; the file is there as a whole or not at all."""
        signed = {**asdict(self), "hmac": self._signature(settings.SECRET_KEY)}
        part = path.with_name(f"{path.name}.part")
        part.write_text(json.dumps(signed) + "\n")
        part.replace(path)

    @classmethod
    def read(cls, path: Path) -> "Checkpoint":
        """Read a checkpoint; raise BadCheckpoint unless we wrote it."""
        try:
            kept = json.loads(path.read_text())
            found, signature = cls(int(kept["seq"]), str(kept["hash"])), str(kept["hmac"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            message = f"{path} is no checkpoint: {error}"
            raise BadCheckpoint(message) from error
        keys = [settings.SECRET_KEY, *map(str, settings.SECRET_KEY_FALLBACKS)]
        if not any(hmac.compare_digest(found._signature(key).encode(), signature.encode()) for key in keys):
            message = f"{path} was changed, or written with another SECRET_KEY."
            raise BadCheckpoint(message)
        return found

    def _signature(self, secret: str) -> str:
        key = hmac.new(secret.encode(), _PURPOSE, hashlib.sha256).digest()
        return hmac.new(key, f"{self.seq}:{self.hash}".encode(), hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class Verified:
    """How far the chain holds, and how many events wait for their seal."""

    end: Checkpoint
    waiting: int


def verify(checkpoint: Checkpoint | None = None) -> Verified:
    """Recompute the whole chain; raise Broken at the first event that was changed, taken out or put in.

    Rows are read in chunks, so that memory stays the same however long the trail is.
    """
    # Read first: what is sealed while the walk goes on lies above.
    mark = SealingMark.objects.first()
    floor = mark.floor if mark else 0
    end = _walk(checkpoint)
    if checkpoint is not None and checkpoint.seq > end.seq:
        message = (
            f"The end is missing: the chain stops at seal {end.seq}, the checkpoint knows {checkpoint.seq}."
        )
        raise Broken(message)
    if floor and not AuditSeal.objects.filter(event=floor).exists():
        message = f"The end is missing: event {floor} was sealed and is gone together with its seal."
        raise Broken(message)
    inserted = unsealed(upto=floor).first()
    if inserted is not None:
        message = (
            f"Event {inserted.pk} was put in afterwards, or its seal was taken out: "
            "it has no seal and stands below events that have."
        )
        raise Broken(message)
    return Verified(end, unsealed(above=floor).count())


def _walk(checkpoint: Checkpoint | None) -> Checkpoint:
    seq, previous = 0, GENESIS
    while seals := list(AuditSeal.objects.filter(seq__gt=seq).order_by("seq")[:CHUNK]):
        events = AuditEvent.objects.in_bulk([seal.event for seal in seals])
        for seal in seals:
            seq += 1
            previous = _checked(seal, seq, previous, events)
            if checkpoint is not None and checkpoint.seq == seq and checkpoint.hash != previous:
                message = f"The chain was written anew: seal {seq} is not the one of the checkpoint."
                raise Broken(message)
    return Checkpoint(seq, previous)


def _checked(seal: AuditSeal, seq: int, previous: str, events: dict[Any, AuditEvent]) -> str:
    if seal.seq != seq:
        message = f"Seal {seq} is missing: the next one is seal {seal.seq}, of event {seal.event}."
        raise Broken(message)
    event = events.get(seal.event)
    if event is None:
        message = (
            f"Event {seal.event} is missing: it was sealed as {seq}, on {seal.sealed_at:%Y-%m-%d %H:%M} UTC."
        )
        raise Broken(message)
    expected = link(previous, event)
    if expected != seal.hash:
        message = (
            f"Event {seal.event} or its seal {seq} was changed after {seal.sealed_at:%Y-%m-%d %H:%M} UTC."
        )
        raise Broken(message)
    return expected
