"""What jobs tell the other apps: how a job looks where somebody else names it."""

from collections.abc import Iterable, Mapping

from django.urls import reverse
from django.utils.translation import gettext as _

from jobs.choices import RunState
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


def register() -> None:
    """Answer for jobs and runs in the registry of nodes."""
    nodes.register("job", job_nodes)
    nodes.register("run", run_nodes)


def _run_node(run: Run) -> Node:
    shown = RunState(run.state)
    return Node(
        label=_("run {number}").format(number=run.number),
        url=reverse("run", args=[run.number]),
        icon="play",
        tone=shown.tone,
        state=str(shown.label),
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
