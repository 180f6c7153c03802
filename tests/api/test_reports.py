"""Reports by the API: the list, editions, and files by their format."""

from typing import Any

import pytest
from django.test import Client

from catalog.choices import Visibility
from catalog.models import Dataset
from jobs.models import Run
from portal.accounts.actions import tokens
from portal.accounts.models import User
from portal.audit.actions import Actor
from tests.conftest import Cast
from tests.factories import catalog
from tests.factories.jobs import make_artifact, make_edition, make_job

pytestmark = pytest.mark.django_db
TABLE = "lake.operations.flights"
BASE = "/api/v1/reports"


@pytest.fixture(autouse=True)
def own_folder(settings: Any, tmp_path: Any) -> None:
    settings.VAR = tmp_path


def client_of(user: User, scope: str = "reports:read") -> Client:
    made = tokens.create(owner=user, name="t", scopes=[scope], days=7, by=Actor.system("tests"))
    return Client(headers={"Authorization": f"Bearer {made.secret}"})


@pytest.fixture
def edition(cast: Cast) -> Run:
    catalog.dataset("flights")
    run = make_edition("flights", tables=[TABLE], rows=[("January", 27004)], ago=7200)[0]
    for name in ("flights-en.pdf", "flights-ko.pdf", "flights.xlsx", "flights-01.csv"):
        make_artifact(run, name.encode(), name=name)
    return run


def hide(cast: Cast) -> None:
    asset = Dataset.objects.get(physical_name=TABLE).asset
    asset.visibility, asset.team = Visibility.TEAM, cast.finn.teams.get()
    asset.save()


def test_the_list_holds_reports_that_the_owner_sees_with_their_newest_edition(
    cast: Cast, edition: Run
) -> None:
    make_job("load-weather")
    make_job("secret", kind="report", private=True)
    newest = make_edition(edition.job, failed=True, ago=60)[0]
    (shown,) = client_of(cast.ada).get(BASE).json()["results"]
    assert (shown["key"], shown["newest"]["number"], shown["newest"]["incomplete"]) == (
        "flights",
        newest.number,
        True,
    )


def test_an_edition_tells_its_sections_and_files(cast: Cast, edition: Run) -> None:
    client = client_of(cast.ada)
    listed = client.get(f"{BASE}/flights/editions").json()["results"]
    assert [each["number"] for each in listed] == [edition.number]
    shown = client.get(f"{BASE}/flights/editions/{edition.number}").json()
    (section,) = shown["sections"]
    assert (section["title_ko"], section["rows"], section["hidden"]) == ("항공편", 1, False)
    for file in shown["files"]:
        answer = client.get(file["url"])
        assert answer.status_code == 200, file["url"]
        assert b"".join(answer) == file["name"].encode()


def test_a_failed_section_is_named_by_its_reason(cast: Cast, edition: Run) -> None:
    broken = make_edition(edition.job, tables=[TABLE], rows=[("x", 1)], failed=True)[0]
    sections = client_of(cast.ada).get(f"{BASE}/flights/editions/{broken.number}").json()["sections"]
    assert [each["failed"] for each in sections] == ["", "slow"]


def test_rows_that_the_owner_may_not_see_are_hidden_with_all_files(cast: Cast, edition: Run) -> None:
    hide(cast)
    address = f"{BASE}/flights/editions/{edition.number}"
    client = client_of(cast.ada)
    shown = client.get(address).json()
    (section,) = shown["sections"]
    assert (section["hidden"], section["evidence"], section["rows"], shown["files"]) == (True, None, None, [])
    assert client.get(f"{address}/files/pdf").status_code == 404
    assert b"".join(client_of(cast.finn).get(f"{address}/files/pdf?language=ko")) == b"flights-ko.pdf"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/nothing", 404),
        ("/load-weather", 404),
        ("/flights/editions/999999", 404),
        ("/flights/editions/{number}/files/docx", 404),
        ("/flights/editions/{number}/files/csv?section=7", 404),
        ("/flights/editions/{number}/files/csv?section=x", 400),
        ("/flights/editions/{number}/files/pdf?language=fr", 400),
    ],
)
def test_what_is_not_there_or_not_asked_well_is_said(
    cast: Cast, edition: Run, path: str, status: int
) -> None:
    make_job("load-weather")
    assert client_of(cast.ada).get(BASE + path.format(number=edition.number)).status_code == status


def test_another_scope_reads_no_reports(cast: Cast, edition: Run) -> None:
    client = client_of(cast.ada, "jobs:read")
    for path in ("", "/flights", "/flights/editions", f"/flights/editions/{edition.number}"):
        assert client.get(BASE + path).status_code == 403
