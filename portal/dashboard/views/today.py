"""Today: what broke, what runs, how the numbers stand, what is fresh."""

from dataclasses import dataclass
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from catalog.models import Asset, Dataset
from jobs.alerts import late_alerts
from jobs.faults import Fault, fault_of
from jobs.history import broken_runs
from jobs.impact import Fed, fed_by
from jobs.models import Job, Run
from jobs.progress import fraction_of
from portal.accounts.access import signed_in
from portal.accounts.kept import kept
from portal.accounts.models import Team, User
from portal.accounts.permissions import Permission
from portal.accounts.prepared import Prepared
from portal.dashboard.metrics import team_metrics
from portal.dashboard.questions import asked_by, on_duty, placement_of, waiting_for
from requests_app.models import DataRequest, Tour

BROKEN_SHOWN = 6
EXPLAINED = 2
RUNNING_SHOWN = 6
METRICS_SHOWN = 8
DATASETS_SHOWN = 6
# What the cards show of a run: the fewer columns, the faster.
_OF_A_RUN = (
    "number",
    "state",
    "trigger",
    "attempt",
    "created_at",
    "started_at",
    "finished_at",
    "progress",
    "error",
    "job__key",
    "job__kind",
    "job__config",
    "job__name_en",
    "job__name_ko",
    "requested_by__name",
)
_RUNNING: Prepared[Run] = Prepared(
    lambda *, user: (
        Run.objects.visible_to(user)
        .open()
        .select_related("job", "requested_by")
        .order_by("-id")
        .only(*_OF_A_RUN)[:50]
    )
)
_LAST_FAILED: Prepared[Run] = Prepared(
    lambda *, user: broken_runs(user).select_related("job", "requested_by").only(*_OF_A_RUN)[:BROKEN_SHOWN]
)
_TEAMS: Final = Prepared(lambda *, user: Team.objects.filter(members=user))
# Seconds that the figures, the fresh data and the duty may be old.
CALM_FOR = 10


@dataclass(frozen=True, slots=True)
class Broken:
    """A job whose last run failed: why, who tries again, and (for the newest few) what stands still."""

    run: Run
    fault: Fault | None
    again: Run | None
    fraction: float | None
    fed: list[Fed]


@dataclass(frozen=True, slots=True)
class Calm:
    """The cards of figures, fresh data and duty, drawn, and where the reader is placed."""

    metrics: SafeString
    datasets: SafeString
    duty: SafeString
    placement: Tour | None
    has_data: bool


@require_safe
def today(request: HttpRequest) -> HttpResponse:
    """Show the day of whoever looks."""
    user = signed_in(request)
    works_on_jobs = user.may(Permission.RUN_JOBS)
    running = _RUNNING(user=user) if works_on_jobs else []
    # What moves slowly is drawn once for several looks.
    calm = kept(user, "today", CALM_FOR, lambda: _calm(user))
    answers = user.may(Permission.ANSWER_QUESTIONS)
    context: dict[str, Any] = {
        "now": timezone.now(),
        "waiting": waiting_for(user),
        "asked": [] if answers else asked_by(user),
        "calm": calm,
        "answers": answers,
        "teams": _TEAMS(user=user.pk),
        "works_on_jobs": works_on_jobs,
        "broken": _broken(user, running) if works_on_jobs else [],
        "late": late_alerts(user) if works_on_jobs else [],
        "running": running[:RUNNING_SHOWN],
    }
    if not (calm.has_data or context["broken"] or running):
        context["nothing_yet"] = not (
            Asset.objects.visible_to(user).exists()
            or Job.objects.visible_to(user).exists()
            or DataRequest.objects.visible_to(user).exists()
        )
        context["may_edit_jobs"] = user.may(Permission.EDIT_JOBS)
        context["may_manage_people"] = user.may(Permission.MANAGE_PEOPLE)
    return render(request, "dashboard/today.html", context)


def _calm(user: User) -> Calm:
    metrics = team_metrics(user, count=METRICS_SHOWN)
    published = Dataset.objects.visible_to(user).filter(published_at__isnull=False).select_related("asset")
    datasets = list(published.order_by("-published_by", "asset__key")[:DATASETS_SHOWN])
    return Calm(
        metrics=render_to_string("dashboard/today/metrics.html", {"metrics": metrics}),
        datasets=render_to_string("dashboard/today/datasets.html", {"datasets": datasets}),
        duty=render_to_string("dashboard/today/duty.html", {"on_duty": on_duty(user)}),
        placement=placement_of(user),
        has_data=bool(metrics or datasets),
    )


def _broken(user: User, running: list[Run]) -> list[Broken]:
    open_by_job = {run.job_id: run for run in reversed(running)}
    shown = []
    for place, run in enumerate(_LAST_FAILED(user=user)):
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
