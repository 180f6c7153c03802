"""A worker whose pool takes nothing any more ends itself; one whose pool is busy does not."""

import os
import signal
import time

import pytest

from jobs.choices import RunState
from tests.faults.impatient import SECONDS
from tests.faults.processes import Processes, ended, job, pool_of, said, start, until

pytestmark = pytest.mark.fault
APP = "tests.faults.impatient"


def test_a_worker_whose_pool_is_deaf_ends_and_the_next_one_takes_its_work(processes: Processes) -> None:
    deaf = processes.worker(app=APP)
    quick = job("test-nothing")
    ended(start(quick))
    for child in pool_of(deaf):
        os.kill(child, signal.SIGSTOP)
    waits = start(quick)
    until(lambda: deaf.process.poll() is not None, seconds=SECONDS + 10, what="the deaf worker ended")
    assert deaf.process.returncode == 1
    assert "pool_is_deaf" in deaf.text()
    waits.refresh_from_db()
    assert waits.state == RunState.QUEUED
    deaf.kill_group()
    processes.worker()
    assert ended(waits).state == RunState.SUCCEEDED


def test_a_worker_whose_pool_is_busy_stays(processes: Processes) -> None:
    """A wake-up took the only child, so what the poller hands waits longer than a deaf pool may."""
    busy = processes.worker(app=APP, WORKER_SLOTS="1", RUN_POLL="2")
    long = start(job("test-sleep"), seconds=int(SECONDS * 2.5))
    processes.broker.wake(1)
    said(long, "asleep")
    waits = start(job("test-nothing"))
    time.sleep(SECONDS * 2)
    assert busy.process.poll() is None, busy.text()[-2000:]
    assert ended(long).state == RunState.SUCCEEDED
    assert ended(waits).state == RunState.SUCCEEDED
