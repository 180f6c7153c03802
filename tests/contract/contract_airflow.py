"""The kind ``airflow_dag`` against Airflow itself: its own description of its API, and a DAG that it runs.

Not part of the suite: ``make test-airflow`` installs an Airflow 3 under build/ first.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db.models.functions import Now

from jobs.actions import jobs, runs, secrets
from jobs.actions.jobs import JobDefinition
from jobs.choices import Isolation, RunState, Trigger
from jobs.engine.claim import claim
from jobs.engine.inline import run_inline
from jobs.models import Run, RunLog
from jobs.runners.airflow_api import Airflow as Client
from portal.audit.actions import Actor
from tests.conftest import Cast
from tests.contract.real_airflow import PASSWORDS, RealAirflow

# What we send and read, held once more against what this Airflow says of itself.
from tests.unit.jobs.test_airflow_description import (
    test_each_request_and_answer_is_one_of_airflows,
    test_what_we_read_is_what_airflow_answers,
)

__all__ = [
    "test_each_request_and_answer_is_one_of_airflows",
    "test_what_we_read_is_what_airflow_answers",
]

TESTS = Actor.system("tests")
PARAMETERS = {"type": "object", "properties": {"day": {"type": "string"}, "seconds": {"type": "number"}}}
# For all that one DAG run takes here.
PATIENCE = 120.0


@pytest.fixture(scope="module")
def airflow() -> Iterator[RealAirflow]:
    with RealAirflow() as one:
        yield one


@pytest.fixture(scope="module")
def described(airflow: RealAirflow) -> dict[str, Any]:
    return airflow.description()


@pytest.fixture
def begin(airflow: RealAirflow, settings: Any, db: None, cast: Cast) -> Callable[..., Run]:
    settings.OUTGOING_ALLOW = (("127.0.0.1", airflow.port),)
    for name, password in PASSWORDS.items():
        secrets.add(name=name, purpose="", value=password, hosts=["127.0.0.1"], user=cast.dan, by=TESTS)

    def one(
        *,
        dag: str = "load",
        user: str = "desk",
        secret: str = "",
        conf: dict[str, Any] | None = None,
        **params: Any,
    ) -> Run:
        sign_in = {"type": "password", "username": user, "secret": secret or user}
        definition = JobDefinition(
            key="dag",
            name_en="DAG",
            name_ko="DAG",
            kind="airflow_dag",
            isolation=Isolation.INLINE,
            parameters_schema=PARAMETERS,
            max_active_runs=9,
            config={"url": airflow.url, "dag_id": dag, "sign_in": sign_in, "conf": conf or {}},
        )
        job = jobs.register(definition=definition, by=TESTS)
        run = runs.trigger(
            job=job, params=params, by=TESTS, trigger=Trigger.MANUAL, requested_by=None, principal="user:1"
        ).run
        return look(run)

    return one


def look(run: Run) -> Run:
    Run.objects.filter(pk=run.pk).update(available_at=Now())
    held = claim("here")
    assert held is not None
    run_inline(held)
    run.refresh_from_db()
    return run


def until(run: Run, done: Callable[[Run], bool]) -> Run:
    end = time.monotonic() + PATIENCE
    while not done(look(run)):
        assert run.is_open, (run.state, run.error)
        assert time.monotonic() < end, (run.state, run.progress, run.elsewhere)
        time.sleep(0.5)
    return run


def ended(run: Run) -> bool:
    return not run.is_open


def client(airflow: RealAirflow) -> Client:
    return Client(airflow.url, sign_in={"username": "desk", "password": PASSWORDS["desk"]}, patience=30)


def lines(run: Run) -> list[str]:
    return [text for piece in RunLog.objects.filter(run=run).order_by("id") for _, _, text in piece.lines]


class TestRuns:
    """A DAG of two tasks, started, followed, failed and stopped."""

    def test_success(self, begin: Callable[..., Run], airflow: RealAirflow) -> None:
        run = begin(day="2013-01-01")
        assert run.state == RunState.DEFERRED, run.error
        until(run, ended)
        assert run.state == RunState.SUCCEEDED, run.error
        assert (run.outputs["tasks"], run.outputs["seconds"] > 0) == (2, True)
        assert {"task extract: success", "task publish: success"} <= set(lines(run))
        found = client(airflow).dag_run("load", f"data-desk-{run.pk}")
        assert found is not None
        assert (found["conf"], found["state"]) == ({"day": "2013-01-01"}, "success")
        assert not client(airflow).trigger("load", f"data-desk-{run.pk}", {}), "there is one already"

    def test_failure(self, begin: Callable[..., Run]) -> None:
        run = until(begin(conf={"fail": True}), ended)
        assert (run.state, run.error["class"]) == (RunState.FAILED, "failed_there")
        assert run.error["message"] == "The DAG run failed in Airflow, at: extract."

    def test_cancel(self, begin: Callable[..., Run], airflow: RealAirflow) -> None:
        run = until(begin(seconds=300), lambda run: "task extract: running" in lines(run))
        runs.cancel(run=run, by=TESTS)
        look(run)
        assert (run.state, run.error) == (RunState.CANCELLED, {})
        found = client(airflow).dag_run("load", f"data-desk-{run.pk}")
        assert found is not None
        assert found["state"] == "failed"
        tasks = dict(client(airflow).tasks("load", f"data-desk-{run.pk}"))
        assert tasks["extract"] == "failed", tasks

    def test_what_an_earlier_attempt_started_is_followed(
        self, begin: Callable[..., Run], airflow: RealAirflow
    ) -> None:
        run = begin()
        # As if the worker had died before it could let go.
        Run.objects.filter(pk=run.pk).update(state="queued", looks=0, elsewhere={}, attempt=0)
        look(run)
        assert run.state == RunState.DEFERRED, run.error
        assert any("was started before" in line for line in lines(run))
        assert until(run, ended).state == RunState.SUCCEEDED

    @pytest.mark.parametrize(
        ("wish", "words"),
        [
            ({"dag": "paused"}, "is paused in Airflow"),
            ({"dag": "unknown"}, "does not know the DAG 'unknown'"),
            ({"secret": "guest"}, "does not accept the sign-in"),
            ({"user": "guest"}, "forbids it (403)"),
        ],
    )
    def test_a_refusal_says_what_to_do(
        self, begin: Callable[..., Run], wish: dict[str, Any], words: str
    ) -> None:
        run = begin(**wish)
        assert (run.state, run.error["class"]) == (RunState.FAILED, "refused")
        assert words in run.error["message"]
