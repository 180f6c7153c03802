"""Edit the words, the owner and the certification of a dataset or metric."""

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from catalog.access import access_asset
from catalog.actions import assets
from catalog.choices import AssetKind, Certification
from catalog.exceptions import ChangedMeanwhile
from catalog.forms import DescribeForm
from catalog.models import Asset
from portal.accounts.access import signed_in
from portal.accounts.models import User
from portal.accounts.permissions import Permission
from portal.audit.actions import actor_of


@require_http_methods(["GET", "HEAD", "POST"])
def describe(request: HttpRequest, key: str, kind: AssetKind) -> HttpResponse:
    """Show the form, or write what was sent and go back to the asset."""
    user = signed_in(request)
    asset = access_asset(user, kind, key, for_=Permission.EDIT_CATALOG)
    form = DescribeForm(request.POST or None, initial=DescribeForm.initial_of(asset))
    if request.method == "POST" and form.is_valid():
        try:
            _write(request, asset, form, user)
        except ChangedMeanwhile:
            form.add_error(None, _("Somebody changed it at the same time. Look at it again, then save."))
        else:
            messages.success(request, _("Saved."))
            return redirect(kind.value, key)
    status = 422 if form.errors else 200
    return render(request, "catalog/describe.html", {"asset": asset, "form": form}, status=status)


@transaction.atomic
def _write(request: HttpRequest, asset: Asset, form: DescribeForm, user: User) -> None:
    by = actor_of(request)
    described = assets.describe(asset=asset, by=by, **form.words)
    certification = Certification(form.cleaned_data["certification"])
    if certification != described.certification:
        assets.certify(asset=described, certification=certification, user=user, by=by)
