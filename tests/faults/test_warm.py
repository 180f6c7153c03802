"""A warm process serves run after run, and whatever happens to it, a run ends once."""

import os
import signal
import time

import pytest

from jobs.actions import runs
from jobs.choices import Isolation, Outcome, RunState
from jobs.models import Job, Run
from tests.faults.processes import LEASE, TESTS, Processes, alive, ended, job, pool_of, said, start, until
from tests.lake import Lake

pytestmark = pytest.mark.fault

# Some minutes of work in the engine, none of it in Python.
LONG = "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE (a.range * b.range) % 7 = 3"
ONE = {"WORKER_SLOTS": "1"}


def reading(**fields: object) -> Job:
    return job("test-read", isolation=Isolation.WARM, **fields)


@pytest.fixture(autouse=True)
def published(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give every worker of the test the same lake with one table in it."""
    lake.publish("tests.numbers", "SELECT range AS number FROM range(10)")
    for name in ("LAKE_SCHEMA", "LAKE_DATA"):
        monkeypatch.setenv(name, lake.environment[name])


def test_one_process_serves_run_after_run(processes: Processes) -> None:
    processes.worker(**ONE)
    reads = reading()
    outputs = [ended(start(reads, sql=f"SELECT {number}")).outputs for number in range(4)]
    assert [each["rows"] for each in outputs] == [[["0"]], [["1"]], [["2"]], [["3"]]]
    assert len({each["pid"] for each in outputs}) == 1


def test_a_fork_goes_on_beside_it_and_inherits_nothing_of_it(processes: Processes) -> None:
    processes.worker(**ONE)
    pid = ended(start(reading())).outputs["pid"]
    outputs = ended(start(job("test-process"))).outputs
    assert (len(outputs["descriptors"]) <= 6, outputs["threads"], outputs["heavy"]) == (True, 1, [])
    assert ended(start(reading())).outputs["pid"] == pid


def test_it_is_replaced_after_its_share_of_runs_and_leaves_when_idle(processes: Processes) -> None:
    processes.worker(**ONE, WARM_RUNS="2", WARM_IDLE="4")
    reads = reading()
    pids = [ended(start(reads)).outputs["pid"] for _ in range(3)]
    assert pids[0] == pids[1] != pids[2]
    until(lambda: not alive(pids[2]), seconds=15, what="the idle process left")
    assert ended(start(reads)).outputs["rows"] == [["1"]]


def test_a_query_is_cancelled_within_three_seconds_and_the_process_lives_on(processes: Processes) -> None:
    processes.worker(**ONE)
    ended(start(reading()))
    run = start(reading(), sql=LONG)
    pid = int(said(run, "reading")[0])
    asked_at = time.monotonic()
    runs.cancel(run=run, by=TESTS)
    assert ended(run).state == RunState.CANCELLED
    assert time.monotonic() - asked_at < 3
    after = ended(start(reading()))
    assert (after.state, after.error, after.outputs.get("pid")) == (RunState.SUCCEEDED, {}, pid)


def test_a_query_is_stopped_at_its_time_limit(processes: Processes) -> None:
    processes.worker(**ONE)
    run = ended(start(reading(timeout=1), sql=LONG), seconds=10)
    assert (run.state, run.error["class"]) == (RunState.TIMED_OUT, "timeout")


def test_a_body_that_answers_no_interrupt_is_killed(processes: Processes) -> None:
    processes.worker(**ONE)
    run = start(job("test-deaf", isolation=Isolation.WARM))
    said(run, "deaf")
    asked_at = time.monotonic()
    runs.cancel(run=run, by=TESTS)
    assert ended(run).state == RunState.CANCELLED
    assert time.monotonic() - asked_at < 4
    assert ended(start(reading())).outputs["rows"] == [["1"]]


def test_too_much_memory_fails_one_run(processes: Processes) -> None:
    processes.worker(**ONE, LAKE_MEMORY="64MB")
    hungry = "SELECT list(range) FROM range(100000000)"
    run = ended(start(reading(max_attempts=1), sql=hungry), seconds=30)
    assert (run.state, run.error["class"]) == (RunState.FAILED, "bad_input")
    assert run.error["message"] == "The query needs more memory than it may have."
    assert ended(start(reading())).outputs["rows"] == [["1"]]


def test_a_killed_process_fails_its_run_once_and_the_next_run_gets_another(processes: Processes) -> None:
    processes.worker(**ONE)
    run = start(reading(max_attempts=1), sql=LONG)
    pid = int(said(run, "reading")[0])
    os.kill(pid, signal.SIGKILL)
    ended(run, seconds=5)
    assert (run.state, run.error["class"]) == (RunState.FAILED, "crash")
    assert "SIGKILL" in run.error["message"]
    after = ended(start(reading()))
    assert after.state == RunState.SUCCEEDED
    assert after.outputs["pid"] != pid


def test_a_process_killed_while_idle_costs_no_run(processes: Processes) -> None:
    processes.worker(**ONE)
    pid = ended(start(reading(max_attempts=1))).outputs["pid"]
    os.kill(pid, signal.SIGKILL)
    assert ended(start(reading(max_attempts=1))).state == RunState.SUCCEEDED


def test_it_dies_with_its_pool_child_and_the_run_goes_on(processes: Processes) -> None:
    processes.clock()
    processes.worker(**ONE)
    run = start(reading(), sql=LONG)
    body, supervisor = map(int, said(run, "reading"))
    os.kill(supervisor, signal.SIGKILL)
    until(lambda: not alive(body), seconds=3, what="the warm process died with its pool child")
    again = int(said(run, "reading", times=2, seconds=LEASE + 40)[0])
    assert again != body
    runs.cancel(run=run, by=TESTS)
    assert ended(run).state == RunState.CANCELLED
    assert [attempt.outcome for attempt in run.attempts.all()] == [Outcome.LOST, Outcome.CANCELLED]


def test_it_dies_idle_with_its_worker(processes: Processes) -> None:
    worker = processes.worker(**ONE)
    pid = ended(start(reading())).outputs["pid"]
    worker.kill_group()
    until(lambda: not alive(pid), seconds=3, what="the idle warm process died")


def test_sigterm_hands_the_run_over(processes: Processes) -> None:
    worker = processes.worker(**ONE)
    run = start(reading(), sql=LONG)
    pid = int(said(run, "reading")[0])
    # As a service manager does: everything at once.
    for target in (worker.pid, *pool_of(worker), pid):
        os.kill(target, signal.SIGTERM)
    until(lambda: worker.process.poll() is not None, seconds=20, what="the worker left")
    run.refresh_from_db()
    assert (run.state, run.reason, run.attempt) == (RunState.QUEUED, "handed_over", 0)
    assert not alive(pid)
    runs.cancel(run=run, by=TESTS)


def test_who_lost_the_lease_writes_nothing(processes: Processes) -> None:
    processes.worker(**ONE)
    run = start(reading(), sql=LONG)
    pid = int(said(run, "reading")[0])
    # Another holder, as the clock makes one.
    Run.objects.filter(pk=run.pk).update(fence=99)
    run.attempts.update(fence=99)
    until(lambda: not alive(pid), seconds=LEASE + 3, what="the stale body was ended")
    run.refresh_from_db()
    assert (run.state, run.fence, run.outputs) == (RunState.RUNNING, 99, {})
    Run.objects.filter(pk=run.pk).delete()
