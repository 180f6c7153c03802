"""The page of one's own account."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from portal.accounts.access import signed_in
from portal.accounts.forms import ProfileForm


@require_http_methods(["GET", "HEAD", "POST"])
def profile(request: HttpRequest) -> HttpResponse:
    """Show and change one's name, language and time zone."""
    user = signed_in(request)
    form = ProfileForm(request.POST or None, instance=user)
    if request.method == "POST" and form.is_valid():
        form.save()
        # The confirmation is read in the language just chosen.
        with translation.override(user.language or translation.get_language()):
            messages.success(request, _("Saved."))
        return redirect("profile")
    tokens = user.tokens.usable().count()
    return render(request, "accounts/profile.html", {"form": form, "person": user, "tokens": tokens})
