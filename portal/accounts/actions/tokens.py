"""Make and revoke API tokens."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.db import transaction
from django.utils import timezone

from portal.accounts.exceptions import ScopeTooWide, UnknownScope
from portal.accounts.models import ApiToken, User
from portal.accounts.permissions import Permission
from portal.accounts.scopes import is_scope, permission_of
from portal.audit.actions import Actor, record

LONGEST_DAYS: Final = 366


@dataclass(frozen=True, slots=True)
class Issued:
    """A new token and its secret, which is nowhere else and cannot be shown again."""

    token: ApiToken
    secret: str


@transaction.atomic
def create(*, owner: User, name: str, scopes: Sequence[str], days: int, by: Actor) -> Issued:
    """Make a token for ``days`` days; raise UnknownScope or ScopeTooWide for a scope it cannot have.

    What the owner may do is asked again at every call: a role taken away narrows the token too.
    """
    if not 1 <= days <= LONGEST_DAYS:
        message = f"a token lasts 1 to {LONGEST_DAYS} days, not {days}"
        raise ValueError(message)
    for scope in scopes:
        if not is_scope(scope):
            raise UnknownScope(scope)
        if not (owner.may(permission_of(scope)) and owner.may(Permission.USE_TOKENS)):
            raise ScopeTooWide(scope)
    secret = ApiToken.new_secret()
    token = ApiToken.objects.create(
        owner=owner,
        name=name,
        hint=secret[:10] + "…",
        digest=ApiToken.digest_of(secret),
        scopes=sorted(set(scopes)),
        expires_at=timezone.now() + timedelta(days=days),
    )
    record("token.created", by=by, about=_about(token), scopes=token.scopes, days=days, owner=owner.pk)
    return Issued(token, secret)


@transaction.atomic
def revoke(*, token: ApiToken, by: Actor) -> ApiToken:
    """Revoke a token for good; the second time changes nothing."""
    if ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now()):
        record("token.revoked", by=by, about=_about(token), owner=token.owner_id)
    token.refresh_from_db()
    return token


def _about(token: ApiToken) -> tuple[str, str, str]:
    return "token", str(token.pk), token.name
