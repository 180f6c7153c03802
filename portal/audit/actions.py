"""Write the audit trail, inside the transaction of what it records."""

from dataclasses import dataclass
from typing import Any, Protocol, cast

import structlog
from django.db import transaction
from django.http import HttpRequest
from rest_framework.request import Request

from portal.audit.models import AuditEvent


class Person(Protocol):
    """What the trail keeps of somebody: audit stands below accounts and knows no model of it."""

    pk: Any
    name: Any


class Token(Protocol):
    """What the trail keeps of an API token."""

    pk: Any
    name: Any

    @property
    def owner(self) -> Any:
        """The person in whose name it works."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it: a person, a person's token, or the portal itself (schedule, run, command)."""

    kind: str
    id: str
    label: str

    @classmethod
    def person(cls, user: Person) -> "Actor":
        """A person at the screen."""
        return cls("user", str(user.pk), user.name)

    @classmethod
    def token(cls, token: Token) -> "Actor":
        """Another system with somebody's token."""
        return cls("token", str(token.pk), f"{token.name} ({token.owner.name})"[:200])

    @classmethod
    def system(cls, label: str) -> "Actor":
        """The portal itself, for example «clock»."""
        return cls("system", "", label)


def actor_of(request: HttpRequest | Request) -> Actor:
    """Return who sent the request: the token of an API call, else the signed-in person."""
    token = getattr(request, "auth", None)
    if token is not None:
        return Actor.token(cast("Token", token))
    if not request.user.is_authenticated:
        raise RuntimeError("a signed-out visitor is nobody's actor")
    return Actor.person(cast("Person", request.user))


def record(action: str, *, by: Actor, about: tuple[str, str, str] = ("", "", ""), **data: Any) -> AuditEvent:
    """Add one event (``about`` is kind, id and label of the object); refuse to run outside a transaction.

    If the row cannot be written the change it speaks of is rolled back with it.
    """
    if not transaction.get_connection().in_atomic_block:
        message = f"audit.record({action!r}) needs the transaction of the change it records"
        raise RuntimeError(message)
    kind, identity, label = about
    context = structlog.contextvars.get_contextvars()
    return AuditEvent.objects.create(
        action=action,
        actor_kind=by.kind,
        actor_id=by.id,
        actor_label=by.label[:200],
        object_kind=kind,
        object_id=identity[:200],
        object_label=label[:300],
        data=data,
        request_id=str(context.get("request_id", ""))[:64],
    )
