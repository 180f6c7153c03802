"""The jobs page: what runs, what failed, and every job with its last run."""

from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from jobs.alerts import late_alerts
from jobs.choices import ASKED_KINDS
from jobs.filters import JobFilter, by_last_run, owners_of, states_of, teams_of
from jobs.history import broken_runs
from jobs.job_rows import rows_of
from jobs.kinds import all_kinds
from jobs.models import Job, Run
from jobs.models.job import JobQuerySet
from portal.accounts.access import signed_in
from portal.accounts.models import Team, User
from portal.accounts.permissions import Permission
from portal.accounts.prepared import Prepared
from portal.matching import patterns_of
from portal.ui.filtering import given_values
from portal.ui.htmx import has_seen, live_address, mark_of, wants_part
from portal.ui.paging import first_page, keyset

RUNNING_SHOWN = 8
BROKEN_SHOWN = 5
# Somewhat more than a screen; the next ones come by a click.
SHOWN = 25
ORDER = ("key",)
# What the page shows of a run: the fewer columns, the faster.
_OF_A_RUN = ("number", "state", "error", "started_at", "finished_at", "job__name_en", "job__name_ko")


def _listed(
    asked: bool, states: frozenset[str], *, user: User, words: tuple[str, ...] = (), **columns: Any
) -> JobQuerySet:
    """Choose jobs by the states of their last run, patterns of words and columns."""
    jobs = Job.objects.visible_to(user)
    jobs = (jobs if asked else jobs.ordinary()).filter(**columns).matching(words)
    return (by_last_run(jobs, states) if states else jobs).for_rows().order_by(*ORDER)


_FIRST: Prepared[Job] = Prepared(lambda *given, **values: _listed(*given, **values)[: SHOWN + 1])
_TEAMS: Prepared[Team] = Prepared(lambda *, user: teams_of(Job.objects.visible_to(user)))
_OWNERS: Prepared[User] = Prepared(lambda *, user: owners_of(Job.objects.visible_to(user)).only("name"))
_RUNNING: Prepared[Run] = Prepared(
    lambda *, user: (
        Run.objects.visible_to(user)
        .open()
        .select_related("job")
        .only(*_OF_A_RUN)
        .order_by("-id")[: RUNNING_SHOWN + 1]
    )
)
_BROKEN: Prepared[Run] = Prepared(
    lambda *, user: broken_runs(user).select_related("job").only(*_OF_A_RUN)[: BROKEN_SHOWN + 1]
)


@require_safe
@vary_on_headers("HX-Request")
def jobs(request: HttpRequest) -> HttpResponse:
    """Show the jobs this person may see, chosen by the URL; live, and quicker while a run is open."""
    user = signed_in(request)
    sees_queues = user.may(Permission.RUN_JOBS)
    # Who looks after the workers may ask for the jobs that stand behind other pages.
    chosen = given_values(JobFilter, request.GET)
    asked = sees_queues and chosen.get("kind") in ASKED_KINDS
    given = asked, states_of(chosen["state"]) if "state" in chosen else frozenset[str]()
    values = {"user": user, **_columns(chosen)}
    cursor = request.GET.get("cursor")
    if cursor:
        page = keyset(_listed(*given, **values), order=ORDER, cursor=cursor, size=SHOWN)
    else:
        page = first_page(_FIRST(*given, **values), order=ORDER, size=SHOWN)
    running, broken = list(_RUNNING(user=user)), list(_BROKEN(user=user))
    rows, late = rows_of(page.items, user), late_alerts(user)
    mark = mark_of(
        [(run.number, run.state) for run in [*running, *broken]],
        [alert.pk for alert in late],
        [
            (row.job.key, row.job.enabled, row.next_slot, row.last and (row.last.number, row.last.state))
            for row in rows
        ],
    )
    if has_seen(request, mark):
        return HttpResponse(status=204)
    moves = bool(running) or any(row.last and row.last.finished_at is None for row in rows)
    context = {
        "rows": rows,
        # The first page also hears of what somebody else starts, further ones of what they show.
        "live": live_address(request, mark) if moves or not cursor else "",
        "moves": moves,
        "page": page,
        "chosen": chosen,
        "query": urlencode(chosen),
        "states": JobFilter.STATES,
        "kinds": [kind for kind in all_kinds() if sees_queues or kind.key not in ASKED_KINDS],
        "teams": _TEAMS(user=user),
        "owners": _OWNERS(user=user),
        "running": running[:RUNNING_SHOWN],
        "more_running": len(running) > RUNNING_SHOWN,
        "late": late,
        "broken": broken[:BROKEN_SHOWN],
        "more_broken": len(broken) > BROKEN_SHOWN,
        "sees_queues": sees_queues,
        "may_make": user.may(Permission.EDIT_JOBS),
        "once": uuid4(),
    }
    return render(request, "jobs/jobs/poll.html" if wants_part(request) else "jobs/jobs.html", context)


def _columns(chosen: dict[str, Any]) -> dict[str, Any]:
    """Return what ``_listed`` chooses by, of the filters but the state."""
    found: dict[str, Any] = {}
    if "q" in chosen:
        found["words"] = patterns_of(chosen["q"])
    if "owner" in chosen:
        found["owner"] = int(chosen["owner"])
    if "kind" in chosen:
        found["kind"] = chosen["kind"]
    if "team" in chosen:
        found["team__key"] = chosen["team"]
    return found
