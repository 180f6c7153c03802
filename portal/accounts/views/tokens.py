"""The pages of one's API tokens."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from portal.accounts.access import access_token, require, signed_in
from portal.accounts.actions import tokens as actions
from portal.accounts.forms import TokenForm
from portal.accounts.permissions import Permission
from portal.audit.actions import actor_of


@require_safe
def tokens(request: HttpRequest) -> HttpResponse:
    """Show one's tokens, the newest first."""
    return render(request, "accounts/tokens.html", {"tokens": signed_in(request).tokens.all()[:200]})


@require_http_methods(["GET", "HEAD", "POST"])
def token_add(request: HttpRequest) -> HttpResponse:
    """Make a token; its secret stands on the answer to this very request and nowhere else."""
    owner = signed_in(request)
    require(owner, Permission.USE_TOKENS)
    form = TokenForm(request.POST or None, owner=owner)
    if request.method == "POST" and form.is_valid():
        issued = actions.create(
            owner=owner,
            name=form.cleaned_data["name"],
            scopes=form.granted,
            days=form.cleaned_data["days"],
            by=actor_of(request),
        )
        return render(request, "accounts/token_made.html", {"token": issued.token, "secret": issued.secret})
    return render(request, "accounts/token_add.html", {"form": form})


@require_http_methods(["GET", "HEAD", "POST"])
def token_revoke(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask before a token is revoked, then revoke it."""
    viewer = signed_in(request)
    token = access_token(viewer, pk)
    own = token.owner_id == viewer.pk
    if request.method == "POST":
        actions.revoke(token=token, by=actor_of(request))
        messages.success(request, _("“%(name)s” is revoked.") % {"name": token.name})
        return redirect("tokens") if own else redirect("person", token.owner_id)
    return render(request, "accounts/token_revoke.html", {"token": token, "own": own})
