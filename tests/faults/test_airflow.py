"""Runs that wait in Airflow, with real workers and clocks: one DAG run each, whoever dies meanwhile."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings

from jobs.actions import jobs, runs
from jobs.actions.jobs import JobDefinition
from jobs.choices import Outcome, RunState
from jobs.models import Job, Run, Secret
from tests.airflow import TOKEN, Airflow
from tests.faults.processes import TESTS, Processes, ended, job, log_lines, start, until

pytestmark = pytest.mark.fault


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Airflow]:
    with Airflow() as one:
        monkeypatch.setattr(settings, "OUTGOING_ALLOW", (("127.0.0.1", one.port),))
        monkeypatch.setenv("OUTGOING_ALLOW", f"127.0.0.1:{one.port}")
        monkeypatch.setenv("KEY_RING_FILE", str(settings.KEY_RING_FILE))
        yield one


@pytest.fixture
def make(processes: Processes, airflow: Airflow) -> Iterator[Callable[..., Job]]:
    secret = Secret(name="airflow", hosts=["127.0.0.1"])
    secret.put(TOKEN)
    secret.save()

    def one(**fields: Any) -> Job:
        sign_in = {"type": "token", "secret": "airflow"}
        config = {"url": airflow.url, "dag_id": "load", "sign_in": sign_in, "look_every": 1, "patience": 5}
        values = {"max_active_runs": 9, "timeout": 60, "backoff": 1, "backoff_cap": 1, **fields}
        definition = JobDefinition(
            key="dag", name_en="DAG", name_ko="DAG", kind="airflow_dag", config=config, **values
        )
        return jobs.register(definition=definition, by=TESTS)

    yield one
    secret.delete()


def deferred(*wanted: Run) -> Callable[[], bool]:
    pks = [run.pk for run in wanted]
    return lambda: Run.objects.filter(pk__in=pks, state=RunState.DEFERRED).count() == len(pks)


def test_a_worker_killed_between_trigger_and_defer_starts_no_second_dag_run(
    processes: Processes, airflow: Airflow, make: Callable[..., Job]
) -> None:
    airflow.may_answer.clear()
    processes.clock()
    worker = processes.worker(WORKER_SLOTS="1")
    run = start(make())
    assert airflow.triggered.wait(20)
    worker.kill_group()
    airflow.may_answer.set()
    processes.worker(WORKER_SLOTS="1")
    until(deferred(run), what="another worker let it wait")
    airflow.end("success")
    ended(run)
    assert (run.state, run.attempt, len(airflow.runs)) == (RunState.SUCCEEDED, 2, 1)
    assert [each.outcome for each in run.attempts.all()] == [Outcome.LOST, Outcome.SUCCEEDED]
    assert any("was started before" in line for line in log_lines(run))


def test_many_wait_beside_one_slot_and_two_clocks_and_a_cancel_reaches_airflow(
    processes: Processes, airflow: Airflow, make: Callable[..., Job]
) -> None:
    for _ in range(2):
        processes.clock()
    worker = processes.worker(WORKER_SLOTS="1")
    one = make()
    waiting = [start(one) for _ in range(4)]
    until(deferred(*waiting), what="all wait")
    # No worker is held, and the clocks go on.
    assert ended(start(job("test-nothing"))).state == RunState.SUCCEEDED
    stopped, *others = waiting
    runs.cancel(run=stopped, by=TESTS)
    assert ended(stopped).state == RunState.CANCELLED
    key = ("load", f"data-desk-{stopped.pk}")
    assert airflow.runs[key]["state"] == "failed"
    # A worker dies with whatever it looks after just now; it costs nobody an attempt.
    worker.kill_group()
    for known in airflow.runs.keys() - {key}:
        airflow.runs[known]["state"] = "success"
    processes.worker(WORKER_SLOTS="2")
    for run in others:
        ended(run)
        assert (run.state, run.attempt) == (RunState.SUCCEEDED, 1)
    assert len(airflow.runs) == 4
    assert len(airflow.bodies("POST")) == 4


def test_the_time_limit_is_kept_while_airflow_hangs(
    processes: Processes, airflow: Airflow, make: Callable[..., Job]
) -> None:
    processes.clock()
    processes.worker(WORKER_SLOTS="1")
    run = start(make(timeout=6))
    until(deferred(run), what="it waits")
    airflow.serving.clear()
    stops = run.events.filter(kind="resumed", data__stop="time_out")
    until(stops.exists, what="the look that hangs is over, and the DAG run is to be stopped")
    airflow.serving.set()
    ended(run)
    assert (run.state, airflow.run["state"]) == (RunState.TIMED_OUT, "failed")
