"""What jobs tell the other apps: how a job looks where somebody else names it."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from uuid import UUID

from django.conf import settings
from django.urls import reverse
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from jobs.access import unseen_jobs
from jobs.actions.alerts import look_for_late
from jobs.actions.verifications import VERIFY_EVIDENCE
from jobs.alerts import digest_nodes, tell_of_alerts, untold
from jobs.announcing import announce_runs, announcing_signs
from jobs.choices import REPORT_KIND, REPORT_READY, RunState
from jobs.enclosures import edition_pdf
from jobs.faults import fault_of
from jobs.history import recent_runs
from jobs.kinds import kind_of
from jobs.marks import PEOPLE, beyond
from jobs.models import Job, Run
from jobs.openlineage import write_lineage
from jobs.telling import tell_of_runs
from portal.accounts.models import User
from portal.accounts.permissions import Permission
from portal.accounts.scopes import unseen
from portal.api.file_bodies import file_bodies
from portal.discussion import subjects
from portal.discussion.subjects import Subject
from portal.events import Node, Reference, clock_steps, nodes
from portal.evidence.citers import citers
from portal.notifications import enclosures
from portal.notifications.rows import FAILURE


def job_nodes(keys: Iterable[str], user: User) -> Mapping[str, Node]:
    """Return a node for each of these jobs that the person may know of, with the state of its last run."""
    jobs = list(Job.objects.visible_to(user).filter(key__in=list(keys)))
    last = recent_runs([job.pk for job in jobs], count=1, reader=user)
    return {job.key: _node(job, last[job.pk][-1].state if last.get(job.pk) else None) for job in jobs}


def run_nodes(keys: Iterable[str], user: User) -> Mapping[str, Node]:
    """Return a node for each of these runs (keys are their ids) that the person may know of."""
    runs = Run.objects.visible_to(user).filter(pk__in=_ids(keys)).only("number", "state")
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


def numbered_run_nodes(keys: Iterable[str], user: User) -> Mapping[str, Node]:
    """Return a node for each of these runs, named by their numbers as people write them (``#12``)."""
    numbers = [int(key) for key in keys if key.isascii() and key.isdigit() and int(key) < 2**63]
    runs = Run.objects.visible_to(user).filter(number__in=numbers).only("number", "state")
    return {str(run.number): _run_node(run) for run in runs}


def failure_nodes(keys: Iterable[str], user: User) -> Mapping[str, Node]:
    """Return a node for each of these failed runs (keys are ids), named by its job, with what went wrong."""
    runs = Run.objects.visible_to(user).filter(pk__in=_ids(keys)).select_related("job")
    # Loaded only for pages: it knows how numbers and dates are written everywhere.
    first_line = import_string("jobs.run_rows.first_line")
    return {
        str(run.pk): Node(
            label=run.job.name,
            url=reverse("run", args=[run.number]),
            icon="play",
            tone=RunState(run.state).tone,
            state=first_line(run),
        )
        for run in runs
    }


def edition_nodes(keys: Iterable[str], user: User) -> Mapping[str, Node]:
    """Return a node for each of these editions of reports (keys are runs' ids) that they may know of."""
    runs = Run.objects.visible_to(user).filter(
        pk__in=_ids(keys), job__kind=REPORT_KIND, state=RunState.SUCCEEDED
    )
    return {str(run.pk): _edition_node(run) for run in runs.select_related("job")}


def edition_keepers(key: str) -> list[User]:
    """Return who answers for the figures of an edition: the report's owner."""
    return list(User.objects.filter(jobs__runs__in=_ids([key])))


def job_subject(key: str, user: User) -> Subject | None:
    """Return what this person may do in the discussion of a job; None where there is none for them."""
    job = Job.objects.visible_to(user).filter(key=key).first()
    if job is None:
        return None
    return _subject(("job", job.key), job.name, reverse("job", args=[job.key]), user, job.owner_id)


def run_subject(key: str, user: User) -> Subject | None:
    """Return what this person may do in the discussion of a run (by its id); None where there is none."""
    try:
        identity = UUID(key)
    except ValueError:
        return None
    run = Run.objects.visible_to(user).select_related("job").filter(pk=identity).first()
    if run is None:
        return None
    label = _("{job}, run {number}").format(job=run.job.name, number=run.number)
    url = reverse("run", args=[run.number])
    return _subject(("run", str(run.pk)), label, url, user, run.requested_by_id, run.job.owner_id)


def _ids(keys: Iterable[str]) -> list[UUID]:
    """Return the keys that are ids at all: a reference may have been written by hand."""
    found = []
    for key in keys:
        with suppress(ValueError):
            found.append(UUID(key))
    return found


def register() -> None:
    """Answer for jobs and runs: how they look and are discussed; let the clock tell of their ends.

    The API's address of source files takes bodies as large as a file may be.
    """
    unseen["jobs"] = unseen_jobs
    file_bodies["/api/v1/files/"] = lambda: settings.SOURCE_FILE_MB * 1024 * 1024
    nodes.register("job", job_nodes)
    nodes.register("run", run_nodes)
    nodes.register(FAILURE, failure_nodes)
    nodes.register("report", edition_nodes)
    citers.register("report", edition_keepers)
    enclosures.register(REPORT_READY, edition_pdf)
    nodes.register("run_number", numbered_run_nodes)
    subjects.register("job", job_subject)
    subjects.register("run", run_subject)
    nodes.register("verification", verification_nodes)
    nodes.register("alerts", digest_nodes)
    clock_steps.register(tell_of_runs, signs=lambda: [beyond(PEOPLE)])
    clock_steps.register(announce_runs, signs=announcing_signs)
    clock_steps.register(write_lineage)
    clock_steps.register(look_for_late)
    clock_steps.register(tell_of_alerts, signs=lambda: [untold()])


def _subject(reference: Reference, label: str, url: str, user: User, *people: int | None) -> Subject:
    concerned = [pk for pk in people if pk is not None]
    return Subject(
        reference=reference,
        label=label,
        url=url,
        may_comment=True,
        may_see_internal=user.may(Permission.ANSWER_QUESTIONS),
        people=frozenset(concerned),
        first=concerned[0] if concerned else None,
    )


def _edition_node(run: Run) -> Node:
    name = run.job.name
    if run.outputs.get("incomplete"):
        name = _("{report} (incomplete)").format(report=name)
    return Node(label=name, url=reverse("report_edition", args=[run.job.key, run.number]), icon="file")


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
        url=reverse("report" if job.kind == REPORT_KIND else "job", args=[job.key]),
        icon=kind_of(job.kind).icon,
        tone=shown.tone if shown else "",
        state=str(shown.label) if shown else "",
    )
