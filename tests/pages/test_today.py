from datetime import timedelta

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from catalog.choices import Certification, Visibility
from jobs.choices import RunState
from portal.accounts.models import Membership, Team
from tests.conftest import Cast
from tests.factories.catalog import dataset, definition, edge, metric
from tests.factories.jobs import make_job, make_run

pytestmark = pytest.mark.django_db

DAYS = [("2013-01-01", 0.81), ("2013-02-01", 0.84), ("2013-03-01", 0.78)]


def monthly(**changes):
    return definition(accessible={"default_grain": "month"}, **changes)


def text(client: Client) -> str:
    response = client.get("/")
    assert response.status_code == 200
    return response.content.decode()


def test_a_visitor_is_sent_to_the_sign_in(client: Client, db: None) -> None:
    assert client.get("/")["Location"].startswith("/account/login/")


def test_it_rejects_post(client: Client, cast: Cast) -> None:
    client.force_login(cast.dan)
    assert client.post("/").status_code == 405


class TestEmpty:
    def test_an_administrator_is_told_what_to_do_first(self, client: Client, cast: Cast) -> None:
        client.force_login(cast.cleo)
        page = text(client)
        assert "First steps" in page
        assert "Invite the people" in page
        assert "Register a job" in page

    def test_an_engineer_is_told_to_register_a_job(self, client: Client, cast: Cast) -> None:
        client.force_login(cast.dan)
        page = text(client)
        assert "Register a job" in page
        assert "Invite the people" not in page

    def test_business_staff_are_told_to_wait(self, client: Client, cast: Cast) -> None:
        client.force_login(cast.ada)
        page = text(client)
        assert "Nothing here yet" in page
        assert "Register a job" not in page

    def test_nothing_new_is_not_a_new_installation(self, client: Client, cast: Cast) -> None:
        make_run(make_job())
        client.force_login(cast.dan)
        page = text(client)
        assert "First steps" not in page
        assert "Nothing. Every job’s last run is fine." in page


def test_it_greets_with_the_day_and_the_teams(client: Client, cast: Cast) -> None:
    client.force_login(cast.ben)
    page = text(client)
    assert str(timezone.localtime(timezone.now(), timezone.get_fixed_timezone(540)).year) in page
    assert "Marketing" in page
    client.cookies["desk-language"] = "ko"
    assert "마케팅" in text(client)


def test_the_search_box_finds_anything(client: Client, cast: Cast) -> None:
    client.force_login(cast.ada)
    assert '<form class="ask" role="search" action="/find/" method="get">' in text(client)


class TestBroken:
    def test_a_failing_job_says_why_and_what_stands_still(self, client: Client, cast: Cast) -> None:
        job = make_job(name_en="Hourly weather")
        dataset("weather", name_en="Weather by hour")
        edge(("job", job.key), ("dataset", "weather"))
        run = make_run(job, RunState.FAILED, attempt=3)
        client.force_login(cast.dan)
        page = text(client)
        assert "Hourly weather" in page
        assert "weather.csv line 412" in page
        assert "after 3 attempts" in page
        assert "Weather by hour" in page
        assert f'href="/runs/{run.number}/"' in page

    def test_who_runs_it_again_is_named(self, client: Client, cast: Cast) -> None:
        job = make_job()
        make_run(job, RunState.FAILED)
        make_run(job, RunState.RUNNING, by=cast.eun, progress={"fraction": 0.4})
        client.force_login(cast.dan)
        assert "Eun Park runs it again now" in text(client)

    def test_a_recovered_job_is_gone(self, client: Client, cast: Cast) -> None:
        job = make_job()
        make_run(job, RunState.FAILED)
        make_run(job, RunState.SUCCEEDED)
        make_run(job, RunState.CANCELLED)
        client.force_login(cast.dan)
        assert client.get("/").context["broken"] == []

    def test_hidden_jobs_break_unseen(self, client: Client, cast: Cast) -> None:
        make_run(make_job(name_en="Payroll", private=True, owner=cast.cleo), RunState.FAILED)
        make_job("other")
        client.force_login(cast.ben)
        assert "Payroll" not in text(client)

    def test_business_staff_see_numbers_not_jobs(self, client: Client, cast: Cast) -> None:
        make_run(make_job(name_en="Hourly weather"), RunState.FAILED)
        client.force_login(cast.finn)
        page = text(client)
        assert "What broke" not in page
        assert "Hourly weather" not in page


class TestMetrics:
    def test_a_metric_shows_value_target_and_change(self, client: Client, cast: Cast) -> None:
        metric(version=monthly(), points=DAYS, name_en="On-time rate", name_ko="정시율")
        client.force_login(cast.finn)
        page = text(client)
        assert "On-time rate" in page
        assert "78.0" in page
        assert "Target 80" in page
        assert "−6.0" in page
        client.cookies["desk-language"] = "ko"
        assert "정시율" in text(client)

    def test_own_teams_metrics_come_first_and_hidden_ones_not_at_all(
        self, client: Client, cast: Cast
    ) -> None:
        marketing, finance = cast.ada.teams.get(key="marketing"), cast.finn.teams.get(key="finance")
        given = {"version": monthly(), "points": DAYS}
        metric("company", **given, name_en="A company number")
        metric("certified", **given, name_en="B certified", certification=Certification.CERTIFIED)
        metric("team", **given, name_en="Z of Marketing", team=marketing)
        metric("hidden", **given, name_en="Revenue", team=finance, visibility=Visibility.TEAM)
        client.force_login(cast.ada)
        shown = client.get("/").context["metrics"]
        assert [row.metric.asset.key for row in shown] == ["team", "certified", "company"]

    def test_a_metric_without_points_is_left_out(self, client: Client, cast: Cast) -> None:
        metric("never", version=monthly())
        client.force_login(cast.ada)
        assert client.get("/").context["metrics"] == []


class TestFreshData:
    def test_the_newest_published_datasets_are_linked(self, client: Client, cast: Cast) -> None:
        dataset("old", table={"published_at": timezone.now() - timedelta(days=3)})
        dataset("new", table={"published_at": timezone.now()})
        dataset("secret", visibility=Visibility.TEAM, owner=cast.cleo)
        dataset("never", table={"published_at": None})
        client.force_login(cast.finn)
        shown = [each.asset.key for each in client.get("/").context["datasets"]]
        assert shown == ["new", "old"]
        assert "late" in text(client)


# What failed last is explained; for a check that takes two queries more, as its dataset is in doubt.
@pytest.mark.parametrize(("kind", "more"), [("python", 0), ("quality_check", 2)])
def test_more_of_everything_takes_no_more_queries(
    client: Client, cast: Cast, django_assert_num_queries: DjangoAssertNumQueries, kind: str, more: int
) -> None:
    def add(number: int) -> None:
        job = make_job(f"job-{number}", kind=kind, config={"dataset": f"dataset_{number}"})
        make_run(job, RunState.FAILED)
        make_run(job, RunState.RUNNING)
        dataset(f"dataset_{number}")
        edge(("job", job.key), ("dataset", f"dataset_{number}"))
        metric(f"metric_{number}", version=monthly(), points=DAYS)

    for number in range(3):
        add(number)
    client.force_login(cast.dan)
    client.get("/")
    for number in range(3, 8):
        add(number)
    with django_assert_num_queries(18 + more):
        client.get("/")
    cache.clear()
    with django_assert_num_queries(28 + more):
        client.get("/")


def test_what_moves_slowly_is_drawn_once_for_several_looks(client: Client, cast: Cast) -> None:
    client.force_login(cast.ben)
    assert "Flights" not in text(client)
    dataset("flights", name_en="Flights")
    assert "Flights" not in text(client)
    client.force_login(cast.dan)
    assert "Flights" in text(client)


def test_who_gets_another_role_or_team_sees_at_once_what_is_theirs(client: Client, cast: Cast) -> None:
    payers = Team.objects.create(key="payers", name_en="Payers")
    dataset("payroll", name_en="Payroll", visibility=Visibility.TEAM, team=payers)
    client.force_login(cast.ben)
    assert "Payroll" not in text(client)
    Membership.objects.create(user=cast.ben, team=payers)
    assert "Payroll" in text(client)
    cast.ben.memberships.filter(team=payers).delete()
    assert "Payroll" not in text(client)
