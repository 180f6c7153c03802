"""What a kind of job is called and looks like; a job of a kind that was taken out is still shown."""

from collections.abc import Sequence
from dataclasses import dataclass

from jobs.exceptions import JobsError
from jobs.models import Job
from jobs.runners import pipelines
from jobs.runners.base import Step
from jobs.runners.registry import RUNNERS, runner_for
from portal.said import said_of


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind as pages show it."""

    key: str
    label: str
    icon: str


def kind_of(key: str) -> Kind:
    """Return the kind's label and icon; an unknown kind is shown by its key."""
    if key not in RUNNERS:
        return Kind(key, key, "play")
    runner = runner_for(key)
    return Kind(key, str(runner.label), runner.icon)


def all_kinds() -> list[Kind]:
    """Return every registered kind, by label."""
    return sorted((kind_of(key) for key in RUNNERS), key=lambda kind: kind.label)


def steps_of(job: Job) -> Sequence[Step]:
    """Return the steps a run of the job goes through; none where its kind or pipeline is gone."""
    try:
        return runner_for(job.kind).steps(job)
    except JobsError:
        return []


def why_it_cannot_run(job: Job) -> str:
    """Return why every run of the job is going to fail; "" where nothing is known to be wrong."""
    try:
        if job.kind == "python":
            pipelines.find(str(job.config.get("pipeline", "")))
    except JobsError as error:
        return said_of(error)
    return ""
