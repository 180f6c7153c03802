"""Today: what broke, what runs, how the numbers stand, what is fresh."""

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from catalog.models import Asset, Dataset
from jobs.faults import Fault, fault_of
from jobs.history import broken_runs
from jobs.impact import Fed, fed_by
from jobs.models import Job, Run
from jobs.progress import fraction_of
from portal.accounts.access import signed_in
from portal.accounts.models import Team, User
from portal.accounts.permissions import Permission
from portal.dashboard.metrics import team_metrics

BROKEN_SHOWN = 6
EXPLAINED = 2
RUNNING_SHOWN = 6
METRICS_SHOWN = 8
DATASETS_SHOWN = 6


@dataclass(frozen=True, slots=True)
class Broken:
    """A job whose last run failed: why, who tries again, and (for the newest few) what stands still."""

    run: Run
    fault: Fault | None
    again: Run | None
    fraction: float | None
    fed: list[Fed]


@require_safe
def today(request: HttpRequest) -> HttpResponse:
    """Show the day of whoever looks."""
    user = signed_in(request)
    works_on_jobs = user.may(Permission.RUN_JOBS)
    running = _running(user) if works_on_jobs else []
    datasets = Dataset.objects.visible_to(user).filter(published_at__isnull=False)
    context = {
        "now": timezone.now(),
        "teams": Team.objects.filter(members=user),
        "works_on_jobs": works_on_jobs,
        "broken": _broken(user, running) if works_on_jobs else [],
        "running": running[:RUNNING_SHOWN],
        "metrics": team_metrics(user, count=METRICS_SHOWN),
        "datasets": datasets.select_related("asset").order_by("-published_by", "asset__key")[:DATASETS_SHOWN],
    }
    if not (context["metrics"] or context["datasets"] or context["broken"] or running):
        context["nothing_yet"] = not (
            Asset.objects.visible_to(user).exists() or Job.objects.visible_to(user).exists()
        )
        context["may_edit_jobs"] = user.may(Permission.EDIT_JOBS)
        context["may_manage_people"] = user.may(Permission.MANAGE_PEOPLE)
    return render(request, "dashboard/today.html", context)


def _running(user: User) -> list[Run]:
    runs = Run.objects.visible_to(user).open().select_related("job", "requested_by").order_by("-id")
    return list(runs[:50])


def _broken(user: User, running: list[Run]) -> list[Broken]:
    open_by_job = {run.job_id: run for run in reversed(running)}
    shown = []
    for place, run in enumerate(broken_runs(user)[:BROKEN_SHOWN]):
        again = open_by_job.get(run.job_id)
        shown.append(
            Broken(
                run=run,
                fault=fault_of(run),
                again=again,
                fraction=fraction_of(again.progress) if again else None,
                fed=fed_by(run.job, user) if place < EXPLAINED else [],
            )
        )
    return shown
