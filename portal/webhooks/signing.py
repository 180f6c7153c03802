"""Sign by the Standard Webhooks scheme (https://www.standardwebhooks.com), version 1: HMAC-SHA256."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from typing import Final

PREFIX: Final = "whsec_"
_BYTES: Final = 32


def new_secret() -> str:
    """Return a fresh secret as receivers take it: ``whsec_`` and the key in base64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(_BYTES)).decode()


def headers(*, message_id: str, timestamp: int, body: bytes, keys: Sequence[str]) -> dict[str, str]:
    """Return the three headers; each secret signs, so that receivers may change theirs in their own time."""
    signed = b".".join((message_id.encode(), str(timestamp).encode(), body))
    signatures = [f"v1,{_signature(key, signed)}" for key in keys]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }


def _signature(key: str, signed: bytes) -> str:
    raw = base64.b64decode(key.removeprefix(PREFIX))
    return base64.b64encode(hmac.new(raw, signed, hashlib.sha256).digest()).decode()
