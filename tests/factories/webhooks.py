"""Endpoints and deliveries for tests."""

from typing import Any

from django.utils import timezone

from portal.accounts.models import User
from portal.audit.actions import Actor
from portal.webhooks import actions
from portal.webhooks.models import Delivery, Endpoint


def make_endpoint(owner: User, url: str = "https://example.com/hooks/canary", **wish: Any) -> Endpoint:
    """Return an endpoint that hears of failed runs unless said otherwise."""
    values = {"name": "Stock", "url": url, "events": ["run.failed"], **wish}
    endpoint, _secret = actions.add(owner=owner, wish=actions.Wish(**values), by=Actor.person(owner))
    endpoint.refresh_from_db()
    return endpoint


def make_delivery(endpoint: Endpoint, **fields: Any) -> Delivery:
    """Return a delivery that failed, about nothing that anybody could not see."""
    values = {
        "event": "webhook.test",
        "message_id": "msg_1",
        "once": "test:1",
        "body": '{"type":"webhook.test","version":1,"timestamp":"2026-03-01T00:00:00Z","data":{}}',
        "state": "failed",
        "attempts": 10,
        "reason": "status_500",
        "status": 500,
        "ended_at": timezone.now(),
        **fields,
    }
    return Delivery.objects.create(endpoint=endpoint, **values)
