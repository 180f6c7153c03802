"""The pages of backfills: what would run, how far it is, and the ways to steer it."""

import re
from uuid import uuid4

import pytest
from django.db.models.functions import Now
from django.test import Client

from jobs.choices import RunState
from jobs.models import Backfill, Run
from tests.conftest import Cast
from tests.factories.jobs import DAY_PARAMETERS, make_backfill, make_job, make_run

pytestmark = pytest.mark.django_db
NEW = "/jobs/load-weather/backfill/"
RANGE = {"parameter": "day", "unit": "day", "first": "2013-02-27", "last": "2013-03-01", "parallel": "2"}
OTHERS = {"param-rows": "20", "param-share": "0.5", "param-airport": "EWR"}


def entered(**changes: str) -> dict[str, str]:
    return {"once": str(uuid4()), **RANGE, **OTHERS, **changes}


@pytest.fixture
def dan(client: Client, cast: Cast) -> Client:
    client.force_login(cast.dan)
    return client


def test_what_would_run_is_listed_and_nothing_starts(dan: Client) -> None:
    job = make_job(parameters_schema=DAY_PARAMETERS)
    make_run(job, took=60)
    page = dan.post(NEW, {**entered(), "look": "1"}).content.decode()
    for part in ("2013-02-27", "2013-02-28", "2013-03-01", "Start 3 runs", "About", "allows fewer runs"):
        assert part in page
    assert not Backfill.objects.exists()
    assert Run.objects.count() == 1


def test_the_day_itself_is_not_asked_for(dan: Client) -> None:
    make_job(parameters_schema=DAY_PARAMETERS)
    page = dan.get(NEW).content.decode()
    assert "param-rows" in page
    assert "param-day" not in page


def test_it_starts_once_however_often_it_is_sent(dan: Client) -> None:
    make_job(parameters_schema=DAY_PARAMETERS)
    sent = {**entered(), "start": "1"}
    places = {dan.post(NEW, sent)["Location"] for _ in range(2)}
    backfill = Backfill.objects.get()
    assert places == {f"/backfills/{backfill.pk}/"}
    runs = list(backfill.runs.order_by("partition"))
    assert [run.partition for run in runs] == ["2013-02-27", "2013-02-28", "2013-03-01"]
    assert runs[0].params == {"day": "2013-02-27", "rows": 20, "share": 0.5, "airport": "EWR", "full": False}


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"last": "2012-01-01"}, "before the first"),
        ({"last": "2099-01-01"}, "partitions"),
        ({"first": "yesterday"}, "valid date"),
        ({"parameter": "rows"}, "rows"),
        ({"parallel": "0"}, "greater than or equal to 1"),
        ({"param-rows": "5000"}, "less than or equal to 1000"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_starts(dan: Client, wrong: dict[str, str], words: str) -> None:
    make_job(parameters_schema=DAY_PARAMETERS)
    response = dan.post(NEW, {**entered(**wrong), "start": "1"})
    assert response.status_code == 422
    assert words in response.content.decode()
    assert not Run.objects.exists()


def test_a_job_without_a_day_says_what_it_would_need(dan: Client) -> None:
    make_job()
    assert "This job takes no day" in dan.get(NEW).content.decode()
    assert "Backfill" not in dan.get("/jobs/load-weather/").content.decode()
    assert dan.post(NEW, {**entered(), "start": "1"}).status_code == 422


def test_a_job_that_is_off_says_so(dan: Client) -> None:
    make_job(parameters_schema=DAY_PARAMETERS, enabled=False)
    response = dan.post(NEW, {**entered(), "start": "1"})
    assert response.status_code == 422
    assert "switched off" in response.content.decode()


class TestProgress:
    @pytest.fixture
    def backfill(self) -> Backfill:
        job = make_job(parameters_schema=DAY_PARAMETERS)
        backfill = make_backfill(job)
        states = (RunState.SUCCEEDED, RunState.FAILED, RunState.QUEUED)
        for day, state in enumerate(states, start=1):
            make_run(job, state, backfill=backfill, partition=f"2013-01-0{day}", trigger="backfill")
        return backfill

    def test_it_says_how_far_it_is(self, dan: Client, backfill: Backfill) -> None:
        page = dan.get(f"/backfills/{backfill.pk}/").content.decode()
        for part in ("67", "2013-01-02", "Failed", "Pause", "Cancel the rest", "every 2s"):
            assert part in page
        part = dan.get(f"/backfills/{backfill.pk}/", headers={"HX-Request": "true"}).content.decode()
        assert "<html" not in part
        assert f'href="/backfills/{backfill.pk}/"' in dan.get("/jobs/load-weather/").content.decode()
        run = backfill.runs.get(partition="2013-01-02")
        assert f'href="/backfills/{backfill.pk}/"' in dan.get(f"/runs/{run.number}/").content.decode()

    def test_it_says_what_went_wrong_with_a_partition(self, dan: Client, backfill: Backfill) -> None:
        backfill.runs.filter(state=RunState.FAILED).update(error={"message": "There is no file.\nSorry."})
        page = dan.get(f"/backfills/{backfill.pk}/").content.decode()
        assert '<span class="wrong">There is no file.</span>' in page
        assert page.count('class="wrong"') == 1
        assert 'class="bar t-warn"' in page
        backfill.runs.filter(state=RunState.QUEUED).update(state=RunState.SUCCEEDED, finished_at=Now())
        assert 'class="bar t-bad"' in dan.get(f"/backfills/{backfill.pk}/").content.decode()

    def test_it_is_steered(self, dan: Client, backfill: Backfill) -> None:
        path = f"/backfills/{backfill.pk}/"
        dan.post(f"{path}pause/")
        assert "Resume" in dan.get(path).content.decode()
        dan.post(f"{path}resume/")
        dan.post(f"{path}cancel/")
        assert backfill.runs.filter(state=RunState.CANCELLED).count() == 1
        page = dan.get(path).content.decode()
        assert re.search(r'id="progress-title">Cancelled<', page)
        assert "every 2s" not in page
        dan.post(f"{path}again/")
        assert set(backfill.runs.filter(state=RunState.QUEUED).values_list("partition", flat=True)) == {
            "2013-01-02",
            "2013-01-03",
        }

    def test_who_may_not_run_only_looks(self, client: Client, cast: Cast, backfill: Backfill) -> None:
        client.force_login(cast.finn)
        path = f"/backfills/{backfill.pk}/"
        assert "Pause" not in client.get(path).content.decode()
        for step in ("pause", "resume", "cancel", "again"):
            assert client.post(f"{path}{step}/").status_code == 403
        assert not Backfill.objects.get().paused

    def test_whom_the_job_names_steers_it(self, client: Client, cast: Cast, backfill: Backfill) -> None:
        backfill.job.runners.add(cast.finn)
        client.force_login(cast.finn)
        path = f"/backfills/{backfill.pk}/"
        page = client.get(path).content.decode()
        assert "Pause" in page
        assert "Cancel the rest" in page
        for step in ("pause", "resume", "cancel", "again"):
            assert client.post(f"{path}{step}/").status_code == 302
        assert backfill.runs.filter(state=RunState.QUEUED).count() == 2


def test_a_run_is_started_again_with_other_parameters(dan: Client) -> None:
    job = make_job(parameters_schema=DAY_PARAMETERS)
    run = make_run(job, RunState.FAILED, params={"day": "2013-02-28", "rows": 77})
    link = f"/jobs/load-weather/run/?from={run.number}"
    assert link in dan.get(f"/runs/{run.number}/").content.decode()
    page = dan.get(link).content.decode()
    assert 'value="2013-02-28"' in page
    assert 'value="77"' in page
    other = make_run(make_job("other"), params={"day": "2001-01-01"})
    assert "2001-01-01" not in dan.get(f"/jobs/load-weather/run/?from={other.number}").content.decode()
    assert dan.get("/jobs/load-weather/run/?from=" + "9" * 40).status_code == 200
