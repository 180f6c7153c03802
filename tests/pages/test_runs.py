"""The runs of all jobs: which are shown, to whom, in which order; what the address chooses."""

import re
from datetime import UTC, datetime

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from jobs.choices import QUERY_JOB, RunState, Trigger
from jobs.models import Run
from tests.conftest import Cast
from tests.factories.jobs import DAY_PARAMETERS, make_job, make_run

pytestmark = pytest.mark.django_db


@pytest.fixture
def dan(client: Client, cast: Cast) -> Client:
    client.force_login(cast.dan)
    return client


def text(client: Client, query: str = "") -> str:
    response = client.get(f"/runs/{query}")
    assert response.status_code == 200
    return response.content.decode()


def listed(client: Client, query: str = "") -> list[int]:
    found = re.findall(r'class="main-link" href="/runs/(\d+)/"', text(client, query))
    return [int(number) for number in found]


def test_it_rejects_post(dan: Client) -> None:
    assert dan.post("/runs/").status_code == 405


def test_without_runs_it_says_so(dan: Client) -> None:
    assert "Nothing has run yet" in text(dan)
    assert "No run matches" in text(dan, "?state=failed")


@pytest.mark.parametrize(
    ("query", "marked"),
    [
        ("", ["All"]),
        ("?state=unhappy", ["Failed"]),
        ("?state=failed", ["Failed"]),
        ("?state=timed_out", ["Failed"]),
        ("?state=lost&mine=true", ["Mine", "Failed"]),
        ("?state=deferred", ["Running or queued"]),
        ("?state=succeeded", []),
    ],
)
def test_the_quick_filter_that_holds_the_state_is_the_current_one(
    dan: Client, query: str, marked: list[str]
) -> None:
    bar = text(dan, query).partition('aria-label="Quick filters"')[2].partition("</nav>")[0]
    assert re.findall(r'aria-current="true">([^<]+)<', bar) == marked


def test_a_row_tells_job_state_person_parameters_and_error(dan: Client, cast: Cast) -> None:
    job = make_job(parameters_schema=DAY_PARAMETERS)
    make_run(job, RunState.FAILED, by=cast.eun, trigger=Trigger.API, params={"airport": "EWR", "rows": 10})
    row = text(dan).partition("data-list")[2].partition("</tbody>")[0]
    for words in (
        "/jobs/load-weather/",
        "Failed",
        "airport: EWR",
        "line 412",
        "Eun Park",
        "By API",
        "12\u00a0s",
    ):
        assert words in row
    assert "rows" not in row


def test_the_newest_stand_first_and_the_others_one_page_on(dan: Client) -> None:
    job = make_job()
    runs = [make_run(job).number for _ in range(60)]
    first = dan.get("/runs/").context["page"]
    assert [run.number for run in first.items] == runs[:9:-1]
    assert listed(dan, f"?cursor={first.next_cursor}") == runs[9::-1]
    assert dan.get("/runs/?cursor=nonsense").status_code == 400


def test_private_jobs_and_other_peoples_queries_are_not_told_of(client: Client, cast: Cast) -> None:
    make_run(make_job("payroll", name_en="Payroll", private=True, owner=cast.cleo))
    asked = make_run(make_job(QUERY_JOB, kind="query"), by=cast.eun)
    client.force_login(cast.finn)
    for query in ("", "?aside=true", "?q=payroll", "?job=payroll", "?by=Eun"):
        assert listed(client, query) == [], query
    client.force_login(cast.eun)
    assert listed(client) == []
    assert listed(client, "?aside=true") == [asked.number]


def test_the_filters_stand_in_the_address_and_wrong_ones_count_as_none(dan: Client, cast: Cast) -> None:
    a, b = make_job("load-a", name_ko="항공편"), make_job("load-b")
    old = make_run(a, by=cast.dan, created_at=datetime(2026, 1, 31, 15, 30, tzinfo=UTC)).number
    bad = make_run(b, RunState.FAILED, trigger=Trigger.BACKFILL).number
    going = make_run(b, RunState.RUNNING, by=cast.eun).number
    cases = {
        "?job=load-a": [old],
        "?q=항공편": [old],
        "?q=load": [going, bad, old],
        "?state=failed": [bad],
        "?state=unhappy": [bad],
        "?state=open": [going],
        "?mine=true": [old],
        "?by=eun": [going],
        "?trigger=backfill": [bad],
        # In Seoul it was past midnight.
        "?until=2026-01-31": [],
        "?since=2026-02-01&until=2026-02-01": [old],
        "?since=2026-02-02": [going, bad],
        "?state=nonsense&trigger=nonsense&since=nonsense": [going, bad, old],
        "?job=load-b&state=failed&mine=true": [],
    }
    for query, runs in cases.items():
        assert listed(dan, query) == runs, query


def test_a_page_between_days_leads_to_the_next_one(dan: Client) -> None:
    job = make_job()
    runs = [make_run(job).number for _ in range(51)]
    page = text(dan, "?since=2020-01-01")
    following = re.search(r'rel="next" href="(\?[^"]+)"', page)
    assert following is not None
    assert "since=2020-01-01" in following[1]
    assert listed(dan, following[1].replace("&amp;", "&")) == runs[:1]


def test_it_follows_what_is_open(dan: Client) -> None:
    run = make_run(make_job(), RunState.RUNNING)
    assert 'hx-trigger="every 3s"' in text(dan)
    seen = dan.get("/runs/?state=").context["live"]
    assert dan.get(seen, headers={"HX-Request": "true"}).status_code == 204
    Run.objects.filter(pk=run.pk).update(
        state=RunState.SUCCEEDED, lease_until=None, finished_at=datetime.now(UTC)
    )
    part = dan.get(seen, headers={"HX-Request": "true"}).content.decode()
    assert "Succeeded" in part
    assert "<html" not in part
    assert 'hx-trigger="every 15s"' in part


def test_more_runs_take_no_more_queries(
    dan: Client, cast: Cast, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(30):
        make_run(make_job(f"job-{number}", owner=cast.dan), by=cast.eun)
    dan.get("/runs/")
    with django_assert_max_num_queries(6):
        dan.get("/runs/")


def test_the_palette_and_the_jobs_lead_here(dan: Client) -> None:
    assert 'href="/runs/"' in dan.get("/jobs/").content.decode()
    assert 'href="/runs/"' in dan.get("/find/?q=All+runs").content.decode()
