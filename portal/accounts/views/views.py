"""Keep a list as a view, and drop it again; both come back to where one was."""

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from portal.accounts.access import access_view, signed_in
from portal.accounts.actions import views as actions
from portal.accounts.exceptions import NotAList, TooManyViews
from portal.accounts.models import SavedView


class SavedViewForm(forms.Form):
    """A name for the list that is on the screen."""

    name = forms.CharField(max_length=60)
    here = forms.CharField(max_length=700)


@require_POST
def view_add(request: HttpRequest) -> HttpResponse:
    """Keep the list at the given address in one's rail."""
    user = signed_in(request)
    form = SavedViewForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("The view was not saved: it takes a name of up to 60 letters."))
        return redirect(_back(request))
    try:
        view = actions.keep(user=user, name=form.cleaned_data["name"], here=form.cleaned_data["here"])
    except NotAList:
        messages.error(request, _("Only lists can be kept as a view."))
    except TooManyViews:
        words = _("You have %(most)s saved views already; remove one first.")
        messages.error(request, words % {"most": SavedView.MOST})
    else:
        messages.success(request, _("Saved as «%(name)s»; it stands on the left.") % {"name": view.name})
        return redirect(view.url)
    return redirect(_back(request))


@require_POST
def view_remove(request: HttpRequest, pk: int) -> HttpResponse:
    """Drop one of one's views; the list itself stays as it is."""
    view = access_view(signed_in(request), pk)
    actions.drop(view=view)
    messages.success(request, _("«%(name)s» is removed from your views.") % {"name": view.name})
    return redirect(view.path if request.POST.get("here") is None else _back(request))


def _back(request: HttpRequest) -> str:
    here = request.POST.get("here", "")
    return here if url_has_allowed_host_and_scheme(here, allowed_hosts=None) and here.startswith("/") else "/"
