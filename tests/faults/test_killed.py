"""F01, F02: whatever is killed, a run that was accepted ends once."""

import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from jobs.choices import Isolation, Outcome, RunState
from jobs.models import Pool, Run
from tests.faults.processes import LEASE, Processes, Started, alive, ended, job, pool_of, said, start, until

pytestmark = pytest.mark.fault

# `make soak` has more of both.
WORKER_KILLS = int(os.environ.get("F01_KILLS", "3"))
CLAIM_SIGNALS = int(os.environ.get("F06_SIGNALS", "24"))


def holder(workers: list[Started], pid: int) -> Started:
    return next(worker for worker in workers if pid in pool_of(worker))


def gone(body: int) -> None:
    until(lambda: not alive(body), seconds=3, what="the body died with its supervisor")


def test_f01_a_killed_worker_s_run_is_taken_up_by_another(processes: Processes) -> None:
    processes.clock()
    sleeping = job("test-sleep-once")
    workers = [processes.worker(), processes.worker()]
    for _ in range(WORKER_KILLS):
        run = start(sleeping, seconds=60)
        body, supervisor = map(int, said(run, "asleep"))
        victim = holder(workers, supervisor)
        killed_at = time.monotonic()
        victim.kill_group()
        gone(body)
        ended(run, seconds=LEASE + 10)
        assert time.monotonic() - killed_at < LEASE + 10
        assert (run.state, run.attempt) == (RunState.SUCCEEDED, 2)
        assert [attempt.outcome for attempt in run.attempts.all()] == [Outcome.LOST, Outcome.SUCCEEDED]
        workers = [worker for worker in workers if worker is not victim] + [processes.worker()]


def test_f02_a_killed_body_fails_at_once_where_no_attempt_is_left(processes: Processes) -> None:
    processes.worker()
    run = start(job("test-sleep", max_attempts=1), seconds=60)
    os.kill(int(said(run, "asleep")[0]), signal.SIGKILL)
    ended(run, seconds=5)
    assert run.state == RunState.FAILED
    assert run.error["class"] == "crash"
    assert "SIGKILL" in run.error["message"]


def test_f02_a_killed_body_is_tried_again(processes: Processes) -> None:
    processes.worker()
    run = start(job("test-sleep-once", max_attempts=2), seconds=60)
    os.kill(int(said(run, "asleep")[0]), signal.SIGKILL)
    ended(run, seconds=10)
    assert (run.state, run.attempt) == (RunState.SUCCEEDED, 2)


def test_f02_a_killed_pool_child_takes_its_body_along_and_the_run_goes_on(processes: Processes) -> None:
    processes.clock()
    processes.worker()
    run = start(job("test-sleep-once"), seconds=60)
    body, supervisor = map(int, said(run, "asleep"))
    os.kill(supervisor, signal.SIGKILL)
    until(lambda: not alive(body), seconds=3, what="the body died with its supervisor")
    ended(run, seconds=LEASE + 10)
    assert (run.state, run.attempt) == (RunState.SUCCEEDED, 2)


def test_f02_killing_idle_pool_children_leaves_a_working_pool(processes: Processes) -> None:
    worker = processes.worker()
    quick = job("test-nothing")
    ended(start(quick))
    for child in pool_of(worker):
        os.kill(child, signal.SIGKILL)
    for _ in range(4):
        assert ended(start(quick), seconds=10).state == RunState.SUCCEEDED


def test_a_run_whose_workers_keep_dying_is_lost_after_its_attempts(processes: Processes) -> None:
    processes.clock()
    processes.worker()
    run = start(job("test-sleep", max_attempts=2), seconds=60)
    for times in (1, 2):
        os.kill(int(said(run, "asleep", times=times, seconds=LEASE + 10)[1]), signal.SIGKILL)
    ended(run, seconds=LEASE + 10)
    assert (run.state, run.attempt) == (RunState.LOST, 2)


def test_sigterm_to_a_pool_child_alone_hands_its_run_over(processes: Processes) -> None:
    processes.worker()
    run = start(job("test-sleep-once"), seconds=60)
    body, supervisor = map(int, said(run, "asleep"))
    os.kill(supervisor, signal.SIGTERM)
    ended(run, seconds=15)
    assert (run.state, run.attempt, run.hand_overs) == (RunState.SUCCEEDED, 1, 1)
    assert not alive(body)


def test_sigterm_to_a_worker_hands_its_runs_over_within_the_grace(processes: Processes) -> None:
    worker = processes.worker()
    run = start(job("test-sleep-once"), seconds=60)
    said(run, "asleep")
    worker.process.send_signal(signal.SIGTERM)
    asked_at = time.monotonic()
    until(lambda: worker.process.poll() is not None, seconds=20, what="the worker left")
    assert worker.process.returncode == 0
    assert time.monotonic() - asked_at < 15
    run.refresh_from_db()
    assert (run.state, run.reason, run.attempt) == (RunState.QUEUED, "handed_over", 0)
    processes.worker()
    assert ended(run).attempt == 1


def test_f05_of_ten_runs_on_a_worker_that_leaves_none_is_lost_however_often_it_is_told(
    processes: Processes,
) -> None:
    """A second SIGTERM hurries nothing; SIGKILL after the grace leaves the rest to their leases."""
    processes.clock()
    sleeping = job("test-sleep-once", max_attempts=2)
    Pool.objects.update(slots=10)
    worker = processes.worker(WORKER_SLOTS="10", RUN_GRACE="30")
    under_way = [start(sleeping, seconds=60) for _ in range(9)]
    soon_over = start(job("test-sleep"), seconds=3)
    for run in (*under_way, soon_over):
        said(run, "asleep")
    for _ in range(2):
        worker.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
    waits = start(job("test-nothing"))
    ended(soon_over, seconds=10)
    assert (soon_over.state, soon_over.attempt) == (RunState.SUCCEEDED, 1), "what ends within the grace ends"
    waits.refresh_from_db()
    assert waits.state == RunState.QUEUED, "nothing new is taken"
    assert worker.process.poll() is None
    worker.kill_group()
    processes.worker(WORKER_SLOTS="4")
    for run in (*under_way, waits):
        ended(run, seconds=LEASE + 25)
        assert run.state == RunState.SUCCEEDED
    assert {run.attempt for run in under_way} == {2}


def _within(seconds: float, holds: Callable[[], bool]) -> bool:
    with suppress(AssertionError):
        return bool(until(holds, seconds=seconds))
    return False


def test_f06_sigterm_while_a_run_is_claimed_leaves_none_behind(processes: Processes) -> None:
    """A signal at any moment of the claim, its COMMIT among them: the run is queued, held, or over."""
    worker = processes.worker(WORKER_SLOTS="2")
    quick = job("test-sleep", key="test-inline", isolation=Isolation.INLINE)
    chance = random.Random(6)
    queued = []
    for number in range(CLAIM_SIGNALS):
        run = start(quick, seconds=0.2 * (number % 2))
        queued.append(run)
        time.sleep(chance.uniform(0, 0.05))
        if number % 2:
            # The signal meets this one while it is worked on.
            until(Run.objects.filter(pk=run.pk, state=RunState.RUNNING).exists, what="it runs")
        for child in pool_of(worker):
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGTERM)
    # No clock reaps here: what was left behind without a holder would stay running.
    if not _within(10, lambda: not Run.objects.open().exists()):
        # A child that died while it read may leave the pool deaf: the watchdog ends such a worker after a
        # minute, and whoever keeps workers starts another. Here that is done at once.
        assert _within(30, lambda: not Run.objects.filter(state=RunState.RUNNING).exists())
        worker.kill_group()
        processes.worker(WORKER_SLOTS="2")
        processes.clock()
    for run in queued:
        ended(run, seconds=60)
        assert (run.state, run.attempts.filter(outcome=Outcome.SUCCEEDED).count()) == (RunState.SUCCEEDED, 1)
