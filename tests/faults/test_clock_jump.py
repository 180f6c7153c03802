"""F17: the clocks of a web, a worker and a clock jump by an hour and by a day; the database's does not.

A library of ours (wrong_clock.c) stands between these processes and the system's clock, and the jump comes
while they run. libfaketime was tried: with it Python's waits fail or never end. Where there is no C compiler
the test is skipped, unless REQUIRE_COMPILER says that there must be one.
"""

import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from jobs.actions.jobs import ScheduleDefinition
from jobs.choices import Misfire, RunState, Trigger
from jobs.models import Attempt, Job, Run, RunEvent, Worker
from portal.accounts.models import ApiToken
from portal.demo.people import load_people
from tests.factories.tokens import bearer
from tests.faults.processes import LEASE, Processes, ended, job, said, start, until
from tests.faults.web import Visitor, serving
from tests.stack import free_port

pytestmark = [pytest.mark.fault, pytest.mark.xdist_group("web")]

SOURCE = Path(__file__).with_name("wrong_clock.c")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
EVERY = 2


class WrongClock:
    """What the processes that were started with ``environment`` take for the time, beside the real one."""

    def __init__(self, folder: Path, compiler: str) -> None:
        library = folder / "wrong_clock.so"
        command = [compiler, "-shared", "-fPIC", "-O2", "-Wall", "-o", str(library), str(SOURCE), "-ldl"]
        subprocess.run(command, check=True)
        self._file = folder / "ahead"
        self._file.write_bytes(bytes(8))
        self.environment = {"LD_PRELOAD": str(library), "WRONG_CLOCK": str(self._file)}

    def jump(self, by: timedelta) -> None:
        """Let their clocks differ by this from now on."""
        with self._file.open("r+b") as file:
            file.write(int(by.total_seconds()).to_bytes(8, sys.byteorder, signed=True))


@pytest.fixture
def wrong(tmp_path: Path) -> WrongClock:
    compiler = shutil.which("cc")
    if compiler is None:
        if os.environ.get("REQUIRE_COMPILER") == "1":
            pytest.fail("there is no C compiler (cc), and REQUIRE_COMPILER asks for one")
        pytest.skip("there is no C compiler (cc)")
    return WrongClock(tmp_path, compiler)


def test_f17_clocks_that_jump_cost_no_run_its_lease_and_no_slot(
    processes: Processes, wrong: WrongClock, tmp_path: Path
) -> None:
    began = datetime.now(UTC)
    people = load_people()
    every = ScheduleDefinition(interval=EVERY, misfire=Misfire.ALL, max_catchup=1000)
    scheduled = job("test-nothing", schedules=(every,), max_active_runs=100)
    sleeper = job("test-sleep", max_attempts=1)
    port = free_port()
    started = processes.web(port, LAKE_DATA=str(tmp_path), **wrong.environment)
    astray = processes.worker(WORKER_SLOTS="1", **wrong.environment)
    processes.worker(WORKER_SLOTS="2")
    processes.clock(**wrong.environment)
    processes.clock()
    web = serving(started, port)
    cleo = web.visitor().sign_in("cleo")
    token = web.visitor(**bearer(people["dan"], "jobs:run"))
    short = bearer(people["dan"], "jobs:read")
    ApiToken.objects.filter(pk=ApiToken.objects.latest("pk").pk).update(expires_at=began + 2 * HOUR)

    for by in (HOUR, -HOUR, DAY, -DAY, timedelta(0)):
        # It holds two leases when the jump comes, one of them by the worker whose clock it is.
        sleepers = [start(sleeper, seconds=2 * LEASE) for _ in range(2)]
        for each in sleepers:
            said(each, "asleep")
        wrong.jump(by)
        assert abs(time_of(web.visitor()) - datetime.now(UTC) - by) < timedelta(seconds=5), (
            "the clock is wrong"
        )
        run_by_the_web(token, by)
        assert cleo.ask("/jobs/").status == 200, "who was signed in still is"
        # When a token ends is told by the database's clock.
        assert web.visitor(**short).ask("/api/v1/jobs").status == 200
        for each in sleepers:
            ended(each, seconds=2 * LEASE + 20)
            assert (each.state, each.attempts.count()) == (RunState.SUCCEEDED, 1), (by, each.error)

    scheduled.schedules.update(enabled=False)
    until(lambda: not Run.objects.open().exists(), seconds=40, what="what was queued has ended")
    each_slot_has_run_once(scheduled)
    everything_happened_between(began, datetime.now(UTC))
    assert Attempt.objects.filter(worker=Worker.objects.get(pid=astray.pid).name).count() > 3


def time_of(visitor: Visitor) -> datetime:
    """Return what the web takes for the time."""
    return datetime.strptime(visitor.ask("/livez").headers["Date"], "%a, %d %b %Y %H:%M:%S GMT").replace(
        tzinfo=UTC
    )


def run_by_the_web(token: Visitor, by: timedelta) -> None:
    answer = token.ask("/api/v1/jobs/test-nothing/runs", body={"params": {}})
    assert answer.status == 201, answer.text
    run = ended(Run.objects.get(pk=answer.json["id"]))
    assert run.state == RunState.SUCCEEDED, by


def each_slot_has_run_once(scheduled: Job) -> None:
    runs = scheduled.runs.filter(trigger=Trigger.SCHEDULE)
    slots = sorted(slot for slot in runs.values_list("slot", flat=True) if slot)
    assert len(slots) == runs.count() > 10
    assert {later - slot for slot, later in pairwise(slots)} == {timedelta(seconds=EVERY)}


def everything_happened_between(began: datetime, over: datetime) -> None:
    """Check that nobody's own clock is in what is kept of runs."""
    second = timedelta(seconds=1)
    kept = {
        name: list(rows.values_list(name.partition(".")[2], flat=True))
        for name, rows in {
            "run.created_at": Run.objects.all(),
            "run.available_at": Run.objects.all(),
            "run.started_at": Run.objects.all(),
            "run.finished_at": Run.objects.all(),
            "attempt.started_at": Attempt.objects.all(),
            "attempt.finished_at": Attempt.objects.all(),
            "event.at": RunEvent.objects.all(),
            "worker.polled_at": Worker.objects.all(),
        }.items()
    }
    for name, moments in kept.items():
        outside = [each for each in moments if not began - second <= each <= over + second]
        assert not outside, (name, outside[:3])
