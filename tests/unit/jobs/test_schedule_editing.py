"""Schedules that people write: checked with the reason, counted from now, refused where code states them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import translation

from jobs.actions import definitions, schedules
from jobs.actions.jobs import ScheduleDefinition
from jobs.actions.schedules import Wish
from jobs.choices import Misfire
from jobs.engine import clock
from jobs.exceptions import JobDisabled, RefusedTrigger, WrittenInCode
from jobs.models import Job, Run, Schedule
from jobs.rhythm import in_words
from portal.audit.models import AuditEvent
from tests.factories.jobs import DAY_PARAMETERS
from tests.unit.jobs.conftest import TESTS

Make = Callable[..., Job]
NOON = datetime(2026, 3, 27, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("wish", "field", "words"),
    [
        (Wish(cron=""), "cron", "five parts"),
        (Wish(cron="* * * *"), "cron", "five parts"),
        (Wish(cron="0 * * * * *"), "cron", "five parts"),
        (Wish(cron="61 * * * *"), "cron", "«61» is no minute"),
        (Wish(cron="0 25 * * *"), "cron", "«25» is no hour"),
        (Wish(cron="0 1 32 * *"), "cron", "«32» is no day of the month"),
        (Wish(cron="0 1 * 13 *"), "cron", "«13» is no month"),
        (Wish(cron="0 1 * * 8"), "cron", "«8» is no day of the week"),
        (Wish(cron="0 0 30 2 *"), "cron", "This never comes"),
        (Wish(cron="0 0 31 4,6 *"), "cron", "This never comes"),
        (Wish(cron="0 6 * * *", zone="Mars/Olympus"), "zone", "no time zone Mars/Olympus"),
        (Wish(cron="0 6 * * *", zone="../etc/passwd"), "zone", "no time zone"),
        (Wish(interval=0), "interval", "at least a second"),
        (Wish(interval=10**9), "interval", "at most a year"),
        (Wish(cron="0 6 * * *", interval=60), "cron", "not both"),
        (Wish(cron="0 6 * * *", misfire="often"), "misfire", "no such choice"),
        (Wish(cron="0 6 * * *", grace=-1), "grace", "at most a week"),
        (Wish(cron="0 6 * * *", max_catchup=10**6), "max_catchup", "thousand"),
        (Wish(cron="0 6 * * *", params={"unknown": 1}), "params.unknown", "unexpected"),
    ],
)
def test_what_cannot_be_kept_is_refused_with_the_reason(
    make_job: Make, wish: Wish, field: str, words: str
) -> None:
    job = make_job()
    with pytest.raises(RefusedTrigger) as caught:
        schedules.add(job=job, wish=wish, by=TESTS)
    assert [error["field"] for error in caught.value.errors] == [field]
    assert words in caught.value.errors[0]["message"]
    assert not job.schedules.exists()


def test_a_schedule_starts_with_parameters_that_fit_the_job(make_job: Make) -> None:
    job = make_job(parameters_schema=DAY_PARAMETERS)
    with pytest.raises(RefusedTrigger) as caught:
        schedules.add(job=job, wish=Wish(cron="0 6 * * *", params={"rows": 0}), by=TESTS)
    assert {error["field"] for error in caught.value.errors} == {"params.day", "params.rows"}
    made = schedules.add(job=job, wish=Wish(interval=60, params={"day": "2013-01-01"}), by=TESTS)
    Schedule.objects.update(next_slot=made.anchor)
    clock.make_due_slots()
    params = Run.objects.get(schedule=made).params
    assert (params["day"], params["rows"]) == ("2013-01-01", 10), "with the defaults of what it was not given"


def test_a_double_click_adds_one(make_job: Make) -> None:
    job = make_job()
    schedules.add(job=job, wish=Wish(cron="0 6 * * *"), by=TESTS)
    with pytest.raises(RefusedTrigger, match="already has"):
        schedules.add(job=job, wish=Wish(cron="0  6 * * *"), by=TESTS)
    assert job.schedules.count() == 1


def test_editing_counts_from_now_and_catches_nothing_up(make_job: Make) -> None:
    job = make_job()
    made = schedules.add(job=job, wish=Wish(interval=3600, misfire=Misfire.ALL), by=TESTS)
    Schedule.objects.update(next_slot=datetime.now(UTC) - timedelta(hours=10), missed=3)
    changed = schedules.edit(schedule=made, wish=Wish(cron="* * * * *", misfire=Misfire.ALL), by=TESTS)
    assert changed.next_slot is not None
    assert changed.next_slot > datetime.now(UTC) - timedelta(seconds=1)
    assert (changed.interval, changed.missed) == (None, 0)
    assert clock.make_due_slots() == 0
    event = AuditEvent.objects.get(action="schedule.edited")
    assert (event.data["before"]["interval"], event.data["cron"]) == (3600, "* * * * *")


def test_a_paused_schedule_stays_paused_when_it_is_edited(make_job: Make) -> None:
    made = schedules.add(job=make_job(), wish=Wish(interval=60), by=TESTS)
    schedules.pause(schedule=made, by=TESTS)
    changed = schedules.edit(schedule=made, wish=Wish(interval=120), by=TESTS)
    assert (changed.enabled, changed.next_slot, changed.interval) == (False, None, 120)


def test_an_interval_keeps_its_anchor(make_job: Make) -> None:
    made = schedules.add(job=make_job(), wish=Wish(interval=7200, anchor=NOON), by=TESTS)
    changed = schedules.edit(schedule=made, wish=Wish(interval=3600), by=TESTS)
    assert changed.anchor == NOON
    assert changed.next_slot is not None
    assert (changed.next_slot - NOON) % timedelta(hours=1) == timedelta()


def test_what_code_states_is_changed_in_code(make_job: Make) -> None:
    job = make_job(schedules=(ScheduleDefinition(cron="0 6 * * *"),))
    stated = job.schedules.get()
    with pytest.raises(WrittenInCode):
        schedules.edit(schedule=stated, wish=Wish(interval=60), by=TESTS)
    with pytest.raises(WrittenInCode):
        schedules.remove(schedule=stated, by=TESTS)
    assert schedules.pause(schedule=stated, by=TESTS).enabled is False


def test_a_new_definition_leaves_what_people_added(make_job: Make) -> None:
    job = make_job(schedules=(ScheduleDefinition(cron="0 6 * * *"),))
    own = schedules.add(job=job, wish=Wish(interval=60), by=TESTS)
    make_job(schedules=(ScheduleDefinition(cron="0 7 * * *"),))
    assert set(job.schedules.values_list("cron", "from_code")) == {("0 7 * * *", True), ("", False)}
    assert job.schedules.filter(pk=own.pk).exists()


def test_removing_a_schedule_leaves_its_runs(make_job: Make) -> None:
    made = schedules.add(job=make_job(), wish=Wish(interval=60), by=TESTS)
    Schedule.objects.update(next_slot=made.anchor)
    clock.make_due_slots()
    schedules.remove(schedule=made, by=TESTS)
    run = Run.objects.get()
    assert (run.schedule, run.slot is not None) == (None, True)


def test_missed_slots_are_counted_on_the_schedule(make_job: Make) -> None:
    made = schedules.add(job=make_job(), wish=Wish(cron="0 * * * *"), by=TESTS)
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    Schedule.objects.update(next_slot=hour - timedelta(hours=4))
    clock.make_due_slots()
    made.refresh_from_db()
    assert (made.missed, made.missed_at) == (4, hour - timedelta(hours=1))


def test_a_job_that_is_switched_on_again_catches_nothing_up(make_job: Make) -> None:
    job = make_job()
    schedules.add(job=job, wish=Wish(interval=60, misfire=Misfire.ALL), by=TESTS)
    definitions.switch(job=job, enabled=False, by=TESTS)
    Schedule.objects.update(next_slot=datetime.now(UTC) - timedelta(hours=1))
    assert clock.make_due_slots() == 0
    definitions.switch(job=job, enabled=True, by=TESTS)
    assert clock.make_due_slots() == 0
    assert [
        event.action for event in AuditEvent.objects.filter(action__startswith="job.sw").order_by("id")
    ] == [
        "job.switched_off",
        "job.switched_on",
    ]


def test_a_job_that_is_switched_off_takes_no_run(make_job: Make, start: Callable[..., Run]) -> None:
    job = make_job()
    definitions.switch(job=job, enabled=False, by=TESTS)
    job.refresh_from_db()
    with pytest.raises(JobDisabled):
        start(job)


class TestNotes:
    """Next starts around the changes of clocks in Berlin: 28 March and 31 October 2027."""

    def starts(self, cron: str, now: datetime) -> list[tuple[str, str]]:
        schedule = Schedule(cron=cron, zone="Europe/Berlin")
        found = schedules.next_starts(schedule, 2, now=now)
        return [(f"{start.there:%d %H:%M}", start.note) for start in found]

    def test_a_missing_hour_is_told(self) -> None:
        first, second = self.starts("30 2 * * *", datetime(2027, 3, 27, 12, tzinfo=UTC))
        assert first[0] == "28 03:00"
        assert "missing hour" in first[1]
        assert second == ("29 02:30", "")

    def test_a_start_just_after_the_missing_hour_is_as_ever(self) -> None:
        assert self.starts("30 3 * * *", datetime(2027, 3, 27, 12, tzinfo=UTC))[0] == ("28 03:30", "")

    def test_an_hour_that_comes_twice_is_told(self) -> None:
        first, second = self.starts("30 2 * * *", datetime(2027, 10, 30, 12, tzinfo=UTC))
        assert first[0] == "31 02:30"
        assert "starts once" in first[1]
        assert second == ("01 02:30", "")
        hourly = self.starts("30 * * * *", datetime(2027, 10, 31, 0, 15, tzinfo=UTC))
        assert [each[0] for each in hourly] == ["31 02:30", "31 02:30"]
        assert all("so does this start" in note for _, note in hourly)

    def test_the_next_change_is_found(self) -> None:
        schedule = Schedule(cron="30 2 * * *", zone="Europe/Berlin")
        found = schedules.start_at_change(schedule, now=datetime(2027, 1, 5, tzinfo=UTC))
        assert found is not None
        assert f"{found.there:%Y-%m-%d %H:%M}" == "2027-03-28 03:00"
        seoul = Schedule(cron="30 2 * * *", zone="Asia/Seoul")
        assert schedules.start_at_change(seoul, now=datetime(2027, 1, 5, tzinfo=UTC)) is None


@pytest.mark.parametrize(
    ("cron", "english", "korean"),
    [
        ("* * * * *", "every minute", "매분"),
        ("*/15 * * * *", "every 15 minutes", "15분마다"),
        ("0,30 * * * *", "every 30 minutes", "30분마다"),
        ("5,20 * * * *", "every hour at the minutes 5, 20", "매시 5, 20분"),
        ("0 */6 * * *", "every 6 hours at minute 0", "6시간마다 0분"),
        ("0 6,18 * * *", "every day at 06:00, 18:00", "매일 06:00, 18:00"),
        ("0 7 * * 1,3", "every Monday, Wednesday at 07:00", "매주 월요일, 수요일 07:00"),
        ("0 7 1,15 * *", "on day 1, 15 of the month at 07:00", "매월 1, 15일 07:00"),
        ("0 7 L * *", "on the last day of the month at 07:00", "매월 마지막 날 07:00"),
        ("0 7 1 1,7 *", "on day 1 of the month at 07:00, only in January, July", None),
        ("0 7 1 * 1", "", ""),
        ("0 7 * * 1#2", "", ""),
        ("*/7 1-9 * * *", "", ""),
        ("nonsense", "", ""),
    ],
)
def test_a_cron_line_in_words(cron: str, english: str, korean: str | None) -> None:
    assert in_words(cron) == english
    with translation.override("ko"):
        assert korean is None or in_words(cron) == korean
