"""A schedule starts runs by itself: a real clock makes its slots due, a real worker runs them, once each."""

import os
import signal
import time
from datetime import timedelta
from itertools import pairwise

import pytest

from jobs.actions.jobs import ScheduleDefinition
from jobs.choices import Misfire, RunState, Trigger
from jobs.models import Run
from tests.faults.processes import Processes, job, until

pytestmark = pytest.mark.fault


def _succeeded(least: int) -> bool:
    return Run.objects.filter(trigger=Trigger.SCHEDULE, state=RunState.SUCCEEDED).count() >= least


def test_f04_clocks_that_are_killed_make_no_slot_twice_and_lose_none(processes: Processes) -> None:
    every_second = ScheduleDefinition(interval=1, misfire=Misfire.ALL, max_catchup=100)
    scheduled = job("test-nothing", schedules=(every_second,), max_active_runs=100)
    processes.worker()
    first = processes.clock()
    second = processes.clock()
    until(lambda: _succeeded(3), what="three slots ran under two clocks")
    os.kill(first.pid, signal.SIGKILL)
    before = scheduled.runs.count()
    until(lambda: _succeeded(before + 3), what="three more ran under the clock that is left")
    os.kill(second.pid, signal.SIGKILL)
    time.sleep(3)
    before = scheduled.runs.count()
    processes.clock()
    until(lambda: _succeeded(before + 3), what="what passed without a clock ran under the next")
    scheduled.schedules.update(enabled=False)
    until(lambda: not Run.objects.open().exists(), what="what was queued has ended")
    made = sorted(slot for slot in scheduled.runs.values_list("slot", flat=True) if slot)
    assert len(made) == scheduled.runs.count()
    assert {later - slot for slot, later in pairwise(made)} == {timedelta(seconds=1)}
    assert all(run.trigger == Trigger.SCHEDULE for run in scheduled.runs.all())
