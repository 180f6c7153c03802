"""What is on its way to people, what did not arrive and why; for those who read the audit trail."""

from dataclasses import dataclass
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from portal.accounts.access import require, signed_in
from portal.accounts.models import User
from portal.accounts.permissions import Permission
from portal.audit.actions import Actor
from portal.events import nodes
from portal.notifications.access import access_delivery
from portal.notifications.choices import OutboxState
from portal.notifications.deliveries import drop, retry, retry_failed
from portal.notifications.models import Outbox
from portal.notifications.reasons import reason_in_words
from portal.notifications.wording import html
from portal.ui.paging import keyset


@dataclass(frozen=True, slots=True)
class Row:
    """One delivery as the page shows it; a thing that the reader may not see is not named."""

    delivery: Outbox
    text: SafeString
    reason: str
    tone: str


@require_safe
def deliveries(request: HttpRequest) -> HttpResponse:
    """Show the deliveries in one state, the newest first: failed ones unless the URL says otherwise."""
    reader = signed_in(request)
    require(reader, Permission.VIEW_AUDIT)
    wanted = request.GET.get("state", "")
    state = OutboxState(wanted) if wanted in OutboxState.values else OutboxState.FAILED
    found = Outbox.objects.filter(state=state).select_related("notification__recipient")
    page = keyset(found, order=("-id",), cursor=request.GET.get("cursor"))
    context = {
        "rows": _rows(page.items, reader),
        "page": page,
        "state": state,
        "states": [OutboxState.FAILED, OutboxState.WAITING, OutboxState.DROPPED, OutboxState.SENT],
        "query": urlencode({"state": state.value}),
    }
    return render(request, "notifications/deliveries.html", context)


@require_POST
def delivery_retry(request: HttpRequest, pk: int) -> HttpResponse:
    """Try one again."""
    user = signed_in(request)
    delivery = access_delivery(user, pk)
    if retry(delivery=delivery, by=Actor.person(user)):
        messages.success(request, _("It is tried again within seconds."))
    else:
        messages.warning(request, _("It was sent meanwhile, or is being sent now."))
    return _back(request)


@require_POST
def deliveries_retry(request: HttpRequest) -> HttpResponse:
    """Try all failed ones again."""
    user = signed_in(request)
    require(user, Permission.VIEW_AUDIT)
    count = retry_failed(by=Actor.person(user))
    if count:
        words = ngettext("%(count)s message is tried again.", "%(count)s messages are tried again.", count)
        messages.success(request, words % {"count": count})
    return _back(request)


@require_POST
def delivery_drop(request: HttpRequest, pk: int) -> HttpResponse:
    """Give one up."""
    user = signed_in(request)
    delivery = access_delivery(user, pk)
    if drop(delivery=delivery, by=Actor.person(user)):
        messages.success(request, _("It will not be sent. It stands under «Not sent any more»."))
    else:
        messages.warning(request, _("It was sent or given up before."))
    return _back(request)


def _back(request: HttpRequest) -> HttpResponse:
    state = request.POST.get("state", "")
    response = redirect("deliveries")
    if state in OutboxState.values:
        response["Location"] += f"?state={state}"
    return response


def _rows(found: list[Outbox], reader: User) -> list[Row]:
    seen = nodes.resolve([each.notification.reference for each in found], reader)
    rows = []
    for each in found:
        node = seen.get(each.notification.reference)
        label = node.label if node is not None else _("something that you do not see")
        rows.append(
            Row(
                delivery=each,
                text=html(each.notification, label),
                reason=reason_in_words(each.reason),
                tone=OutboxState(each.state).tone,
            )
        )
    return rows
