"""Backfills: what would run, how far it is, and the ways to steer it."""

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from jobs.access import access_backfill, access_job
from jobs.actions import backfills
from jobs.choices import PLAIN_KINDS, RunState
from jobs.exceptions import IdempotencyConflict, JobDisabled, RefusedTrigger
from jobs.history import usual_duration
from jobs.models import Backfill, Job, Run
from jobs.partitions import parameters_for
from jobs.schedule_forms import BackfillForm
from portal.accounts.access import signed_in
from portal.accounts.permissions import Permission
from portal.audit.actions import actor_of
from portal.ui.htmx import wants_part


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a backfill is, by the newest run of each partition."""

    runs: list[Run]
    counts: list[tuple[RunState, int]]
    done: int
    failed: int
    open: int

    @property
    def fraction(self) -> float:
        """The share of partitions that have ended, 0–1."""
        return (len(self.runs) - self.open) / len(self.runs) if self.runs else 1.0

    @property
    def tone(self) -> str:
        """The tone of the bar that shows it."""
        if any(state in RunState.unhappy() for state, _count in self.counts):
            return "warn" if self.open else "bad"
        return "" if self.open else "good"


@require_http_methods(["GET", "HEAD", "POST"])
def backfill_new(request: HttpRequest, key: str) -> HttpResponse:
    """Say what would run, then start it."""
    job = access_job(signed_in(request), key, for_=Permission.RUN_JOBS)
    if request.method != "POST":
        return _page(request, job, BackfillForm(job))
    form = BackfillForm(job, request.POST)
    partitions = None
    if form.is_valid():
        try:
            partitions = backfills.plan(job=job, wish=form.wish)
            if "start" in request.POST:
                return redirect("backfill", _start(request, job, form).pk)
        except RefusedTrigger as error:
            form.add_errors(error.errors)
        except IdempotencyConflict:
            form.renew()
            words = _("This form already started a backfill. Press the button again to start another.")
            form.add_error(None, words)
        except JobDisabled:
            words = _("This job is switched off. Somebody who may edit jobs can switch it on.")
            form.add_error(None, words)
    return _page(request, job, form, partitions, status=422 if form.errors else 200)


@require_safe
@vary_on_headers("HX-Request")
def backfill(request: HttpRequest, backfill_id: int) -> HttpResponse:
    """Show how far a backfill is; live while something of it is open."""
    user = signed_in(request)
    shown = access_backfill(user, backfill_id)
    progress = _progress(shown)
    usual = usual_duration(shown.job_id)
    at_a_time = max(1, min(shown.parallel, shown.job.max_active_runs))
    context: dict[str, Any] = {
        "backfill": shown,
        "job": shown.job,
        "progress": progress,
        "left": _rounded(usual * progress.open / at_a_time) if usual and progress.open else None,
        "may_run": shown.job.allows(user, Permission.RUN_JOBS),
        "may_cancel": shown.job.allows(user, Permission.CANCEL_RUNS),
    }
    template = "jobs/backfill/live.html" if wants_part(request) else "jobs/backfill.html"
    return render(request, template, context)


@require_POST
def backfill_pause(request: HttpRequest, backfill_id: int) -> HttpResponse:
    """Let no more of its runs start."""
    shown = access_backfill(signed_in(request), backfill_id, for_=Permission.RUN_JOBS)
    backfills.pause(backfill=shown, by=actor_of(request))
    messages.success(request, _("Paused. What runs goes on to its end."))
    return redirect("backfill", backfill_id)


@require_POST
def backfill_resume(request: HttpRequest, backfill_id: int) -> HttpResponse:
    """Let its runs start again."""
    shown = access_backfill(signed_in(request), backfill_id, for_=Permission.RUN_JOBS)
    backfills.resume(backfill=shown, by=actor_of(request))
    messages.success(request, _("It goes on."))
    return redirect("backfill", backfill_id)


@require_POST
def backfill_cancel(request: HttpRequest, backfill_id: int) -> HttpResponse:
    """End what waits, and ask what runs to stop."""
    shown = access_backfill(signed_in(request), backfill_id, for_=Permission.CANCEL_RUNS)
    count = backfills.cancel(backfill=shown, by=actor_of(request))
    words = ngettext("%(count)d run cancelled.", "%(count)d runs cancelled.", count) % {"count": count}
    messages.success(request, words)
    return redirect("backfill", backfill_id)


@require_POST
def backfill_again(request: HttpRequest, backfill_id: int) -> HttpResponse:
    """Run again what did not succeed."""
    shown = access_backfill(signed_in(request), backfill_id, for_=Permission.RUN_JOBS)
    try:
        count = backfills.run_failed_again(backfill=shown, by=actor_of(request))
    except JobDisabled:
        messages.error(request, _("This job is switched off. Somebody who may edit jobs can switch it on."))
    else:
        words = ngettext("%(count)d partition runs again.", "%(count)d partitions run again.", count)
        messages.success(request, words % {"count": count})
    return redirect("backfill", backfill_id)


def _start(request: HttpRequest, job: Job, form: BackfillForm) -> Backfill:
    user = signed_in(request)
    return backfills.start(
        job=job,
        wish=form.wish,
        once=f"form:{user.pk}:{form.cleaned_data['once']}",
        by=actor_of(request),
        requested_by=user,
    ).backfill


def _page(
    request: HttpRequest,
    job: Job,
    form: BackfillForm,
    partitions: list[backfills.Partition] | None = None,
    *,
    status: int = 200,
) -> HttpResponse:
    usual = usual_duration(job.pk)
    parallel = form.cleaned_data.get("parallel", 1) if partitions else 1
    at_a_time = max(1, min(parallel, job.max_active_runs))
    context = {
        "job": job,
        "form": form,
        "possible": job.kind not in PLAIN_KINDS and bool(parameters_for(job.parameters_schema)),
        "partitions": partitions,
        "takes": _rounded(usual * len(partitions) / at_a_time) if usual and partitions else None,
        "limited": parallel > job.max_active_runs,
        "starts_others": job.followers.exists(),
    }
    return render(request, "jobs/backfill_new.html", context, status=status)


def _progress(shown: Backfill) -> Progress:
    runs = list(backfills.newest_runs(shown).defer("outputs", "progress"))
    states = Counter(RunState(run.state) for run in runs)
    return Progress(
        runs=runs,
        counts=[(state, states[state]) for state in RunState if states[state]],
        done=states[RunState.SUCCEEDED],
        failed=sum(states[state] for state in RunState.ends() - {RunState.SUCCEEDED}),
        open=sum(states[state] for state in RunState.open()),
    )


def _rounded(span: timedelta) -> timedelta:
    """Return a guess without tenths."""
    return timedelta(seconds=round(span.total_seconds()))
