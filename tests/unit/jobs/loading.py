"""What tests of kinds share: a job registered and worked off by the engine, in this process."""

from typing import Any

from jobs.actions.jobs import JobDefinition, register
from jobs.actions.runs import trigger
from jobs.choices import Trigger
from jobs.engine.claim import claim
from jobs.engine.inline import run_inline
from jobs.models import Job, Run
from portal.audit.actions import Actor

TESTS = Actor.system("tests")


def make(kind: str, config: dict[str, Any], *, key: str = "load", **fields: Any) -> Job:
    """Register a job."""
    definition = JobDefinition(
        key=key, name_en=key, name_ko=key, kind=kind, config=config, **{"max_attempts": 1, **fields}
    )
    return register(definition=definition, by=TESTS)


def work_off(job: Job, **params: Any) -> Run:
    """Trigger a run of the job and let the engine work it off; whatever its end."""
    run = trigger(
        job=job, params=params, by=TESTS, trigger=Trigger.MANUAL, requested_by=None, principal="tests"
    ).run
    return finish(run)


def finish(run: Run) -> Run:
    """Work off the run that is next, which must be this one."""
    held = claim("tests")
    assert held is not None
    assert held.run_id == run.pk
    run_inline(held)
    run.refresh_from_db()
    return run


def succeed(job: Job, **params: Any) -> Run:
    """Work off a run that must succeed."""
    run = work_off(job, **params)
    assert (run.state, run.error) == ("succeeded", {}), (run.state, run.error)
    return run


def message_of(run: Run) -> str:
    """Return why a run failed, which it must have."""
    assert run.state == "failed", run.outputs
    return str(run.error["message"])
