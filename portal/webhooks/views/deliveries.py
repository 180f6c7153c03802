"""The page of an endpoint: what was sent, how it was answered, and the button that sends it again."""

import json
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from portal.accounts.access import signed_in
from portal.accounts.models import User
from portal.audit.actions import actor_of
from portal.notifications.choices import OutboxState
from portal.ui.paging import keyset
from portal.vault.exceptions import VaultError
from portal.webhooks import actions
from portal.webhooks.access import access_delivery, access_endpoint, readable_bodies
from portal.webhooks.channel import lines_of
from portal.webhooks.choices import TEST, Event
from portal.webhooks.exceptions import SwitchedOff
from portal.webhooks.models import Delivery, Endpoint
from portal.webhooks.reasons import reason_of


@require_safe
def webhook(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Show an endpoint and its deliveries, the newest first, all or those in one state."""
    user = signed_in(request)
    endpoint = access_endpoint(user, pk)
    wanted = request.GET.get("state", "")
    state = wanted if wanted in OutboxState.values else ""
    found = endpoint.deliveries.filter(**({"state": state} if state else {}))
    page = keyset(found, order=("-id",), cursor=request.GET.get("cursor"), size=25)
    readable = readable_bodies(user, page.items)
    words = _words(endpoint, [each for each in page.items if each.pk in readable], user)
    rows = [
        {
            "delivery": each,
            "label": _label(each.event),
            "node": readable.get(each.pk),
            "reason": reason_of(each),
            "body": words.get(each.pk, ""),
        }
        for each in page.items
    ]
    context = {
        "endpoint": endpoint,
        "own": endpoint.owner_id == user.pk,
        "address": _address(endpoint, user),
        "heard": [_label(event) for event in endpoint.events],
        "rows": rows,
        "page": page,
        "state": state,
        "states": list(OutboxState),
        "query": urlencode({"state": state}) if state else "",
        "awaits_first_try": any(map(_awaits_first_try, page.items)) and "cursor" not in request.GET,
    }
    part = "deliveries" if request.GET.get("part") == "deliveries" else "endpoint"
    return render(request, f"webhooks/{part}.html", context)


@require_POST
def webhook_redeliver(request: HttpRequest, pk: UUID, delivery: int) -> HttpResponse:
    """Send one again."""
    found = access_delivery(signed_in(request), pk, delivery)
    try:
        taken = actions.redeliver(delivery=found, by=actor_of(request))
    except SwitchedOff:
        text = _("It is not sent: this webhook is switched off. Resume it first, then send it again.")
        messages.error(request, text)
    else:
        _say(request, found.endpoint, taken=taken)
    return redirect("webhook", pk)


def _say(request: HttpRequest, endpoint: Endpoint, *, taken: bool) -> None:
    if endpoint.paused_at is not None:
        messages.info(request, _("It waits: this webhook is paused. It is sent once the webhook is resumed."))
    elif taken:
        messages.success(request, _("It is sent again within seconds."))
    else:
        messages.warning(request, _("It is just being sent."))


def _awaits_first_try(delivery: Delivery) -> bool:
    return delivery.state == OutboxState.WAITING and not delivery.attempts and not delivery.is_held


def _label(event: str) -> str:
    if event == TEST:
        return _("Test event")
    return str(Event(event).label) if event in Event.values else event


def _address(endpoint: Endpoint, user: User) -> str:
    """Return the address, to anybody but its owner without its path; "" where the settings hold it."""
    try:
        if not endpoint.url:
            return ""
        return endpoint.address() if endpoint.owner_id == user.pk else f"{endpoint.host()}/…"
    except VaultError:
        return _("The sealed address cannot be read")


def _words(endpoint: Endpoint, deliveries: list[Delivery], reader: User) -> dict[int, str]:
    """Return what is sent of each, by their keys."""
    if endpoint.is_channel:
        lines = lines_of(deliveries, reader)
        return {each.pk: line for each, line in zip(deliveries, lines, strict=True)}
    return {each.pk: json.dumps(json.loads(each.body), ensure_ascii=False, indent=2) for each in deliveries}
