"""What webhooks tell the other apps: how an endpoint looks in its owner's inbox; and the clock's steps."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from uuid import UUID

from django.urls import reverse

from portal.accounts.models import User
from portal.events import Node, clock_steps, nodes
from portal.webhooks.models import Endpoint
from portal.webhooks.relay import send_webhooks, tidy_webhooks, waiting_signs


def endpoint_nodes(keys: Iterable[str], user: User) -> Mapping[str, Node]:
    """Return a node for each of these endpoints that the person may know of."""
    ids = []
    for key in keys:
        with suppress(ValueError):
            ids.append(UUID(key))
    found = Endpoint.objects.visible_to(user).filter(pk__in=ids)
    return {
        str(each.pk): Node(
            label=each.name,
            url=reverse("webhook", args=[each.pk]),
            icon="link",
            tone=each.standing.tone,
            state=str(each.standing.label),
        )
        for each in found
    }


def register() -> None:
    """Answer for endpoints, and let the clock send."""
    nodes.register("webhook", endpoint_nodes)
    clock_steps.register(send_webhooks, signs=waiting_signs)
    clock_steps.register(tidy_webhooks)
