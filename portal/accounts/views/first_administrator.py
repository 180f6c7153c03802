"""The one-time way in of a new installation."""

from allauth.account.utils import perform_login
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from portal.accounts.actions import bootstrap
from portal.accounts.exceptions import LinkGone
from portal.accounts.forms import FirstAdministratorForm


@login_not_required
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def first_administrator(request: HttpRequest, token: str) -> HttpResponse:
    """Let the link's holder become administrator and sign them in; a used or old link is a 404."""
    if not bootstrap.is_open(token):
        return _gone(request)
    form = FirstAdministratorForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            user = bootstrap.claim(secret=token, **form.cleaned_data)
        except LinkGone:
            return _gone(request)
        signed_in: HttpResponse = perform_login(request, user, redirect_url="/")
        return signed_in
    return render(request, "accounts/first_administrator.html", {"form": form})


def _gone(request: HttpRequest) -> HttpResponse:
    return render(request, "accounts/first_administrator_gone.html", status=404)
