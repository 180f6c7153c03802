"""A run's page: what it does now, how it went, and what to do about it; live while the run is open."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from jobs import logs
from jobs.access import access_run, attempts_of, files_of, sees_all_of
from jobs.actions import runs
from jobs.alerts import questions_citing
from jobs.chains import begun_by
from jobs.charts import history_of, lanes, summary_of
from jobs.choices import Reason, RunState, Trigger
from jobs.exceptions import CancelMissed, InvalidParameters, JobDisabled, RunAlreadyEnded
from jobs.faults import fault_of
from jobs.history import recent_runs, usual_duration, usual_steps
from jobs.impact import fed_by
from jobs.kinds import kind_of, steps_of
from jobs.models import Artifact, Run
from jobs.outputs import shown_outputs
from jobs.progress import ShownStep, fraction_of, overall, shown_steps
from jobs.queue import why_waiting
from portal.accounts.access import signed_in
from portal.accounts.models import User
from portal.accounts.permissions import Permission
from portal.accounts.prepared import Prepared
from portal.audit.actions import actor_of
from portal.discussion.threads import teaser
from portal.ui.htmx import wants_part

HISTORY = 24
_ORIGIN: Prepared[Run] = Prepared(
    lambda *, user, run: Run.objects.visible_to(user).filter(pk=run).select_related("job")
)


@dataclass(frozen=True, slots=True)
class Progress:
    """What the progress card says."""

    headline: str
    fraction: float | None
    elapsed: timedelta | None
    usual: timedelta | None
    left: timedelta | None
    steps: list[ShownStep]


@require_safe
@vary_on_headers("HX-Request")
def run(request: HttpRequest, number: int) -> HttpResponse:
    """Show one run; a poll of the page's own gets what changes, and stops when the run has ended."""
    user = signed_in(request)
    shown = access_run(user, number)
    now = timezone.now()
    context = {**_live(shown, user, now), **_around(shown, user, now)}
    if wants_part(request):
        # The rest changes only with the state; replacing it each second would take the focus away.
        context["moved"] = request.GET.get("seen", "") != _stage(shown)
        return render(request, "jobs/run/poll.html", context)
    tail = logs.read_last(shown)
    context["discussion"] = teaser(("run", str(shown.pk)), user)
    context.update(lines=tail, last_line=tail[-1].number if tail else 0, levels=logs.LEVELS)
    return render(request, "jobs/run.html", context)


@require_POST
def run_cancel(request: HttpRequest, number: int) -> HttpResponse:
    """Stop the run."""
    user = signed_in(request)
    shown = access_run(user, number, for_=Permission.CANCEL_RUNS)
    try:
        runs.cancel(run=shown, by=actor_of(request))
    except RunAlreadyEnded:
        messages.info(request, _("It had already ended."))
    except CancelMissed:
        messages.error(request, _("It went on to another worker meanwhile. Cancel it again."))
    else:
        messages.success(request, _("It stops within seconds."))
    return redirect("run", number)


@require_POST
def run_again(request: HttpRequest, number: int) -> HttpResponse:
    """Start a new run with the same parameters."""
    user = signed_in(request)
    shown = access_run(user, number, for_=Permission.RUN_JOBS)
    once = request.POST.get("once", "").replace("\0", "")
    try:
        triggered = runs.again(
            run=shown,
            by=actor_of(request),
            how=Trigger.MANUAL,
            requested_by=user,
            principal=f"user:{user.pk}",
            idempotency_key=f"again:{shown.pk}:{once}"[:255],
        )
    except JobDisabled:
        messages.error(request, _("This job is switched off. Somebody who may edit jobs can switch it on."))
    except InvalidParameters:
        messages.error(request, _("The job takes other parameters by now. Start it from the job’s page."))
    else:
        return redirect("run", triggered.run.number)
    return redirect("run", number)


@require_POST
def run_again_after(request: HttpRequest, number: int) -> HttpResponse:
    """Start again what failed in the jobs that came after this run."""
    user = signed_in(request)
    shown = access_run(user, number, for_=Permission.RUN_JOBS)
    started = runs.run_failed_again(
        after=shown,
        by=actor_of(request),
        how=Trigger.MANUAL,
        requested_by=user,
        principal=f"user:{user.pk}",
    )
    if not started:
        messages.info(request, _("Nothing after it waits to be run again."))
        return redirect("run", number)
    words = ngettext("%(count)d run started again.", "%(count)d runs started again.", len(started))
    messages.success(request, words % {"count": len(started)})
    return redirect("run", started[0].number if len(started) == 1 else number)


def _live(shown: Run, user: User, now: datetime) -> dict[str, Any]:
    """Return what changes from second to second."""
    return {
        "run": shown,
        "job": shown.job,
        "stage": _stage(shown),
        "now": now,
        "progress": _progress(shown, now),
        "lanes": lanes(attempts_of(shown), now=now),
        "outputs": shown_outputs(shown, user),
        "artifacts": _files(shown, user),
        "fault": fault_of(shown, reader=user) if _went_wrong(shown) else None,
        "may_mend": shown.job.made_here and shown.job.allows(user, Permission.EDIT_JOBS),
    }


def _went_wrong(shown: Run) -> bool:
    # A cancelled one may have left something going elsewhere that did not stop.
    unstopped = shown.state == RunState.CANCELLED and shown.looks > 0
    return shown.state in RunState.unhappy() or unstopped


def _files(shown: Run, user: User) -> list[Artifact]:
    if shown.state != RunState.SUCCEEDED:
        return []
    files = files_of(shown)
    return files if not files or sees_all_of(user, shown) else []


def _around(shown: Run, user: User, now: datetime) -> dict[str, Any]:
    """Return what stands around the run."""
    recent = recent_runs([shown.job_id], count=HISTORY, reader=user).get(shown.job_id, [])
    hurt = shown.state in RunState.unhappy() and not any(
        later.id > str(shown.pk) and later.state == RunState.SUCCEEDED for later in recent
    )
    fed = fed_by(shown.job, user) if hurt else []
    begun = begun_by([shown], user) if shown.state == RunState.SUCCEEDED else []
    return {
        "kind": kind_of(shown.job.kind),
        "origin": _ORIGIN.first(user=user, run=shown.origin_id) if shown.origin_id else None,
        "begun": begun,
        "failed_after": runs.to_run_again(after=shown, by=user) if begun else [],
        "history": history_of(recent, now=now),
        "past": len(recent),
        "summary": summary_of(recent),
        "fed": fed,
        "questions": questions_citing(shown.job, fed, user) if hurt else [],
        "params": [(name, value) for name, value in shown.params.items() if value is not None],
        "once": uuid4(),
        "asks": bool(shown.job.parameters_schema.get("properties")),
        "snapshot": next((entry.get("snapshot") for entry in shown.outputs.get("datasets") or []), None),
        "may_cancel": shown.is_open and shown.job.allows(user, Permission.CANCEL_RUNS),
        "may_repeat": not shown.is_open and shown.job.enabled and shown.job.allows(user, Permission.RUN_JOBS),
    }


def _stage(shown: Run) -> str:
    """Return what the page around the progress depends on."""
    # A look after what goes on elsewhere lasts a moment and is none of a stage.
    state = RunState.DEFERRED if shown.waits_elsewhere else shown.state
    return f"{state}{'!' if shown.cancel_requested_at else ''}"


def _progress(shown: Run, now: datetime) -> Progress:
    usual = usual_duration(shown.job_id, before=shown)
    elapsed = (shown.finished_at or now) - shown.started_at if shown.started_at else None
    steps = shown_steps(
        shown.progress,
        state=RunState.RUNNING if shown.waits_elsewhere else shown.state,
        named=steps_of(shown.job),
        usual=usual_steps(shown.job_id),
        now=now,
    )
    fraction = None
    if (shown.state == RunState.RUNNING or shown.waits_elsewhere) and elapsed is not None:
        fraction = overall(steps, fraction_of(shown.progress), elapsed=elapsed, usual=usual)
    left = None
    if fraction is not None and usual is not None and elapsed is not None and not shown.cancel_requested_at:
        # What it says of itself counts more than what it usually takes, once it says anything.
        left = usual * (1 - fraction) if fraction else usual - elapsed
        # A guess has no tenths.
        left = timedelta(seconds=round(left.total_seconds()))
    return Progress(_headline(shown, steps, now), fraction, elapsed, usual, left, steps)


def _headline(shown: Run, steps: list[ShownStep], now: datetime) -> str:
    if shown.waits_elsewhere:
        system = str(shown.elsewhere.get("system") or "")
        if shown.cancel_requested_at or not system:
            return _("Stopping")
        waits = _("Waits for %(system)s") % {"system": system}
        return ": ".join(filter(None, (waits, str(shown.progress.get("note") or ""))))
    if shown.state == RunState.QUEUED:
        return why_waiting(shown, now=now)
    if shown.state == RunState.RUNNING:
        if shown.cancel_requested_at:
            return _("Stopping")
        current = next((step.label for step in steps if step.current), "")
        # Between two steps the note still speaks of the one before.
        note = str(shown.progress.get("note") or "") if current or not steps else ""
        return ": ".join(part for part in (current, note) if part) or _("Working")
    return _ending(shown, steps)


def _ending(shown: Run, steps: list[ShownStep]) -> str:
    state = RunState(shown.state)
    if state == RunState.SKIPPED:
        return str(Reason(shown.reason).label) if shown.reason else _("Skipped")
    if state == RunState.SUCCEEDED:
        return _("Done")
    stopped = next((str(step.label) for step in steps if step.tone not in {"good", "neutral"}), "")
    if stopped and state in RunState.unhappy():
        return _("%(state)s at: %(step)s") % {"state": state.label, "step": stopped}
    return str(state.label)
