"""The audit trail: who did what to what, newest first."""

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from jobs.filters import choose
from portal.accounts.access import require, signed_in
from portal.accounts.models import User
from portal.accounts.permissions import Permission
from portal.audit.models import AuditEvent
from portal.audit.wording import GROUPS, actor_name
from portal.dashboard.trail import ORDER, PEOPLE_SHOWN, TrailFilter, rows
from portal.ui.paging import keyset


@require_safe
def audit(request: HttpRequest) -> HttpResponse:
    """Show the trail to those who may read it, filtered by what the URL says."""
    reader = signed_in(request)
    require(reader, Permission.VIEW_AUDIT)
    found, chosen = choose(TrailFilter, request.GET, AuditEvent.objects.all())
    page = keyset(found, order=ORDER, cursor=request.GET.get("cursor"))
    context = {
        "rows": rows(page.items, reader),
        "page": page,
        "chosen": chosen,
        "query": urlencode(chosen),
        "groups": GROUPS.items(),
        "actors": _actors(chosen.get("actor", ""), page.items),
        "today": timezone.localdate(),
    }
    return render(request, "dashboard/audit.html", context)


def _actors(chosen: str, shown: list[AuditEvent]) -> list[tuple[str, str]]:
    """Return who can be chosen: the portal itself, people by name, and whoever is chosen already."""
    people = User.objects.order_by("name", "pk").values_list("pk", "name")[:PEOPLE_SHOWN]
    actors = [("system:", _("Data Desk itself")), *((f"user:{pk}", name) for pk, name in people)]
    if chosen and chosen not in dict(actors):
        actors.append((chosen, actor_name(shown[0]) if shown else chosen))
    return actors
