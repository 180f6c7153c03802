"""F12, F13, F14: who was away for longer than the lease stops by itself, and changes nothing afterwards."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from jobs.actions import runs
from jobs.artifacts import ARTIFACTS
from jobs.choices import Outcome, RunState, Trigger
from jobs.models import Run, Worker
from portal.accounts.models import User
from portal.demo.people import load_people
from portal.notifications.models import Notification
from tests.faults.conftest import _clear
from tests.faults.invariants import assert_invariants
from tests.faults.own import OwnDatabase
from tests.faults.partition import Way
from tests.faults.processes import (
    LEASE,
    TESTS,
    Broker,
    Processes,
    Started,
    alive,
    bodies_of,
    ended,
    job,
    pool_of,
    said,
    start,
    until,
)

pytestmark = [pytest.mark.fault, pytest.mark.xdist_group("web")]

ONE = {"WORKER_SLOTS": "1"}


def taken_over(run: Run) -> None:
    """Check that the run ended once, as the second holder had it."""
    ended(run, seconds=LEASE + 15)
    assert (run.state, run.attempt) == (RunState.SUCCEEDED, 2)
    assert [attempt.outcome for attempt in run.attempts.all()] == [Outcome.LOST, Outcome.SUCCEEDED]
    assert run.outputs == {"fence": run.attempts.last().fence}
    assert [event.kind for event in run.events.all()].count("succeeded") == 1
    # Nothing that the first holder made or would have said is there.
    assert [(each.name, each.fence) for each in run.artifacts.all()] == [(f"by-{run.fence}.txt", run.fence)]
    assert not Notification.objects.filter(about_kind="failure", about_key=str(run.pk)).exists()


def asked(user: User, **params: object) -> Run:
    """Start a run that makes a file, for somebody who would be told if it failed."""
    return runs.trigger(
        job=job("test-make-once"),
        params=params,
        by=TESTS,
        trigger=Trigger.MANUAL,
        requested_by=user,
        principal="user:1",
    ).run


def has_told(worker: Started, times: int) -> bool:
    return worker.text().count("fenced") == times


def fenced_once(worker: Started) -> None:
    until(lambda: "fenced" in worker.text(), seconds=10, what="the old holder saw that it is one")
    time.sleep(0.5)
    assert worker.text().count("fenced") == 1


@pytest.fixture
def way() -> Iterator[Way]:
    one = Way()
    yield one
    one.close()


def test_f13_f14_a_holder_that_was_cut_off_or_stood_still_writes_nothing(
    processes: Processes, way: Way, settings: object
) -> None:
    settings.VAR = processes.folder / "var"  # type: ignore[attr-defined]
    dan = load_people()["dan"]
    processes.clock()
    far = processes.worker(**ONE, DATABASE_URL=way.url)
    run = asked(dan, seconds=60)
    body, _ = map(int, said(run, "asleep"))
    near = processes.worker(**ONE)

    # Cut off: nobody can tell it that it has lost the run, so it ends its body before another may begin.
    with way.cut():
        cut_at = time.monotonic()
        until(lambda: not alive(body), seconds=LEASE, what="the body was ended by its own supervisor")
        taken_over(run)
        assert time.monotonic() - cut_at < LEASE + 15
    fenced_once(far)
    before = Worker.objects.get(pid=far.pid).polled_at
    until(lambda: Worker.objects.get(pid=far.pid).polled_at > before, what="who was cut off polls again")

    # Stood still, and the body went on to its end: what it has to say comes too late, be it good or bad.
    for fail in (False, True):
        late = asked(dan, seconds=1, fail=fail)
        _, supervisor = map(int, said(late, "asleep"))
        holder = near if supervisor in pool_of(near) else far
        told = holder.text().count("fenced")
        os.kill(supervisor, signal.SIGSTOP)
        taken_over(late)
        os.kill(supervisor, signal.SIGCONT)
        until(partial(has_told, holder, told + 1), seconds=10, what="it saw that it came too late")
        # A round of the clock, which tells people of ends.
        time.sleep(2)
        taken_over(late)
    assert len([path for path in ARTIFACTS.folder().rglob("*") if path.is_file()]) == 3
    assert ended(start(job("test-nothing"))).state == RunState.SUCCEEDED
    assert [one.process.poll() for one in (near, far)] == [None, None]


@contextmanager
def on_its_own(broker: Broker, folder: Path) -> Iterator[Processes]:
    _clear()
    processes = Processes(folder, broker)
    try:
        yield processes
        assert_invariants(var=folder / "var")
    finally:
        processes.stop()


def test_f12_a_database_that_froze_for_longer_than_the_lease_has_one_attempt_go_on(
    own: OwnDatabase, broker: Broker, tmp_path: Path
) -> None:
    with on_its_own(broker, tmp_path) as processes:
        processes.clock()
        worker = processes.worker(**ONE)
        run = asked(load_people()["dan"], seconds=60)
        body, supervisor = map(int, said(run, "asleep"))
        with own.frozen():
            until(lambda: not alive(body), seconds=LEASE, what="the body was ended by its own supervisor")
            assert bodies_of(supervisor) == []
            time.sleep(LEASE)
        taken_over(run)
        fenced_once(worker)
