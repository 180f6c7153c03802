"""Three clocks tick over two changes of summer time: no slot double, none missing; and a clock that jumps."""

import os
import threading
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from jobs.actions import schedules
from jobs.actions.schedules import Wish
from jobs.choices import Misfire, OnConflict
from jobs.engine import clock
from jobs.engine.slots import next_slot
from jobs.models import Run, Schedule
from tests.factories.jobs import make_job
from tests.unit.jobs.conftest import TESTS

MINUTE = timedelta(minutes=1)
# `make soak` takes more.
EXAMPLES = int(os.environ.get("F18_EXAMPLES", "6"))
# Around 28 March and 31 October 2027, when the clocks of Berlin change; New York's change on other days.
CHANGES = [
    (datetime(2027, 3, 27, 20, tzinfo=UTC), datetime(2027, 3, 28, 8, tzinfo=UTC)),
    (datetime(2027, 10, 30, 20, tzinfo=UTC), datetime(2027, 10, 31, 8, tzinfo=UTC)),
]


def expected(
    minutes: list[int], hours: list[int] | None, zone: str, begin: datetime, end: datetime
) -> set[datetime]:
    """What Debian's cron does, minute by minute: no library, no arithmetic of slots.

    A line for every hour follows real time. A line for certain hours starts once a day of the wall clock: in
    an hour that comes twice the first time, for an hour that is missing at the first minute after it.
    """
    there = ZoneInfo(zone)
    slots = set()
    previous = (begin - MINUTE).astimezone(there)
    moment = begin
    while moment <= end:
        local = moment.astimezone(there)
        wall, before = local.replace(tzinfo=None), previous.replace(tzinfo=None)
        if hours is None:
            if local.minute in minutes:
                slots.add(moment)
        elif wall > before:
            passed, each = [], before + MINUTE
            while each <= wall:
                passed.append(each)
                each += MINUTE
            # In an hour that comes twice the second time does not count: it has been.
            if not local.fold and any(each.hour in hours and each.minute in minutes for each in passed):
                slots.add(moment)
        previous = local
        moment += MINUTE
    return slots


def tick_all(times: list[datetime], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let three clocks meet at each of these times, as the database tells it."""
    failed: list[BaseException] = []
    now = {"is": times[0]}
    monkeypatch.setattr(clock, "database_now", lambda: now["is"])
    told = iter(times)
    # Whoever comes first to the meeting sets the time for all.
    turn = threading.Barrier(3, action=lambda: now.__setitem__("is", next(told, now["is"])), timeout=30)

    def run() -> None:
        try:
            for _ in times:
                turn.wait()
                clock.make_due_slots()
        except BaseException as error:
            failed.append(error)
            turn.abort()
        finally:
            connection.close()

    clocks = [threading.Thread(target=run) for _ in range(3)]
    for each in clocks:
        each.start()
    for each in clocks:
        each.join()
    assert failed == []


@pytest.mark.django_db(transaction=True)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    minutes=st.lists(st.integers(0, 59), min_size=1, max_size=3, unique=True),
    hours=st.none() | st.lists(st.integers(0, 5), min_size=1, max_size=3, unique=True),
    zone=st.sampled_from(["Europe/Berlin", "Europe/London", "Asia/Seoul", "UTC"]),
    steps=st.lists(st.integers(1, 180), min_size=4, max_size=10),
)
@example(minutes=[30], hours=[1, 2, 3], zone="Europe/Berlin", steps=[180, 180, 180, 180])
def test_f18_three_clocks_make_each_slot_once_over_two_changes(
    monkeypatch: pytest.MonkeyPatch, minutes: list[int], hours: list[int] | None, zone: str, steps: list[int]
) -> None:
    Run.objects.all().delete()
    Schedule.objects.all().delete()
    job = make_job("over-the-change")
    line = f"{','.join(map(str, minutes))} {'*' if hours is None else ','.join(map(str, hours))} * * *"
    try:
        for begin, end in CHANGES:
            schedule = Schedule.objects.create(
                job=job, cron=line, zone=zone, misfire=Misfire.ALL, max_catchup=1000, next_slot=None
            )
            schedule.next_slot = next_slot(schedule, begin)
            schedule.save()
            times, moment = [], begin
            for step in steps:
                moment = min(moment + step * MINUTE, end)
                times.append(moment)
            times.append(end)
            tick_all(times, monkeypatch)
            made = list(schedule.runs.values_list("slot", flat=True))
            assert len(made) == len(set(made))
            assert set(made) == expected(minutes, hours, zone, begin + MINUTE, end)
    finally:
        monkeypatch.undo()
        Run.objects.all().delete()
        Schedule.objects.all().delete()
        job.delete()


@pytest.mark.django_db
@pytest.mark.parametrize("jump", [timedelta(hours=1), timedelta(days=1)])
def test_f17_a_clock_that_jumps_makes_no_slot_twice_and_leaves_none_out(
    monkeypatch: pytest.MonkeyPatch, jump: timedelta
) -> None:
    job = make_job(on_conflict=OnConflict.QUEUE)
    begin = datetime(2027, 6, 1, 12, tzinfo=UTC)
    schedule = Schedule.objects.create(
        job=job, interval=1200, anchor=begin, misfire=Misfire.ALL, max_catchup=1000, next_slot=begin
    )
    now = {"is": begin}
    monkeypatch.setattr(clock, "database_now", lambda: now["is"])
    for moment in (
        begin,
        begin + jump,
        begin,
        begin - jump,
        begin + jump / 2,
        begin + jump,
        begin + 2 * jump,
    ):
        now["is"] = moment
        clock.make_due_slots()
    made = list(schedule.runs.order_by("slot").values_list("slot", flat=True))
    count = 2 * jump // timedelta(seconds=1200) + 1
    assert made == [begin + timedelta(seconds=1200) * each for each in range(count)]


@pytest.mark.django_db
def test_f17_the_web_servers_own_clock_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = datetime.now(UTC) + timedelta(days=1)
    monkeypatch.setattr("django.utils.timezone.now", lambda: wrong)
    made = schedules.add(job=make_job(), wish=Wish(interval=3600), by=TESTS)
    assert made.next_slot is not None
    assert made.next_slot < wrong
    schedules.pause(schedule=made, by=TESTS)
    resumed = schedules.resume(schedule=made, by=TESTS)
    assert resumed.next_slot is not None
    assert resumed.next_slot < wrong
