"""Parameters that a schedule takes from its slot: the right day in its zone, judged before it is kept."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from django.utils import timezone

from jobs import partitions
from jobs.actions import definitions, schedules
from jobs.actions.jobs import definition_of
from jobs.engine import clock
from jobs.exceptions import InvalidDefinition, RefusedTrigger
from jobs.models import Run, Schedule
from jobs.schemas import with_defaults
from portal.audit.actions import Actor
from tests.factories.jobs import DAY_PARAMETERS, make_job
from tests.factories.tokens import bearer
from tests.unit.jobs.conftest import TESTS

pytestmark = pytest.mark.django_db
MONTH_AS_TEXT = {"type": "object", "properties": {"month": {"type": "string"}}}
# A Friday evening in New York, and Saturday morning in Seoul.
SLOT = datetime(2026, 8, 1, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("word", "zone", "day"),
    [
        ("day", "Asia/Seoul", "2026-08-01"),
        ("day", "America/New_York", "2026-07-31"),
        ("day-1", "Asia/Seoul", "2026-07-31"),
        ("day-40", "Asia/Seoul", "2026-06-22"),
        ("week", "Asia/Seoul", "2026-07-27"),
        ("week-1", "Asia/Seoul", "2026-07-20"),
        ("month", "Asia/Seoul", "2026-08-01"),
        ("month", "America/New_York", "2026-07-01"),
        ("month-1", "Asia/Seoul", "2026-07-01"),
        ("month-8", "Asia/Seoul", "2025-12-01"),
    ],
)
def test_the_day_is_that_of_the_schedules_zone(word: str, zone: str, day: str) -> None:
    schedule = Schedule(
        cron="0 6 * * *", zone=zone, params={"rows": 5, "day": "1999-01-01"}, by_slot={"day": word}
    )
    assert partitions.params_at(schedule, SLOT, DAY_PARAMETERS) == {"rows": 5, "day": day}


def test_a_month_is_written_as_a_backfill_writes_it() -> None:
    schedule = Schedule(cron="0 6 * * *", zone="UTC", by_slot={"month": "month-1"})
    assert partitions.params_at(schedule, SLOT, MONTH_AS_TEXT) == {"month": "2026-07"}


@pytest.mark.parametrize(
    "word", ["", "days", "day-0", "day--1", "day-1000", "hour", "DAY", "day-1 ", 3, None]
)
def test_another_word_names_no_partition(word: object) -> None:
    assert not partitions.is_word(word)


def wish(**fields: Any) -> schedules.Wish:
    return schedules.Wish(
        **{"cron": "* * * * *", "zone": "Asia/Seoul", "by_slot": {"day": "day-1"}, **fields}
    )


def test_the_run_of_a_slot_gets_its_day() -> None:
    job = make_job(parameters_schema=DAY_PARAMETERS)
    schedule = schedules.add(job=job, wish=wish(params={"rows": 7}), by=TESTS)
    slot = timezone.now().replace(second=0, microsecond=0)
    Schedule.objects.update(next_slot=slot)
    clock.make_due_slots()
    run = Run.objects.get()
    assert run.slot == slot
    assert run.params == with_defaults(partitions.params_at(schedule, slot, DAY_PARAMETERS), DAY_PARAMETERS)
    assert run.params["rows"] == 7


def test_a_coming_start_tells_its_day() -> None:
    schedule = schedules.add(job=make_job(parameters_schema=DAY_PARAMETERS), wish=wish(), by=TESTS)
    (first, *_rest) = schedules.next_starts(schedule)
    assert first.params == {"day": partitions.params_at(schedule, first.at, DAY_PARAMETERS)["day"]}


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"by_slot": {"day": "yesterday"}}, "by_slot.day"),
        ({"by_slot": {"rows": "day"}}, "by_slot.rows"),
        ({"by_slot": {"other": "day"}}, "by_slot.other"),
        ({"by_slot": {}}, "params.day"),
        ({"params": {"rows": 0}}, "params.rows"),
        # Together with a line that cannot be read: everything that is wrong is said at once.
        ({"cron": "61 * * * *", "params": {"rows": 0}}, "params.rows"),
        ({"zone": "Mars/Base", "params": {"rows": 0}}, "params.rows"),
    ],
)
def test_what_does_not_fit_is_refused_before_it_is_kept(fields: dict[str, Any], field: str) -> None:
    job = make_job(parameters_schema=DAY_PARAMETERS)
    with pytest.raises(RefusedTrigger) as caught:
        schedules.add(job=job, wish=wish(**fields), by=TESTS)
    assert field in [each["field"] for each in caught.value.errors]
    assert not Schedule.objects.exists()


def test_two_schedules_may_differ_by_what_they_take() -> None:
    job = make_job(parameters_schema=DAY_PARAMETERS)
    schedules.add(job=job, wish=wish(), by=TESTS)
    schedules.add(job=job, wish=wish(by_slot={"day": "day"}), by=TESTS)
    with pytest.raises(RefusedTrigger):
        schedules.add(job=job, wish=wish(), by=TESTS)


def test_a_definition_that_its_schedules_would_not_fit_is_refused(cast) -> None:
    job = make_job(kind="http", config={"url": "https://example.com/"}, owner=cast.dan)
    schedule = schedules.add(job=job, wish=wish(by_slot={}), by=TESTS)

    def change(schema):
        job.refresh_from_db()
        definition = replace(definition_of(job), parameters_schema=schema)
        definitions.change(
            job=job, definition=definition, version=job.version, user=cast.dan, by=Actor.person(cast.dan)
        )

    needs_a_day = {**DAY_PARAMETERS, "required": ["day"]}
    with pytest.raises(InvalidDefinition) as caught:
        change(needs_a_day)
    (error,) = caught.value.errors
    assert error["field"] == "parameters_schema"
    assert "* * * * *" in error["message"]
    # Step by step: what may be left out, then the schedule that gives it, then what must be given.
    change({**DAY_PARAMETERS, "required": []})
    job.refresh_from_db()
    schedule.refresh_from_db()
    schedules.edit(schedule=schedule, wish=wish(), by=TESTS)
    change(needs_a_day)
    # A start that is paused starts nothing.
    schedules.pause(schedule=schedule, by=TESTS)
    change({"type": "object", "properties": {}, "additionalProperties": False})


def test_the_form_takes_it_and_shows_it_again(client, cast) -> None:
    client.force_login(cast.dan)
    job = make_job(parameters_schema=DAY_PARAMETERS, owner=cast.dan)
    values = {
        "rhythm": "cron",
        "cron": "0 6 * * *",
        "zone": "Asia/Seoul",
        "misfire": "latest",
        "grace": "5",
        "max_catchup": "24",
        "param-airport": "JFK",
    }
    refused = client.post(f"/jobs/{job.key}/schedules/new/", values)
    assert refused.status_code == 422
    answer = client.post(f"/jobs/{job.key}/schedules/new/", {**values, "slot-day": "day-1"})
    assert answer.status_code == 302
    schedule = Schedule.objects.get()
    assert schedule.by_slot == {"day": "day-1"}
    assert "day" not in schedule.params
    page = client.get(f"/jobs/{job.key}/schedules/{schedule.pk}/").content.decode()
    assert '<option value="day-1" selected>' in page
    schedule.by_slot = {"day": "day-3"}
    schedule.save()
    page = client.get(f"/jobs/{job.key}/schedules/{schedule.pk}/").content.decode()
    assert '<option value="day-3" selected>' in page


def test_the_api_keeps_and_shows_it(client, cast) -> None:
    job = make_job(parameters_schema=DAY_PARAMETERS, owner=cast.dan)
    token = bearer(cast.dan, "jobs:edit", "jobs:read")
    path = f"/api/v1/jobs/{job.key}/schedules"
    sent = {"cron": "0 6 * * *", "zone": "Asia/Seoul", "by_slot": {"day": "month-2"}}
    made = client.post(path, sent, content_type="application/json", headers=token)
    assert made.status_code == 201, made.content
    assert made.json()["by_slot"] == {"day": "month-2"}
    bad = client.post(
        path, {**sent, "by_slot": {"day": "soon"}}, content_type="application/json", headers=token
    )
    assert bad.status_code == 422
    assert "by_slot.day" in bad.content.decode()
