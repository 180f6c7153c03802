"""The pages of those who manage people."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from portal.accounts.access import access_user, require, signed_in
from portal.accounts.actions import people as actions
from portal.accounts.exceptions import LastAdministrator, NotYourself
from portal.accounts.forms import PersonForm
from portal.accounts.models import User
from portal.accounts.permissions import Permission
from portal.audit.actions import actor_of

PAGE_SIZE = 50


@require_safe
def people(request: HttpRequest) -> HttpResponse:
    """List people by name; ``?q=`` looks in names and e-mails, ``?after=`` goes on behind somebody."""
    require(signed_in(request), Permission.MANAGE_PEOPLE)
    words = request.GET.get("q", "").replace("\x00", "").strip()[:100]
    found = User.objects.matching(words).order_by("name", "pk").prefetch_related("teams")
    after = request.GET.get("after", "")
    if after.isascii() and after.isdigit() and len(after) < 18:
        found = found.after(int(after))
    rows = list(found[: PAGE_SIZE + 1])
    more = rows[PAGE_SIZE - 1].pk if len(rows) > PAGE_SIZE else None
    return render(request, "accounts/people.html", {"people": rows[:PAGE_SIZE], "words": words, "more": more})


@require_http_methods(["GET", "HEAD", "POST"])
def person_add(request: HttpRequest) -> HttpResponse:
    """Add somebody; the answer holds the link by which they set a password, shown this once."""
    require(signed_in(request), Permission.MANAGE_PEOPLE)
    form = PersonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        by = actor_of(request)
        user = actions.add(**form.cleaned_data, by=by)
        link = actions.set_password_link(user=user, by=by)
        return render(request, "accounts/password_link.html", {"person": user, "link": link, "added": True})
    return render(request, "accounts/person_add.html", {"form": form})


@require_http_methods(["GET", "HEAD", "POST"])
def person(request: HttpRequest, pk: int) -> HttpResponse:
    """Show somebody and change their name, roles and teams."""
    user = access_user(signed_in(request), pk)
    form = PersonForm(request.POST or None, person=user)
    if request.method == "POST" and form.is_valid():
        try:
            actions.change(user=user, **form.cleaned_data, by=actor_of(request))
        except LastAdministrator:
            form.add_error("roles", _("Somebody must stay administrator; make another one first."))
        else:
            messages.success(request, _("Saved."))
            return redirect("person", user.pk)
    context = {"form": form, "person": user, "tokens": user.tokens.all()[:50], "own": user == request.user}
    return render(request, "accounts/person.html", context)


@require_POST
def person_deactivate(request: HttpRequest, pk: int) -> HttpResponse:
    """Shut somebody out at once."""
    user = access_user(signed_in(request), pk)
    try:
        actions.deactivate(user=user, by=actor_of(request))
    except LastAdministrator:
        messages.error(request, _("Somebody must stay administrator; make another one first."))
    except NotYourself:
        messages.error(request, _("You cannot deactivate yourself; ask another administrator."))
    else:
        messages.success(request, _("%(name)s is out: sessions ended, tokens revoked.") % {"name": user.name})
    return redirect("person", pk)


@require_POST
def person_activate(request: HttpRequest, pk: int) -> HttpResponse:
    """Let somebody in again."""
    user = actions.activate(user=access_user(signed_in(request), pk), by=actor_of(request))
    messages.success(request, _("%(name)s may sign in again.") % {"name": user.name})
    return redirect("person", pk)


@require_POST
def person_password_link(request: HttpRequest, pk: int) -> HttpResponse:
    """Make a link by which somebody sets a new password; it is shown this once."""
    user = access_user(signed_in(request), pk)
    link = actions.set_password_link(user=user, by=actor_of(request))
    return render(request, "accounts/password_link.html", {"person": user, "link": link, "added": False})
