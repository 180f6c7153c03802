"""Reports: all of them, and an edition with its figures, files, and what changed since the one before."""

from typing import Any
from uuid import uuid4

from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from jobs.access import access_edition, access_report
from jobs.editions import edition_before, named
from jobs.models import Job, Run
from jobs.report_changes import figures_of
from jobs.report_deliveries import deliveries_of
from jobs.reports import edition_of, editions_of, reports_for, rows_of
from portal.accounts.access import require, signed_in
from portal.accounts.models import User
from portal.accounts.permissions import Permission
from portal.events import usages
from portal.ui.paging import keyset

LISTED = 12


@require_safe
def reports(request: HttpRequest) -> HttpResponse:
    """Show the reports that this person may see, each with its newest edition."""
    user = signed_in(request)
    require(user, Permission.VIEW_JOBS)
    found = (
        reports_for(user)
        .select_related("owner", "team")
        .prefetch_related("schedules", Prefetch("after", Job.objects.visible_to(user), "before"))
    )
    page = keyset(found, order=("key",), cursor=request.GET.get("cursor"))
    return render(
        request,
        "jobs/reports.html",
        {"rows": rows_of(page.items, user), "page": page, "may_write": user.may(Permission.WRITE_REPORTS)},
    )


@require_safe
def report(request: HttpRequest, key: str) -> HttpResponse:
    """Show the newest edition of a report."""
    user = signed_in(request)
    job = access_report(user, key)
    newest = editions_of(job, most=1)
    return render(request, "jobs/report.html", _page(job, newest[0] if newest else None, user))


@require_safe
def report_edition(request: HttpRequest, key: str, number: int) -> HttpResponse:
    """Show one edition of a report."""
    user = signed_in(request)
    run = access_edition(user, key, number)
    return render(request, "jobs/report.html", _page(run.job, run, user))


def _page(job: Job, run: Run | None, user: User) -> dict[str, Any]:
    listed = editions_of(job, most=LISTED)
    last = Run.objects.visible_to(user).filter(job=job).order_by("-pk").first()
    context: dict[str, Any] = {
        "job": job,
        "run": run,
        "listed": named(job, listed),
        "shown": named(job, {each.pk: each for each in [run, *listed]}.values())[0] if run else None,
        "is_newest": bool(listed) and run is not None and listed[0].pk == run.pk,
        # A run after the newest edition that is still going, or that made none.
        "later": last if last and (not listed or last.pk > listed[0].pk) else None,
        "may_run": job.enabled and job.allows(user, Permission.RUN_JOBS),
        "origins": usages.of(("job", job.key), user, most=3).get("question", []),
        "may_edit": job.made_here and job.allows(user, Permission.EDIT_JOBS),
        "compares": len(listed) > 1,
        "asks": bool(job.parameters_schema.get("properties")),
        "once": uuid4(),
        "next_slot": job.schedules.filter(enabled=True, next_slot__isnull=False)
        .order_by("next_slot")
        .values_list("next_slot", flat=True)
        .first(),
    }
    if run is None:
        return context
    edition = edition_of(run, user)
    before = edition_before(run)
    context |= {
        "deliveries": deliveries_of(run, user),
        "sees_deliveries": user.may(Permission.VIEW_AUDIT),
    }
    context |= {"edition": edition, "before": before}
    if before is not None:
        context["changes"] = figures_of(edition, edition_of(before, user, files=False))
    return context
