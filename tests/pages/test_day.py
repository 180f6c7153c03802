"""A day's runs: which are shown, to whom, in whose zone; what is still to come; the limit."""

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
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
    page = text(dan)
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


def test_short_runs_one_after_the_other_share_a_row_and_do_not_touch(dan: Client) -> None:
    midnight = days.day_of("2026-11-25", now=timezone.now()).starts
    job = make_job()
    begins = [midnight + timedelta(minutes=20 * each) for each in range(8)]
    second = timedelta(seconds=1)
    runs = [make_run(job, created_at=at, started_at=at, finished_at=at + second) for at in begins]
    day = days.day_of("2026-11-25", now=timezone.now())
    drawn = days.draw(days.Lane(job, runs), day, now=timezone.now())
    bars = re.findall(r'x="([\d.]+)" y="(\d+)" width="([\d.]+)"', drawn)
    assert {y for _x, y, _width in bars} == {"4"}
    assert {width for *_, width in bars} == {"3"}
    lefts = [float(x) for x, *_ in bars]
    assert all(after - before >= 9 for before, after in pairwise(lefts))


class TestHours:
    @pytest.fixture(autouse=True)
    def in_utc(self, cast: Cast) -> None:
        cast.dan.time_zone = "UTC"
        cast.dan.save()

    def labels(self, page: str) -> list[str]:
        hours = page.partition('<div class="hours"')[2].partition("</div>")[0]
        return [label for label in re.findall(r"<span[^>]*>([^<]*)</span>", hours) if label]

    def test_a_day_shows_the_hours_from_its_first_run_to_its_last(self, dan: Client) -> None:
        for hour in (9, 12):
            make_run(make_job(f"at-{hour}"), **at(datetime(2026, 11, 20, hour, 20, tzinfo=UTC)))
        labels = self.labels(text(dan, "?day=2026-11-20"))
        assert labels == [f"{hour:02}:{minute}" for hour in range(9, 13) for minute in ("00", "30")]

    def test_one_short_run_gets_two_hours(self, dan: Client) -> None:
        make_run(make_job(), **at(datetime(2026, 11, 20, 23, 20, tzinfo=UTC)))
        assert self.labels(text(dan, "?day=2026-11-20"))[::4] == ["22:00", "23:00"]

    def test_today_reaches_to_now_and_the_next_slot(self) -> None:
        now = datetime(2026, 11, 20, 15, 10, tzinfo=UTC)
        day = days.day_of("2026-11-20", now=now)
        job = make_job()
        run = make_run(job, **at(now - timedelta(hours=3)))
        slots = [days.Planned(job, now + timedelta(hours=hours)) for hours in (1, 5)]
        with timezone.override("UTC"):
            day = days.day_of("2026-11-20", now=now)
            assert days.fitting(day, [run], slots, now=now) == (12, 17)
            assert days.fitting(day, [run], [], now=now) == (12, 16)
            assert days.fitting(day, [], [], now=now + timedelta(days=1)) == (0, 24)

    def test_the_address_chooses_hours_and_wrong_ones_count_as_none(self, dan: Client) -> None:
        job = make_job()
        early, late = (
            make_run(job, **at(datetime(2026, 11, 20, hour, 20, tzinfo=UTC))).number for hour in (9, 12)
        )
        cases = {
            "&from=9&to=10": {early},
            "&from=12&to=18": {late},
            "&from=0&to=24": {early, late},
            "&from=10&to=9": {early, late},
            "&from=0&to=25": {early, late},
            "&from=-1&to=x": {early, late},
        }
        for query, numbers in cases.items():
            page = text(dan, f"?day=2026-11-20{query}")
            assert {each for each in (early, late) if f'<a href="/runs/{each}/"' in page} == numbers, query
        hour = text(dan, "?day=2026-11-20&from=9&to=10")
        assert self.labels(hour)[:2] == ["09:00", "09:10"]
        # Earlier and later, and the whole day.
        for link in ("from=8&amp;to=9", "from=10&amp;to=11", "from=0&amp;to=24", "from=4&amp;to=10"):
            assert link in hour

    def test_a_bar_names_job_begin_and_duration(self, dan: Client) -> None:
        run = make_run(make_job(name_en="Load weather"), **at(datetime(2026, 11, 20, 9, 20, tzinfo=UTC)))
        label = f"Load weather, Run {run.number}, Succeeded, 09:20, 10\u00a0min"
        assert f'aria-label="{label}' in text(dan, "?day=2026-11-20")
