"""What jobs tell the other apps: how a job looks where somebody else names it."""

from collections.abc import Iterable, Mapping

from django.urls import reverse
from django.utils.translation import gettext as _

from jobs.actions.verifications import VERIFY_EVIDENCE
from jobs.choices import RunState
from jobs.faults import fault_of
from jobs.history import recent_runs
from jobs.kinds import kind_of
from jobs.models import Job, Run
from portal.accounts.models import User
from portal.events import Node, nodes


def job_nodes(keys: Iterable[str], user: User) -> Mapping[str, Node]:
    """Return a node for each of these jobs that the person may know of, with the state of its last run."""
    jobs = list(Job.objects.visible_to(user).filter(key__in=list(keys)))
    last = recent_runs([job.pk for job in jobs], count=1)
    return {job.key: _node(job, last[job.pk][-1].state if last.get(job.pk) else None) for job in jobs}


def run_nodes(keys: Iterable[str], user: User) -> Mapping[str, Node]:
    """Return a node for each of these runs (keys are their ids) that the person may know of."""
    runs = Run.objects.visible_to(user).filter(pk__in=list(keys)).only("number", "state")
    return {str(run.pk): _run_node(run) for run in runs}


def verification_nodes(keys: Iterable[str], user: User) -> Mapping[str, Node]:
    """Return a node for the evidence (keys are its ids) that is being verified, or whose last try failed.

    Who asks sees the evidence, and so may know this much; the run itself is linked only for who may see it.
    """
    wanted = list(keys)
    runs = Run.objects.filter(
        job__key=VERIFY_EVIDENCE.key, principal__in=[f"evidence:{key}" for key in wanted]
    )
    newest = runs.order_by("principal", "-number").distinct("principal")
    # The answer of a run that succeeded is the verdict itself.
    shown = {run.principal: run for run in newest if run.state != RunState.SUCCEEDED}
    seen = set(
        Run.objects.visible_to(user)
        .filter(pk__in=[run.pk for run in shown.values()])
        .values_list("pk", flat=True)
    )
    return {
        key: _verification_node(shown[f"evidence:{key}"], linked=shown[f"evidence:{key}"].pk in seen)
        for key in wanted
        if f"evidence:{key}" in shown
    }


def register() -> None:
    """Answer for jobs and runs in the registry of nodes."""
    nodes.register("job", job_nodes)
    nodes.register("run", run_nodes)
    nodes.register("verification", verification_nodes)


def _run_node(run: Run) -> Node:
    shown = RunState(run.state)
    return Node(
        label=_("run {number}").format(number=run.number),
        url=reverse("run", args=[run.number]),
        icon="play",
        tone=shown.tone,
        state=str(shown.label),
    )


def _verification_node(run: Run, *, linked: bool) -> Node:
    url = reverse("run", args=[run.number]) if linked else ""
    if run.is_open:
        waiting = run.state != RunState.RUNNING
        label = _("waiting for a worker") if waiting else _("verifying…")
        return Node(label=label, url=url, icon="check", tone="info", is_open=True)
    fault = fault_of(run)
    return Node(
        label=_("The verification did not finish"),
        url=url,
        icon="check",
        tone="neutral" if run.state == RunState.CANCELLED else "bad",
        state=f"{fault.whose}. {fault.advice}" if fault else str(RunState(run.state).label),
    )


def _node(job: Job, state: str | None) -> Node:
    shown = RunState(state) if state else None
    return Node(
        label=job.name,
        url=reverse("job", args=[job.key]),
        icon=kind_of(job.kind).icon,
        tone=shown.tone if shown else "",
        state=str(shown.label) if shown else "",
    )
