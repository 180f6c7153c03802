"""F32: 500 runs of one person and one of another: nobody starves, and no limit is ever exceeded."""

from collections.abc import Iterable
from datetime import datetime

import pytest

from jobs.actions import runs
from jobs.choices import Isolation, RunState, Trigger
from jobs.models import Attempt, Job, Pool, Run
from portal.accounts.models import User
from portal.demo.people import load_people
from tests.faults.processes import TESTS, Processes, job, until

pytestmark = pytest.mark.fault

MANY = 500
SLOTS, AT_ONCE = 3, 2


def ask(one: Job, who: User) -> Run:
    return runs.trigger(
        job=one,
        params={"seconds": 0.05},
        by=TESTS,
        trigger=Trigger.MANUAL,
        requested_by=who,
        principal=f"user:{who.pk}",
    ).run


def most_at_once(attempts: Iterable[Attempt]) -> int:
    """Count from begin and end, by the database's clock: a claim begins after the end that it saw."""
    steps: list[tuple[datetime, int]] = []
    for attempt in attempts:
        assert attempt.finished_at is not None
        steps += [(attempt.started_at, 1), (attempt.finished_at, -1)]
    going = most = 0
    for _, step in sorted(steps):
        going += step
        most = max(most, going)
    return most


def test_f32_one_run_beside_five_hundred_starts_with_the_next_free_slot(processes: Processes) -> None:
    people = load_people()
    crowd = [
        job("test-sleep", key=f"crowd-{n}", isolation=Isolation.INLINE, max_active_runs=AT_ONCE)
        for n in (1, 2)
    ]
    single = job("test-sleep", key="single", isolation=Isolation.INLINE, max_active_runs=1)
    assert Pool.objects.update(slots=SLOTS) == 1
    for n in range(MANY):
        ask(crowd[n % 2], people["ada"])
    # The crowd is gone in seconds, so that it begins when all workers are there.
    Job.objects.update(enabled=False)
    for _ in range(3):
        processes.worker(WORKER_SLOTS="4")
    Job.objects.update(enabled=True)
    until(lambda: Attempt.objects.count() > SLOTS * 2, what="the crowd is under way")
    waits = ask(single, people["ben"])
    assert Run.objects.filter(job__in=crowd, state=RunState.QUEUED).count() > MANY / 4, (
        "there is a crowd left"
    )
    asked_at = Run.objects.values_list("created_at", flat=True).get(pk=waits.pk)
    until(lambda: not Run.objects.open().exists(), seconds=120, what="all have ended")
    attempts = list(Attempt.objects.select_related("run"))
    begun = next(attempt.started_at for attempt in attempts if attempt.run_id == waits.pk)
    ahead = [attempt for attempt in attempts if asked_at < attempt.started_at < begun]
    # Those that were being claimed while the trigger was committed; each place was filled once at most.
    assert len(ahead) <= SLOTS, f"{len(ahead)} of the crowd went ahead"
    assert most_at_once(attempts) == SLOTS
    for each in crowd:
        assert most_at_once(one for one in attempts if one.run.job_id == each.pk) == AT_ONCE
    assert not Run.objects.exclude(state=RunState.SUCCEEDED).exists()
