"""Reports: the list, an edition, its files and its evidence, and what changed since the one before."""

from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from catalog.choices import Visibility
from catalog.models import Dataset
from jobs.choices import RunState
from jobs.models import Run
from portal.accounts.actions import tokens
from portal.audit.actions import Actor
from portal.evidence.models import Citation
from tests.conftest import Cast
from tests.factories import catalog
from tests.factories.jobs import make_artifact, make_edition, make_job, make_run

pytestmark = pytest.mark.django_db
TABLE = "lake.operations.flights"
PAGE = "/reports/flights/"


@pytest.fixture(autouse=True)
def own_folder(settings: Any, tmp_path: Any) -> None:
    settings.VAR = tmp_path


@pytest.fixture
def ada(client: Client, cast: Cast) -> Client:
    client.force_login(cast.ada)
    return client


@pytest.fixture
def edition(cast: Cast) -> Run:
    catalog.dataset("flights")
    return make_edition("flights", tables=[TABLE], rows=[("January", 27004)], ago=7200)[0]


def hide(table: str, cast: Cast) -> None:
    dataset = Dataset.objects.get(physical_name=table)
    dataset.asset.visibility = Visibility.TEAM
    dataset.asset.team = cast.finn.teams.get()
    dataset.asset.save()


def page_of(client: Client, path: str = PAGE) -> str:
    response = client.get(path)
    assert response.status_code == 200
    return response.content.decode()


def test_the_list_shows_reports_with_their_newest_edition(ada: Client, edition: Run) -> None:
    make_job("load-weather")
    make_job("secret", kind="report", private=True)
    make_edition(edition.job, failed=True, ago=60)
    page = page_of(ada, "/reports/")
    assert PAGE in page
    assert "Incomplete" in page
    assert "load-weather" not in page
    assert "secret" not in page


def test_the_list_looks_for_the_newest_runs_and_reads_no_history(
    ada: Client, edition: Run, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(9):
        make_edition(f"other-{number}", ago=60)
    page_of(ada, "/reports/")
    with django_assert_num_queries(8) as asked:
        assert page_of(ada, "/reports/").count("Complete") == 10
    assert not any("DISTINCT ON" in each["sql"] for each in asked.captured_queries)


def test_the_list_tells_of_no_job_before_a_report_that_is_hidden(
    ada: Client, cast: Cast, edition: Run
) -> None:
    before = make_job("payroll", private=True, owner=cast.cleo)
    edition.job.after.add(before)
    assert "after another job" not in page_of(ada, "/reports/")
    before.private = False
    before.save()
    assert "after another job" in page_of(ada, "/reports/")


def test_an_edition_shows_rows_query_and_files(ada: Client, edition: Run) -> None:
    file = make_artifact(edition, name="flights-2026-11-25-en.pdf")
    page = page_of(ada)
    assert "January" in page
    assert "SELECT month, flights FROM ops.flights" in page
    assert file.url in page
    assert b"".join(ada.get(file.url)).startswith(b"month")


def test_rows_and_files_are_for_who_may_see_every_table(ada: Client, cast: Cast, edition: Run) -> None:
    file = make_artifact(edition, name="flights.xlsx")
    hide(TABLE, cast)
    page = page_of(ada)
    assert "Flights" in page
    assert "January" not in page
    assert "ops.flights" not in page
    assert file.url not in page
    assert ada.get(file.url).status_code == 404
    assert file.url not in page_of(ada, f"/runs/{edition.number}/")
    ada.force_login(cast.finn)
    assert "January" in page_of(ada)
    assert b"".join(ada.get(file.url)).startswith(b"month")


def test_the_api_gives_no_file_of_hidden_rows(cast: Cast, edition: Run) -> None:
    file = make_artifact(edition)
    hide(TABLE, cast)
    secrets = {
        name: tokens.create(
            owner=getattr(cast, name), name="t", scopes=["jobs:read"], days=7, by=Actor.system("tests")
        ).secret
        for name in ("ada", "finn")
    }
    for name, seen in (("ada", 0), ("finn", 1)):
        client = Client(headers={"Authorization": f"Bearer {secrets[name]}"})
        assert len(client.get(f"/api/v1/runs/{edition.pk}/artifacts").json()) == seen
        answer = client.get(f"/api/v1/runs/{edition.pk}/artifacts/{file.pk}")
        assert answer.status_code == (200 if seen else 404)
        if seen:
            assert b"".join(answer).startswith(b"month")


def test_a_missing_section_is_named(ada: Client, edition: Run) -> None:
    make_edition(edition.job, failed=True, ago=60)
    page = page_of(ada)
    assert "This edition is incomplete" in page
    assert "The query took longer than it may." in page


def test_two_editions_stand_side_by_side(ada: Client, edition: Run) -> None:
    make_edition(edition.job, tables=[TABLE], rows=[("February", 27104)], ago=60)
    page = page_of(ada)
    assert "27,004" in page
    assert "27,104" in page
    assert "+100" in page


def test_equal_results_are_called_the_same(ada: Client, edition: Run) -> None:
    make_edition(edition.job, tables=[TABLE], rows=[("January", 27004)], ago=60)
    page = page_of(ada)
    assert "The same as before: Flights." in page
    assert "the same</span>" not in page


def test_numbers_are_written_as_the_comparison_writes_them(ada: Client, edition: Run) -> None:
    make_edition(edition.job, tables=[TABLE], rows=[("January", 9893), ("of 2013", 14.9057)], ago=60)
    page = page_of(ada)
    assert '<td class="num">9,893</td>' in page
    assert '<td class="num">14.91</td>' in page


def test_one_row_is_counted_as_one(ada: Client, edition: Run) -> None:
    make_edition(edition.job, tables=[TABLE], rows=[("January", 1), ("February", 2)], ago=60)
    page = page_of(ada)
    assert "1 row<" in page
    assert "1 rows" not in page


def test_an_earlier_edition_leads_to_the_newest(ada: Client, edition: Run) -> None:
    make_edition(edition.job, ago=60)
    assert "This is an earlier edition." in page_of(ada, f"{PAGE}{edition.number}/")


def test_figures_that_were_let_go_are_said_to_be_gone(ada: Client, edition: Run) -> None:
    Citation.objects.all().delete()
    assert "no longer kept" in page_of(ada)


def test_a_report_without_an_edition_says_so(ada: Client, cast: Cast) -> None:
    job = make_job("empty", kind="report")
    assert "No edition yet" in page_of(ada, "/reports/empty/")
    make_run(job, RunState.FAILED)
    assert "The last run made no edition." in page_of(ada, "/reports/empty/")


@pytest.mark.parametrize("path", ["/reports/load-weather/", "/reports/nothing/", "/reports/flights/999999/"])
def test_what_is_no_report_or_edition_is_missing(ada: Client, edition: Run, path: str) -> None:
    make_job("load-weather")
    assert ada.get(path).status_code == 404


def test_an_edition_of_another_report_is_missing(ada: Client, edition: Run) -> None:
    make_job("other", kind="report")
    assert ada.get(f"/reports/other/{edition.number}/").status_code == 404


def test_rows_are_handed_out_as_csv_and_verified(ada: Client, cast: Cast, edition: Run) -> None:
    page = page_of(ada)
    address = page.split('/csv/"')[0].rpartition('"')[2]
    assert b"January,27004" in b"".join(ada.get(f"{address}/csv/"))
    assert ada.post(f"{address}/verify/").status_code == 302
    assert Run.objects.filter(job__kind="verify").count() == 1
    hide(TABLE, cast)
    assert ada.get(f"{address}/csv/").status_code == 404
    assert ada.post(f"{address}/verify/").status_code == 404


def test_its_queries_do_not_grow_with_its_sections(
    ada: Client, edition: Run, django_assert_max_num_queries: Any
) -> None:
    page_of(ada)
    with django_assert_max_num_queries(30):
        page_of(ada)
