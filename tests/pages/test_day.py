"""A day's runs: which are shown, to whom, in whose zone; what is still to come; the limit."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from jobs import day as days
from jobs.choices import QUERY_JOB, RunState
from tests.conftest import Cast
from tests.factories.jobs import make_job, make_run, make_schedule

pytestmark = pytest.mark.django_db


@pytest.fixture
def dan(client: Client, cast: Cast) -> Client:
    client.force_login(cast.dan)
    return client


def text(client: Client, query: str = "") -> str:
    response = client.get(f"/runs/day/{query}")
    assert response.status_code == 200
    return response.content.decode()


def at(moment: datetime) -> dict[str, Any]:
    return {
        "created_at": moment,
        "started_at": moment,
        "finished_at": moment + timedelta(minutes=10),
    }


def test_it_rejects_post(dan: Client) -> None:
    assert dan.post("/runs/day/").status_code == 405


def test_a_day_without_runs_says_what_to_do(dan: Client) -> None:
    assert "Nothing ran on this day" in text(dan)


def test_a_run_stands_on_its_day_in_the_readers_zone_and_on_no_other(client: Client, cast: Cast) -> None:
    run = make_run(make_job(), **at(datetime(2026, 11, 25, 20, tzinfo=UTC)))
    link = f'href="/runs/{run.number}/"'
    for zone, day in (("UTC", 25), ("Asia/Seoul", 26)):
        cast.dan.time_zone = zone
        cast.dan.save()
        client.force_login(cast.dan)
        shown = {each for each in (24, 25, 26, 27) if link in text(client, f"?day=2026-11-{each}")}
        assert shown == {day}


def test_a_run_over_midnight_stands_on_both_days(dan: Client, cast: Cast) -> None:
    cast.dan.time_zone = "UTC"
    cast.dan.save()
    run = make_run(make_job(), **at(datetime(2026, 11, 24, 23, 55, tzinfo=UTC)))
    for day in ("24", "25"):
        assert f"/runs/{run.number}/" in text(dan, f"?day=2026-11-{day}")


def test_private_jobs_and_queries_are_left_out(client: Client, cast: Cast) -> None:
    now = timezone.now()
    hidden = make_job("payroll", name_en="Payroll", private=True, owner=cast.cleo)
    make_run(hidden, **at(now))
    make_schedule(hidden, interval=3600, cron="")
    make_run(make_job(QUERY_JOB, name_en="Ask the lake"), by=cast.finn, **at(now))
    client.force_login(cast.finn)
    page = text(client)
    assert "Payroll" not in page
    assert "Ask the lake" not in page
    client.force_login(cast.cleo)
    assert "Payroll" in text(client)


def test_filters_choose_and_wrong_ones_count_as_none(dan: Client) -> None:
    now = timezone.now()
    good = make_run(make_job("a"), RunState.SUCCEEDED, **at(now))
    bad = make_run(make_job("b"), RunState.FAILED, **at(now))
    cases = {
        "?job=a": {good},
        "?state=failed": {bad},
        "?pool=nothing": set(),
        "?state=nonsense": {good, bad},
        "?day=nonsense": {good, bad},
        "?day=0001-01-01": {good, bad},
        "?day=9999-12-31": {good, bad},
    }
    for query, runs in cases.items():
        page = text(dan, query)
        assert {run for run in (good, bad) if f"/runs/{run.number}/" in page} == runs, query


def test_coming_slots_are_hollow_and_gone_with_a_state(dan: Client) -> None:
    tomorrow = f"?day={timezone.now().date() + timedelta(days=3)}"
    job = make_job()
    make_schedule(job, cron="0 6 * * *", zone="UTC")
    make_schedule(job, cron="0 7 * * *", enabled=False)
    page = text(dan, tomorrow)
    assert page.count('class="planned"') == 1
    assert 'class="planned"' not in text(dan, f"{tomorrow}&state=failed")
    assert 'class="planned"' not in text(dan, "?day=2020-01-01")


def test_too_many_runs_are_cut_and_it_is_said(dan: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(days, "MOST_RUNS", 3)
    job, now = make_job(), timezone.now()
    runs = [make_run(job, **at(now - timedelta(seconds=each))) for each in range(4)]
    page = text(dan, f"?day={timezone.localdate(now)}")
    assert "Only the newest" in page
    assert sum(f'<a href="/runs/{run.number}/"' in page for run in runs) <= 3


@pytest.mark.parametrize(("words", "hours"), [("2027-03-28", 23), ("2027-10-31", 25), ("2027-06-01", 24)])
def test_a_day_has_its_real_hours(words: str, hours: int) -> None:
    with timezone.override("Europe/Berlin"):
        assert len(days.day_of(words, now=timezone.now()).hours) == hours


def test_runs_at_once_lie_in_rows(dan: Client) -> None:
    now = timezone.now()
    job = make_job()
    lane = days.Lane(job, [make_run(job, **at(now)), make_run(job, **at(now))])
    drawn = days.draw(lane, days.day_of("", now=now), now=now)
    assert 'y="4"' in drawn
    assert 'y="18"' in drawn
