"""The pages of teams."""

from django.contrib import messages
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from portal.accounts.access import access_team, require, signed_in
from portal.accounts.actions import teams as actions
from portal.accounts.forms import TeamForm
from portal.accounts.models import Team
from portal.accounts.permissions import Permission
from portal.audit.actions import actor_of


@require_safe
def teams(request: HttpRequest) -> HttpResponse:
    """List the teams with how many people each has."""
    require(signed_in(request), Permission.MANAGE_PEOPLE)
    found = Team.objects.annotate(size=Count("memberships")).order_by("kind", "key")
    return render(request, "accounts/teams.html", {"teams": found[:500]})


@require_http_methods(["GET", "HEAD", "POST"])
def team_add(request: HttpRequest) -> HttpResponse:
    """Add a team."""
    require(signed_in(request), Permission.MANAGE_PEOPLE)
    form = TeamForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        actions.add(**form.cleaned_data, by=actor_of(request))
        messages.success(request, _("The team is added. Put people into it on their own pages."))
        return redirect("teams")
    return render(request, "accounts/team.html", {"form": form, "team": None})


@require_http_methods(["GET", "HEAD", "POST"])
def team(request: HttpRequest, key: str) -> HttpResponse:
    """Show a team and change its names."""
    found = access_team(signed_in(request), key)
    form = TeamForm(request.POST or None, instance=found)
    if request.method == "POST" and form.is_valid():
        actions.change(team=found, **form.cleaned_data, by=actor_of(request))
        messages.success(request, _("Saved."))
        return redirect("teams")
    context = {"form": form, "team": found, "members": found.members.order_by("name")[:200]}
    return render(request, "accounts/team.html", context)
