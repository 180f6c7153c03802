"""Which sessions of a person are open, from where, and on what device."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY
from django.contrib.sessions.models import Session
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from portal.accounts.devices import device_of
from portal.accounts.models import User

SIGNED_IN_AT: Final = "signed_in_at"
SEEN_AT: Final = "seen_at"
# More than anybody can look through; the newest are shown.
_MOST: Final = 200


@dataclass(frozen=True, slots=True)
class OpenSession:
    """One way in that still works."""

    pk: int
    device: str
    address: str
    since: datetime
    seen: datetime
    current: bool


def is_over(kept: Mapping[str, Any], *, now: int) -> bool:
    """Say whether a session (what is kept in it) was idle for too long or is too old."""
    signed_in_at = int(kept.get(SIGNED_IN_AT, now))
    seen_at = int(kept.get(SEEN_AT, signed_in_at))
    return now - signed_in_at > settings.SESSION_COOKIE_AGE or now - seen_at > settings.SESSION_IDLE_SECONDS


def open_sessions(user: User, *, current: str | None) -> list[OpenSession]:
    """Return this person's sessions that a request could still use: ``current`` first, then the last seen."""
    now = timezone.now()
    rows = list(UserSession.objects.filter(user=user).order_by("-last_seen_at", "-pk")[:_MOST])
    stored = Session.objects.filter(session_key__in=[row.session_key for row in rows], expire_date__gt=now)
    signature = user.get_session_auth_hash()
    working = {
        session.session_key
        for session in stored
        if _works(session.get_decoded(), signature, int(now.timestamp()))
    }
    found = [
        OpenSession(
            pk=row.pk,
            device=device_of(row.user_agent),
            address=row.ip,
            since=row.created_at,
            seen=row.last_seen_at,
            current=row.session_key == current,
        )
        for row in rows
        if row.session_key in working
    ]
    return sorted(found, key=lambda session: not session.current)


def _works(kept: Mapping[str, Any], signature: str, now: int) -> bool:
    # A session signed before the password or the epoch changed is dead, though its row is still there.
    return constant_time_compare(kept.get(HASH_SESSION_KEY, ""), signature) and not is_over(kept, now=now)
