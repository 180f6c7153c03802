"""The only way from a request to an endpoint and to its deliveries."""

from uuid import UUID

from django.http import Http404

from portal.accounts.access import require
from portal.accounts.models import User
from portal.accounts.permissions import Permission
from portal.events import Node, nodes
from portal.webhooks.choices import Kind
from portal.webhooks.models import Delivery, Endpoint


def access_endpoint(user: User, pk: UUID, *, own: bool = False) -> Endpoint:
    """Return an endpoint that this person sees, with ``own`` only one's own webhook; else 404."""
    require(user, Permission.EDIT_JOBS)
    found = Endpoint.objects.visible_to(user).select_related("owner").filter(pk=pk)
    if own:
        found = found.filter(owner=user, kind=Kind.WEBHOOK)
    endpoint = found.first()
    if endpoint is None:
        raise Http404
    return endpoint


def access_delivery(user: User, pk: UUID, delivery: int) -> Delivery:
    """Return a delivery of an endpoint that this person sees; a missing one is a 404."""
    endpoint = access_endpoint(user, pk)
    found = endpoint.deliveries.filter(pk=delivery).first() if delivery < 2**63 else None
    if found is None:
        raise Http404
    return found


def readable_bodies(user: User, deliveries: list[Delivery]) -> dict[int, Node | None]:
    """Return, by their keys, those whose words this person may read, each with the thing they speak of."""
    seen = nodes.resolve([each.reference for each in deliveries if each.about_kind], user)
    return {
        each.pk: seen.get(each.reference)
        for each in deliveries
        if not each.about_kind or each.reference in seen
    }
