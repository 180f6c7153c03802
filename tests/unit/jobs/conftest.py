"""Jobs for unit tests of the engine: the test pipelines are registered, nothing is forked."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings

from jobs.actions import jobs, runs
from jobs.actions.jobs import JobDefinition
from jobs.choices import Trigger
from jobs.models import Job, Run
from jobs.runners import pipelines
from portal.audit.actions import Actor

TESTS = Actor.system("tests")


@pytest.fixture
def make_job(db: None) -> Iterator[Callable[..., Job]]:
    """Register a job for a test pipeline."""
    before, settings.JOB_PIPELINES = settings.JOB_PIPELINES, ["tests.pipelines"]
    pipelines._load.cache_clear()

    def make(key: str = "say", pipeline: str = "test-say", **fields: Any) -> Job:
        definition = JobDefinition(
            key=key, name_en=key, name_ko=key, kind="python", config={"pipeline": pipeline}, **fields
        )
        return jobs.register(definition=definition, by=TESTS)

    yield make
    settings.JOB_PIPELINES = before
    pipelines._load.cache_clear()


@pytest.fixture
def start(db: None) -> Callable[..., Run]:
    """Queue a run."""

    def start_one(job: Job, params: dict[str, Any] | None = None, **fields: Any) -> Run:
        values: dict[str, Any] = {"requested_by": None, "principal": "user:1", **fields}
        return runs.trigger(job=job, params=params or {}, by=TESTS, trigger=Trigger.MANUAL, **values).run

    return start_one
