"""F07, F15 and life without a broker: wake-ups may be lost, doubled, forged or impossible; runs run."""

import os
import time
from pathlib import Path

import pytest

from jobs.choices import RunState
from jobs.engine.wake import TASK
from jobs.models import Run
from tests.faults.processes import Processes, ended, job, start, until

pytestmark = pytest.mark.fault


def all_ended() -> bool:
    return not Run.objects.open().exists()


def test_f07_fifty_runs_whose_wake_ups_were_wiped_all_run(processes: Processes) -> None:
    worker = processes.worker()
    quick = job("test-nothing")
    # Both slots are taken, so that the wake-ups lie in the broker when it forgets them.
    busy = [start(job("test-sleep"), seconds=2) for _ in range(2)]
    until(lambda: Run.objects.filter(state=RunState.RUNNING).count() == 2, what="both slots are taken")
    for _ in range(50):
        start(quick)
    processes.broker.wake(50)
    processes.broker.wipe()
    until(all_ended, seconds=30, what="all fifty ran without their wake-ups")
    assert Run.objects.filter(state=RunState.SUCCEEDED).count() == 50 + len(busy)
    assert worker.process.poll() is None


def test_f09_wake_ups_that_were_fetched_before_the_broker_hung_hold_up_nothing(processes: Processes) -> None:
    worker = processes.worker(WORKER_SLOTS="1", RUN_POLL="1")
    quick, busy = job("test-nothing"), start(job("test-sleep"), seconds=2)
    until(lambda: Run.objects.filter(state=RunState.RUNNING).exists(), what="the slot is taken")
    processes.broker.wake(30)
    until(lambda: processes.broker.waiting() == 0, what="all were fetched")
    with processes.broker.frozen():
        ended(busy)
        until(lambda: worker.text().count(" succeeded in ") >= 30, what="all were followed")
        for _ in range(3):
            ended(start(quick), seconds=10)


def test_f15_a_hundred_wake_ups_to_four_workers_execute_one_run_once(
    processes: Processes, tmp_path: Path
) -> None:
    for _ in range(4):
        processes.worker(WORKER_SLOTS="1", RUN_POLL="60")
    file = tmp_path / "executions"
    run = start(job("test-append"), path=str(file))
    processes.broker.wake(100)
    ended(run)
    until(lambda: processes.broker.waiting() == 0, what="every wake-up was taken")
    assert file.read_text() == "once\n"
    assert run.attempts.count() == 1


def test_f15_four_workers_share_many_runs_without_doubling_one(processes: Processes, tmp_path: Path) -> None:
    file = tmp_path / "executions"
    append = job("test-append")
    queued = [start(append, path=str(file)) for _ in range(60)]
    for _ in range(4):
        processes.worker(WORKER_SLOTS="1")
    processes.broker.wake(100)
    until(all_ended, seconds=30, what="all ran")
    assert file.read_text() == "once\n" * len(queued)
    assert all(run.attempts.count() == 1 for run in queued)


def test_a_worker_without_any_broker_still_runs_runs(processes: Processes) -> None:
    worker = processes.worker(redis_url="redis://127.0.0.1:1/0")
    asked_at = time.monotonic()
    assert ended(start(job("test-nothing")), seconds=8).state == RunState.SUCCEEDED
    assert time.monotonic() - asked_at < 8
    assert "Connection refused" in worker.text()


def test_a_broker_that_hangs_from_the_start_stops_nothing(processes: Processes) -> None:
    with processes.broker.frozen():
        processes.worker()
        assert ended(start(job("test-nothing")), seconds=8).state == RunState.SUCCEEDED


def test_a_broker_that_begins_to_hang_stops_nothing_and_is_used_again_afterwards(
    processes: Processes,
) -> None:
    worker = processes.worker()
    quick = job("test-nothing")
    ended(start(quick))
    with processes.broker.frozen():
        for _ in range(3):
            assert ended(start(quick), seconds=8).state == RunState.SUCCEEDED
    processes.broker.wake(1)
    until(lambda: processes.broker.waiting() == 0, seconds=30, what="the wake-up was taken")
    assert worker.process.poll() is None


class Exploding:
    """Where pickle is read, this runs a program."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self._file}",)


def test_f16_forged_and_broken_messages_are_refused_and_the_worker_lives(
    processes: Processes, tmp_path: Path
) -> None:
    """Whoever reaches the broker can wake workers and do nothing else."""
    worker = processes.worker(RUN_POLL="60")
    broker, quick, touched = processes.broker, job("test-nothing"), tmp_path / "touched"

    def woken() -> None:
        run = start(quick)
        broker.wake(1)
        assert ended(run, seconds=30).state == RunState.SUCCEEDED

    broker.wake(1, "rm -rf")
    until(lambda: "WakeUpCarriesArguments" in worker.text(), what="arguments were refused")
    broker.forge("os.system", f"touch {touched}")
    broker.forge(TASK, Exploding(touched), serializer="pickle")
    broker.forge(TASK, "x" * 5_000_000)
    woken()
    for raw in (b"\xff\xfe nothing", b"[]", b"{}", b'{"body": "!", "properties": {}}'):
        broker.push(raw)
    woken()
    until(lambda: broker.waiting() == 0, what="all were taken")
    assert not touched.exists()
    assert worker.process.poll() is None
    # 5 MB came in: the log tells of it in a line, not in 5 MB.
    assert len(worker.text()) < 200_000
