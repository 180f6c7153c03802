"""A schedule starts runs by itself: a real clock makes its slots due, a real worker runs them, once each."""

import os
import signal

import pytest
from django.db.models import Count

from jobs.actions.jobs import ScheduleDefinition
from jobs.choices import RunState, Trigger
from jobs.models import Run
from tests.faults.processes import Processes, job, until

pytestmark = pytest.mark.fault


def _succeeded(least: int) -> bool:
    return Run.objects.filter(trigger=Trigger.SCHEDULE, state=RunState.SUCCEEDED).count() >= least


def test_two_clocks_start_each_slot_once_and_one_goes_on_when_the_other_dies(processes: Processes) -> None:
    scheduled = job("test-nothing", schedules=(ScheduleDefinition(interval=1),), max_active_runs=2)
    processes.worker()
    first = processes.clock()
    processes.clock()
    until(lambda: _succeeded(3), what="three slots ran under two clocks")
    os.kill(first.pid, signal.SIGKILL)
    before = scheduled.runs.count()
    until(lambda: _succeeded(before + 3), what="three more ran under the clock that is left")
    slots = scheduled.runs.values("slot").annotate(runs=Count("id"))
    assert {slot["runs"] for slot in slots} == {1}
    assert all(run.trigger == Trigger.SCHEDULE and run.slot for run in scheduled.runs.all())
    scheduled.schedules.update(enabled=False)
    until(lambda: not Run.objects.open().exists(), what="what was queued has ended")
