"""The page of queues and workers: who works, what waits and why, and how full the pools are."""

from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from jobs.access import access_pool
from jobs.actions import pools
from jobs.choices import RunState
from jobs.exceptions import RefusedTrigger
from jobs.models import Run
from jobs.queue import SILENT, last_tick, read_load, read_pools, read_workers, why_waiting
from portal.accounts.access import require, signed_in
from portal.accounts.permissions import Permission
from portal.audit.actions import actor_of
from portal.ui.htmx import has_seen, live_address, mark_of, wants_part

SHOWN = 50
GOING = (RunState.RUNNING, RunState.DEFERRED)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A run that waits, and why."""

    run: Run
    why: str


@require_safe
@vary_on_headers("HX-Request")
def queues(request: HttpRequest) -> HttpResponse:
    """Show what runs and what waits of the jobs this person may see, and how full workers and pools are."""
    user = signed_in(request)
    require(user, Permission.RUN_JOBS)
    now = timezone.now()
    visible = Run.objects.visible_to(user).select_related("job", "pool", "requested_by", "backfill")
    queued = visible.filter(state=RunState.QUEUED).order_by("-priority", "available_at", "id")
    load = read_load(now)
    ticked = last_tick()
    running = list(visible.filter(state__in=GOING).order_by("started_at")[: SHOWN + 1])
    waiting = [Waiting(run, why_waiting(run, now=now, load=load)) for run in queued[: SHOWN + 1]]
    pooled, workers = read_pools(load), read_workers(now, load)
    clock_silent = ticked is None or now - ticked > SILENT
    mark = mark_of(
        [(run.number, run.state, run.looks) for run in running],
        [(each.run.number, each.why) for each in waiting],
        [(shown.pool.key, shown.pool.slots, shown.busy, shown.queued) for shown in pooled],
        [(shown.worker.name, shown.alive, shown.busy) for shown in workers],
        clock_silent,
    )
    if has_seen(request, mark):
        return HttpResponse(status=204)
    context = {
        "running": running[:SHOWN],
        "more_running": len(running) > SHOWN,
        "hidden": max(load.total - len(running), 0) if len(running) <= SHOWN else 0,
        "waiting": waiting[:SHOWN],
        "more": len(waiting) > SHOWN,
        "most": SHOWN,
        "pools": pooled,
        "workers": workers,
        "clock_silent": clock_silent,
        "may_edit": user.may(Permission.EDIT_JOBS),
        "live": live_address(request, mark),
    }
    template = "jobs/queues/poll.html" if wants_part(request) else "jobs/queues.html"
    return render(request, template, context)


@require_POST
def pool_slots(request: HttpRequest, key: str) -> HttpResponse:
    """Change a pool's places."""
    pool = access_pool(signed_in(request), key, for_=Permission.EDIT_JOBS)
    entered = request.POST.get("slots", "")
    slots = int(entered) if entered.isascii() and entered.isdigit() and len(entered) < 6 else 0
    try:
        pools.set_slots(pool=pool, slots=slots, by=actor_of(request))
    except RefusedTrigger as error:
        messages.error(request, str(error))
    else:
        words = ngettext(
            "The pool {pool} has {slots} place now.", "The pool {pool} has {slots} places now.", slots
        )
        messages.success(request, words.format(pool=pool.key, slots=slots))
    return redirect("queues")
