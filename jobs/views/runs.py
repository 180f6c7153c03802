"""The list of runs across all jobs: newest first, by what the address says."""

from datetime import date
from typing import Final
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from jobs.choices import Trigger
from jobs.filters import RunListFilter, set_of
from jobs.models import Run
from portal.accounts.access import signed_in
from portal.ui.filtering import given_filters
from portal.ui.htmx import has_seen, live_address, mark_of, wants_part
from portal.ui.paging import keyset

SHOWN: Final = 50
# The state, the person and the trigger each have an index in this order.
_BY_NUMBER: Final = ("-id",)
# Between two days the index of the times leads, and what lies outside of them is never read.
_BY_TIME: Final = ("-created_at", "-id")


@require_safe
@vary_on_headers("HX-Request")
def runs(request: HttpRequest) -> HttpResponse:
    """Show the runs this person may see; live, and quicker while one of those shown is open."""
    visible = Run.objects.visible_to(signed_in(request)).select_related("job", "requested_by")
    found, chosen = given_filters(RunListFilter, request.GET, queryset=visible, request=request)
    order = _BY_TIME if chosen.keys() & {"since", "until"} else _BY_NUMBER
    rows = visible.ordinary() if found is None else found.qs
    page = keyset(rows, order=order, cursor=request.GET.get("cursor"), size=SHOWN)
    mark = mark_of([(run.number, run.state, run.attempt) for run in page.items])
    if has_seen(request, mark):
        return HttpResponse(status=204)
    moves = any(run.is_open for run in page.items)
    context = {
        "page": page,
        "chosen": chosen,
        "quick": set_of(str(chosen.get("state", ""))),
        "query": urlencode({name: _written(value) for name, value in chosen.items()}),
        "states": RunListFilter.STATES,
        "triggers": Trigger.choices,
        # The first page also hears of runs that somebody else starts, further ones of those that they show.
        "live": live_address(request, mark) if moves or "cursor" not in request.GET else "",
        "moves": moves,
    }
    return render(request, "jobs/runs/list.html" if wants_part(request) else "jobs/runs.html", context)


def _written(value: object) -> object:
    return value.isoformat() if isinstance(value, date) else "true" if value is True else value
