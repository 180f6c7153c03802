"""Let the first administrator in: a link that works once, for a day, while there is none."""

import hashlib
import secrets
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone

from portal.accounts.exceptions import LinkGone
from portal.accounts.models import FirstAdministratorLink, User
from portal.accounts.permissions import Role
from portal.audit.actions import Actor, record

LASTS: Final = timedelta(hours=24)
# The number of the lock under which administrators come into being: any constant that nobody else uses.
_LOCK: Final = 7_204_001


@transaction.atomic
def first_administrator_link() -> str | None:
    """Make the link and return it; None when somebody is administrator already. Older links stop working."""
    _one_at_a_time()
    if User.objects.administrators().exists():
        return None
    FirstAdministratorLink.objects.filter(used_at=None).delete()
    secret = secrets.token_urlsafe(32)
    FirstAdministratorLink.objects.create(digest=_digest(secret), expires_at=timezone.now() + LASTS)
    record("first_administrator.link_made", by=Actor.system("command line"))
    return f"{settings.PUBLIC_URL}{reverse('first_administrator', args=[secret])}"


def is_open(secret: str) -> bool:
    """Say whether this link still lets somebody in."""
    return _usable(secret).exists() and not User.objects.administrators().exists()


@transaction.atomic
def claim(*, secret: str, email: str, name: str, password: str) -> User:
    """Use the link up and make its holder administrator; raise LinkGone when another was faster."""
    _one_at_a_time()
    if User.objects.administrators().exists():
        raise LinkGone
    if _usable(secret).update(used_at=timezone.now()) != 1:
        raise LinkGone
    user = User.objects.create_user(email, password, name=name, roles=[Role.ADMINISTRATOR])
    record("first_administrator.claimed", by=Actor.person(user), about=("user", str(user.pk), user.name))
    return user


def _usable(secret: str) -> QuerySet[FirstAdministratorLink]:
    return FirstAdministratorLink.objects.filter(
        digest=_digest(secret), used_at=None, expires_at__gt=timezone.now()
    )


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _one_at_a_time() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
