"""Schedules: right across DST, each slot once, what was missed is told."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.actions import schedules
from jobs.actions.jobs import ScheduleDefinition
from jobs.choices import Misfire, OnConflict, RunState
from jobs.engine import clock
from jobs.engine.due import choose
from jobs.engine.slots import next_slots, slots_after
from jobs.exceptions import InvalidDefinition
from jobs.models import Job, Run, RunEvent, Schedule
from jobs.partitions import params_at
from tests.unit.jobs.conftest import TESTS

Make = Callable[..., Job]
HOUR = timedelta(hours=1)


def test_a_night_job_runs_once_when_the_clocks_go_back() -> None:
    schedule = Schedule(cron="30 2 * * *", zone="Europe/Berlin")
    slots = next_slots(schedule, datetime(2026, 10, 24, 12, tzinfo=UTC), 2)
    assert slots == [datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 26, 1, 30, tzinfo=UTC)]


def test_a_night_job_runs_once_when_the_clocks_go_forward() -> None:
    schedule = Schedule(cron="30 2 * * *", zone="Europe/Berlin")
    slots = next_slots(schedule, datetime(2027, 3, 27, 12, tzinfo=UTC), 2)
    assert slots == [datetime(2027, 3, 28, 1, 0, tzinfo=UTC), datetime(2027, 3, 29, 0, 30, tzinfo=UTC)]


@pytest.mark.parametrize(
    ("zone", "cron", "day"),
    [
        ("Europe/Berlin", "30 2 * * *", datetime(2026, 10, 25, tzinfo=UTC)),
        ("America/New_York", "30 1 * * *", datetime(2026, 11, 1, tzinfo=UTC)),
    ],
)
def test_within_an_hour_that_comes_twice_no_slot_is_in_the_past(zone: str, cron: str, day: datetime) -> None:
    schedule = Schedule(cron=cron, zone=zone)
    for minute in range(0, 12 * 60, 7):
        moment = day + timedelta(minutes=minute)
        assert next_slots(schedule, moment, 1)[0] > moment


@given(
    zone=st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Seoul", "Australia/Lord_Howe"]),
    hour=st.integers(0, 23),
    start=st.datetimes(datetime(2024, 1, 1), datetime(2028, 1, 1)),  # noqa: DTZ001
)
def test_a_daily_slot_comes_once_each_local_day(zone: str, hour: int, start: datetime) -> None:
    schedule = Schedule(cron=f"15 {hour} * * *", zone=zone)
    slots = list(islice(slots_after(schedule, start.replace(tzinfo=UTC)), 40))
    days = [slot.astimezone(ZoneInfo(zone)).date() for slot in slots]
    assert all(later - earlier == timedelta(days=1) for earlier, later in pairwise(days))
    assert all(earlier < later for earlier, later in pairwise(slots))


@given(interval=st.integers(1, 100_000), offset=st.integers(0, 10**7))
def test_interval_slots_keep_to_their_anchor(interval: int, offset: int) -> None:
    anchor = datetime(2026, 1, 1, tzinfo=UTC)
    schedule = Schedule(interval=interval, anchor=anchor)
    moment = anchor + timedelta(seconds=offset)
    first, second = next_slots(schedule, moment, 2)
    assert moment < first <= moment + timedelta(seconds=interval)
    assert (first - anchor) % timedelta(seconds=interval) == timedelta(0)
    assert second - first == timedelta(seconds=interval)


def scheduled(make_job: Make, *, late: timedelta, **fields: object) -> Schedule:
    line = {"cron": "0 * * * *", **fields.pop("line", {})}  # type: ignore[dict-item]
    job = make_job(schedules=(ScheduleDefinition(**line, **fields),))  # type: ignore[arg-type]
    schedule = job.schedules.get()
    now = datetime.now(UTC)
    Schedule.objects.update(next_slot=(now - late).replace(minute=0, second=0, microsecond=0))
    schedule.refresh_from_db()
    return schedule


@pytest.mark.parametrize(("misfire", "made"), [(Misfire.LATEST, 1), (Misfire.ALL, 3), (Misfire.SKIP, 0)])
def test_missed_slots_follow_the_policy_and_are_told(make_job: Make, misfire: Misfire, made: int) -> None:
    scheduled(make_job, late=5 * HOUR, misfire=misfire, grace=0, max_catchup=3)
    clock.make_due_slots()
    queued = Run.objects.filter(state=RunState.QUEUED)
    assert queued.count() == made
    missed = RunEvent.objects.get(kind="slots_missed")
    assert missed.data["count"] + made == 6
    if not made:
        assert (missed.run.state, missed.run.reason) == (RunState.SKIPPED, "missed")


def test_a_slot_in_time_runs_whatever_the_grace(make_job: Make) -> None:
    schedule = scheduled(make_job, late=timedelta(0), misfire=Misfire.SKIP, grace=0)
    slot = schedule.next_slot
    assert slot is not None
    assert choose(schedule, slot + timedelta(seconds=1)).slots == [slot]
    assert choose(schedule, slot + timedelta(seconds=9)).slots == []


def test_one_schedule_that_cannot_be_made_holds_up_no_other(
    make_job: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in ("unforeseen", "nowhere", "good"):
        make_job(key, schedules=(ScheduleDefinition(interval=3600),))
    now = datetime.now(UTC)
    Schedule.objects.update(next_slot=now, anchor=now)
    Schedule.objects.filter(job__key="nowhere").update(zone="Mars/Olympus")

    def broken(schedule: Schedule, *rest: Any) -> dict[str, Any]:
        if schedule.job.key == "unforeseen":
            raise LookupError("nobody thought of this")
        return params_at(schedule, *rest)

    monkeypatch.setattr("jobs.engine.clock.params_at", broken)
    assert clock.make_due_slots() == 1
    assert [run.job.key for run in Run.objects.all()] == ["good"]
    upcoming = dict(Schedule.objects.values_list("job__key", "next_slot"))
    assert upcoming["nowhere"] is None, "it is shown as one that never comes"
    assert upcoming["unforeseen"] is not None, "it is tried again"


def test_an_interval_in_an_unknown_zone_is_refused(make_job: Make) -> None:
    with pytest.raises(InvalidDefinition) as caught:
        make_job(schedules=(ScheduleDefinition(interval=3600, zone="Mars/Olympus"),))
    assert [error["field"] for error in caught.value.errors] == ["schedules.0.zone"]


def test_a_job_that_changes_keeps_the_slots_that_came_meanwhile(make_job: Make) -> None:
    schedule = scheduled(make_job, late=timedelta(0))
    slot = schedule.next_slot
    changed = make_job(schedules=(ScheduleDefinition(cron="0 * * * *"),), description_en="Changed")
    assert changed.version == 2
    clock.make_due_slots()
    assert Run.objects.get().slot == slot


def test_two_ticks_make_a_slot_once(make_job: Make) -> None:
    schedule = scheduled(make_job, late=timedelta(0))
    slot = schedule.next_slot
    clock.make_due_slots()
    Schedule.objects.update(next_slot=slot)
    clock.make_due_slots()
    assert Run.objects.filter(slot=slot).count() == 1
    schedule.refresh_from_db()
    assert schedule.next_slot is not None
    assert schedule.next_slot > datetime.now(UTC)


def test_an_overlapping_slot_is_skipped_where_the_job_says_so(make_job: Make) -> None:
    job = make_job(on_conflict=OnConflict.SKIP, schedules=(ScheduleDefinition(interval=60),))
    for _ in range(2):
        now = datetime.now(UTC)
        Schedule.objects.update(next_slot=now, anchor=now)
        clock.make_due_slots()
    assert sorted(job.runs.values_list("state", "reason")) == [("queued", ""), ("skipped", "overlap")]


def test_a_paused_schedule_makes_nothing_and_catches_nothing_up(make_job: Make) -> None:
    schedule = scheduled(make_job, late=HOUR)
    schedules.pause(schedule=schedule, by=TESTS)
    assert clock.make_due_slots() == 0
    resumed = schedules.resume(schedule=schedule, by=TESTS)
    assert resumed.next_slot is not None
    assert resumed.next_slot > datetime.now(UTC)
    assert len(schedules.next_slots(schedule, 5)) == 5


def test_jobs_with_the_same_slot_begin_one_after_the_other_and_none_is_late_for_it(
    make_job: Make, settings: Any
) -> None:
    settings.SCHEDULE_JITTER = 600
    slot = datetime(2026, 3, 2, 6, tzinfo=UTC)
    nightly = [
        Schedule.objects.create(job=make_job(f"night-{n}"), cron="0 6 * * *", next_slot=slot)
        for n in range(8)
    ]
    hasty = make_job("hasty", start_deadline=10)
    often = make_job("often")
    hurried = Schedule.objects.create(job=hasty, cron="0 6 * * *", next_slot=slot)
    quick = Schedule.objects.create(job=often, interval=4, anchor=slot, next_slot=slot)
    for each in (*nightly, hurried, quick):
        assert clock._make_slots(each, slot) == 1
    waits = {run.job.key: _wait(run) for run in Run.objects.all()}
    spread = [waits[f"night-{n}"] for n in range(8)]
    assert len(set(spread)) == 8
    assert min(spread) >= 0
    assert max(spread) <= 600
    assert waits["hasty"] <= 5
    assert waits["often"] <= 2

    tomorrow = slot + timedelta(days=1)
    clock._make_slots(Schedule.objects.get(pk=nightly[0].pk), tomorrow)
    again = Run.objects.get(schedule=nightly[0], slot=tomorrow)
    assert _wait(again) == spread[0], "a job keeps its share"


def _wait(run: Run) -> float:
    assert run.slot is not None
    return (run.available_at - run.slot).total_seconds()


def test_without_jitter_a_run_may_begin_at_its_slot(make_job: Make) -> None:
    slot = datetime(2026, 3, 2, 6, tzinfo=UTC)
    schedule = Schedule.objects.create(job=make_job("exact"), cron="0 6 * * *", next_slot=slot)
    clock._make_slots(schedule, slot)
    assert Run.objects.get().available_at == slot
