"""The pages of secrets: their names, never their values."""

from django.contrib import messages
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from jobs.access import access_secret
from jobs.actions import secrets as actions
from jobs.exceptions import SecretInUse
from jobs.models import Secret
from jobs.secret_forms import ReplaceSecretForm, SecretForm
from portal.accounts.access import require, signed_in
from portal.accounts.permissions import Permission
from portal.audit.actions import actor_of
from portal.ui.paging import keyset


@require_safe
def secrets(request: HttpRequest) -> HttpResponse:
    """Show the secrets by name, who stored them and which jobs name them."""
    user = signed_in(request)
    require(user, Permission.EDIT_JOBS)
    found = Secret.objects.visible_to(user).select_related("changed_by")
    page = keyset(found, order=("name",), cursor=request.GET.get("cursor"))
    used = actions.used_by([secret.name for secret in page.items])
    rows = [(secret, used[secret.name]) for secret in page.items]
    return render(request, "jobs/secrets.html", {"rows": rows, "page": page})


@require_http_methods(["GET", "HEAD", "POST"])
def secret_add(request: HttpRequest) -> HttpResponse:
    """Ask for a new secret and store it."""
    user = signed_in(request)
    require(user, Permission.EDIT_JOBS)
    form = SecretForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            actions.add(**form.cleaned_data, user=user, by=actor_of(request))
        except IntegrityError:
            form.add_error("name", _("Somebody stored a secret of this name a moment ago."))
        else:
            messages.success(request, _("The secret is stored. Nobody can read it here again."))
            return redirect("secrets")
    status = 422 if form.errors else 200
    return render(request, "jobs/secret_add.html", {"form": form}, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
def secret_replace(request: HttpRequest, name: str) -> HttpResponse:
    """Ask for another value of a secret and put it in."""
    user = signed_in(request)
    secret = access_secret(user, name)
    form = ReplaceSecretForm(request.POST or None, initial={"purpose": secret.purpose, "hosts": secret.hosts})
    if request.method == "POST" and form.is_valid():
        actions.replace(secret=secret, **form.cleaned_data, user=user, by=actor_of(request))
        messages.success(request, _("The value is replaced. Runs that start from now on use it."))
        return redirect("secrets")
    context = {"form": form, "secret": secret, "jobs": actions.used_by([name])[name]}
    return render(request, "jobs/secret_replace.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def secret_delete(request: HttpRequest, name: str) -> HttpResponse:
    """Ask before a secret is deleted, then delete it; one that jobs name stays."""
    user = signed_in(request)
    secret = access_secret(user, name)
    if request.method == "POST":
        try:
            actions.delete(secret=secret, by=actor_of(request))
        except SecretInUse:
            messages.error(request, _("Jobs name this secret: change them first."))
            return redirect("secret_delete", name)
        messages.success(request, _("“%(name)s” is deleted.") % {"name": name})
        return redirect("secrets")
    context = {"secret": secret, "jobs": actions.used_by([name])[name]}
    return render(request, "jobs/secret_delete.html", context)
