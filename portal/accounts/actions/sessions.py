"""End sessions, one or all others."""

from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import F

from portal.accounts.devices import device_of
from portal.accounts.models import User
from portal.audit.actions import Actor, record


@transaction.atomic
def end(*, session: UserSession, by: Actor) -> None:
    """End one session: its next request is signed out. The second time changes nothing."""
    gone, _ = UserSession.objects.filter(pk=session.pk).delete()
    Session.objects.filter(session_key=session.session_key).delete()
    if gone:
        about = ("session", str(session.pk), device_of(session.user_agent))
        record("session.ended", by=by, about=about, owner=session.user_id, address=session.ip)


@transaction.atomic
def end_all(*, user: User, by: Actor, keep: str | None = None) -> User:
    """End every session of this person, on all machines.

    The session of key ``keep`` stays in the list; it is dead too until it is signed again for the user
    that is returned (``update_session_auth_hash``).
    """
    # The epoch reaches also those sessions that no list knows.
    User.objects.filter(pk=user.pk).update(session_epoch=F("session_epoch") + 1)
    others = UserSession.objects.filter(user=user).exclude(session_key=keep)
    Session.objects.filter(session_key__in=list(others.values_list("session_key", flat=True))).delete()
    others.delete()
    record("person.signed_out_everywhere", by=by, about=("user", str(user.pk), user.name))
    user.refresh_from_db()
    return user


def rename(*, before: str | None, after: str | None) -> None:
    """Let a session that was given a new key go on in the list as the one it was."""
    UserSession.objects.filter(session_key=before).update(session_key=after)
