"""The chain's arithmetic: one way to write an event down, one hash that covers all before it.

``hash = sha256(previous hash ‖ canonical JSON of the event)``; the first previous hash is 32 zero bytes.
"""

import hashlib
import json
from datetime import UTC
from typing import Final

from portal.audit.models import AuditEvent

GENESIS: Final = "0" * 64


def canonical(event: AuditEvent) -> bytes:
    """Return the event as JSON of one form only: sorted keys, no spaces, ASCII, UTC with microseconds."""
    written = {
        "id": event.pk,
        "at": event.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "action": event.action,
        "actor_kind": event.actor_kind,
        "actor_id": event.actor_id,
        "actor_label": event.actor_label,
        "object_kind": event.object_kind,
        "object_id": event.object_id,
        "object_label": event.object_label,
        "data": event.data,
        "request_id": event.request_id,
    }
    return json.dumps(written, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def link(previous: str, event: AuditEvent) -> str:
    """Return the hash that seals the event behind ``previous`` (both 64 hexadecimal digits)."""
    return hashlib.sha256(bytes.fromhex(previous) + canonical(event)).hexdigest()
