"""The pages of endpoints: make, change, rotate the secret, pause, try, remove."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from portal.accounts.access import require, signed_in
from portal.accounts.permissions import Permission
from portal.audit.actions import actor_of
from portal.ui.paging import keyset
from portal.vault.exceptions import VaultError
from portal.webhooks import actions
from portal.webhooks.access import access_endpoint
from portal.webhooks.choices import Event
from portal.webhooks.forms import EndpointForm
from portal.webhooks.models import Endpoint


@require_safe
def webhooks(request: HttpRequest) -> HttpResponse:
    """Show one's endpoints, to those who read the audit trail everybody's, the newest first."""
    user = signed_in(request)
    require(user, Permission.EDIT_JOBS)
    found = Endpoint.objects.visible_to(user).select_related("owner")
    page = keyset(found, order=("-id",), cursor=request.GET.get("cursor"))
    rows = [(each, _host(each), _heard(each)) for each in page.items]
    return render(request, "webhooks/endpoints.html", {"rows": rows, "page": page})


@require_http_methods(["GET", "HEAD", "POST"])
def webhook_add(request: HttpRequest) -> HttpResponse:
    """Make an endpoint; its secret stands on the answer to this very request and nowhere else."""
    user = signed_in(request)
    require(user, Permission.EDIT_JOBS)
    form = EndpointForm(request.POST or None, user=user)
    if request.method == "POST" and form.is_valid():
        endpoint, secret = actions.add(owner=user, wish=form.wish(), by=actor_of(request))
        if endpoint.is_channel:
            messages.success(request, _("The channel is added. Send a test event to see where it arrives."))
            return redirect("webhook", endpoint.pk)
        context = {"endpoint": endpoint, "secret": secret, "hours": 0}
        return render(request, "webhooks/secret.html", context)
    return render(request, "webhooks/add.html", {"form": form}, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def webhook_edit(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Change one's own endpoint."""
    user = signed_in(request)
    endpoint = access_endpoint(user, pk, own=True)
    known = {"name": endpoint.name, "events": endpoint.events, "jobs": "\n".join(endpoint.jobs)}
    form = EndpointForm(request.POST or None, user=user, known=endpoint, initial=known)
    if request.method == "POST" and form.is_valid():
        actions.edit(endpoint=endpoint, wish=form.wish(), by=actor_of(request))
        messages.success(request, _("The webhook is changed."))
        return redirect("webhook", pk)
    context = {"form": form, "endpoint": endpoint}
    return render(request, "webhooks/edit.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def webhook_rotate(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Ask, then put a new secret in and show it this once."""
    endpoint = access_endpoint(signed_in(request), pk, own=True)
    if endpoint.is_channel:
        raise Http404
    hours = int(actions.OVERLAP.total_seconds() // 3600)
    context = {"endpoint": endpoint, "hours": hours}
    if request.method == "POST":
        secret = actions.rotate(endpoint=endpoint, by=actor_of(request))
        return render(request, "webhooks/secret.html", {**context, "secret": secret})
    return render(request, "webhooks/rotate.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def webhook_remove(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Ask before an endpoint is removed, then remove it."""
    endpoint = access_endpoint(signed_in(request), pk, own=True)
    if request.method == "POST":
        actions.remove(endpoint=endpoint, by=actor_of(request))
        messages.success(request, _("“%(name)s” is removed.") % {"name": endpoint.name})
        return redirect("webhooks")
    return render(request, "webhooks/remove.html", {"endpoint": endpoint})


@require_POST
def webhook_pause(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Pause it, or let it go on."""
    endpoint = access_endpoint(signed_in(request), pk, own=True)
    by = actor_of(request)
    if request.POST.get("do") == "resume":
        if actions.resume(endpoint=endpoint, by=by):
            messages.success(request, _("It hears again of what happens from now on."))
    elif actions.pause(endpoint=endpoint, by=by):
        messages.success(request, _("It is paused. What happens meanwhile is not sent later."))
    return redirect("webhook", pk)


@require_POST
def webhook_test(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Put a test event on its way."""
    endpoint = access_endpoint(signed_in(request), pk, own=True)
    if actions.test(endpoint=endpoint, by=actor_of(request)) is not None:
        messages.success(request, _("A test event is on its way. Below you see how it was answered."))
    else:
        messages.warning(request, _("It is paused, or the last test event was only seconds ago."))
    return redirect("webhook", pk)


def _host(endpoint: Endpoint) -> str:
    try:
        return endpoint.host() if endpoint.url else ""
    except VaultError:
        return _("The sealed address cannot be read")


def _heard(endpoint: Endpoint) -> list[str]:
    return [str(Event(event).label) for event in endpoint.events if event in Event.values]
