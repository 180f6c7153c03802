"""Any two editions of a report side by side: figures with their difference, and the rows that are others."""

from typing import Any

import pytest
from django.test import Client
from django.utils.translation import override

from jobs.models import Run
from portal.webhooks.choices import Standing
from tests.conftest import Cast
from tests.factories import catalog
from tests.factories.jobs import make_edition, make_job
from tests.pages.test_reports import TABLE, hide

pytestmark = pytest.mark.django_db
PAGE = "/reports/flights/compare/"
OLD = [("January", 27004), ("February", 24951), ("March", 28834)]
NEW = [("January", 27004), ("February", 25000), ("April", 28330)]


@pytest.fixture
def editions(cast: Cast, client: Client) -> list[Run]:
    client.force_login(cast.ada)
    catalog.dataset("flights")
    first = make_edition("flights", tables=[TABLE], rows=OLD, ago=7200)[0]
    second = make_edition(first.job, tables=[TABLE], rows=NEW, ago=3600)[0]
    third = make_edition(first.job, tables=[TABLE], rows=[("January", 1), ("February", 2)], ago=60)[0]
    return [first, second, third]


def page_of(client: Client, **chosen: Any) -> Any:
    response = client.get(PAGE, chosen)
    assert response.status_code == 200
    return response


def test_the_newest_two_stand_side_by_side_unless_others_are_chosen(
    client: Client, editions: list[Run]
) -> None:
    first, second, third = editions
    assert (page_of(client).context["now"], page_of(client).context["before"]) == (third, second)
    chosen = page_of(client, now=second.number, before=first.number)
    assert (chosen.context["now"], chosen.context["before"]) == (second, first)


def test_editions_are_told_apart_by_number_second_and_parameters(client: Client, cast: Cast) -> None:
    client.force_login(cast.ada)
    asked = {"type": "object", "properties": {"least": {"type": "integer", "title": "Late from"}}}
    job = make_edition("flights", rows=OLD, ago=60, parameters_schema=asked)[0].job
    second, third, fourth = (make_edition(job, rows=OLD, ago=60)[0] for _ in range(3))
    for run, least in ((second, 15), (third, 30), (fourth, 15)):
        run.params = {"least": least}
        run.finished_at = second.finished_at
        run.save()
    page = page_of(client)
    assert page.context["before"] == second
    shown = page.content.decode()
    assert f"#{third.number} · " in shown
    assert "Late from: 30" in shown
    assert f"{second.finished_at:%S} · Late from: 15" in shown
    assert "different parameters" not in shown
    assert "different parameters" in page_of(client, now=fourth.number, before=third.number).content.decode()
    edition = client.get(f"/reports/flights/{third.number}/").content.decode()
    assert f"Edition #{third.number} of" in edition
    assert "Late from: 30" in edition
    assert "different parameters" in edition


def test_rows_are_matched_by_their_names(client: Client, editions: list[Run]) -> None:
    page = page_of(client, now=editions[1].number, before=editions[0].number)
    (table,) = page.context["found"].tables
    assert [row.kind for row in table.rows] == ["changed", "added", "removed"]
    shown = page.content.decode()
    assert "24,951</span> → 25,000" in shown
    assert "+49 (+0.2" in shown
    assert "1 changed, 1 new, 1 gone" in shown


def test_a_new_row_is_no_notification_in_korean(client: Client, editions: list[Run]) -> None:
    (table,) = page_of(client, now=editions[1].number, before=editions[0].number).context["found"].tables
    with override("ko"):
        assert [row.label for row in table.rows] == ["변경", "추가", "사라짐"]
        assert str(Standing.FAILING.label) == "실패 중"


def test_no_more_rows_than_a_page_takes_are_shown(client: Client, editions: list[Run]) -> None:
    job = editions[0].job
    many = [
        make_edition(job, tables=[TABLE], rows=[(f"d{n}", n + add) for n in range(50)])[0] for add in (0, 1)
    ]
    page = page_of(client, now=many[1].number, before=many[0].number)
    (table,) = page.context["found"].tables
    assert (len(table.rows), table.more) == (20, 30)
    assert "30 more rows differ." in page.content.decode()


def test_rows_that_nothing_names_are_there_or_not(client: Client, editions: list[Run]) -> None:
    job = editions[0].job
    twice = make_edition(job, tables=[TABLE], rows=[("a", 1), ("a", 1), ("a", 2)])[0]
    once = make_edition(job, tables=[TABLE], rows=[("a", 1), ("a", 3)])[0]
    (table,) = page_of(client, now=once.number, before=twice.number).context["found"].tables
    assert dict(table.counts) == {"added": 1, "removed": 2}


def test_a_result_of_one_row_is_compared_number_by_number(client: Client, editions: list[Run]) -> None:
    job = editions[0].job
    one, other = (make_edition(job, tables=[TABLE], rows=[("all", flights)])[0] for flights in (100, 150))
    found = page_of(client, now=other.number, before=one.number).context["found"]
    (change,) = found.figures
    assert (change.before, change.now, change.difference) == ("100", "150", "+50")
    assert change.percent.startswith("+50")
    assert found.tables == []


def test_hidden_rows_are_compared_for_nobody(client: Client, cast: Cast, editions: list[Run]) -> None:
    hide(TABLE, cast)
    found = page_of(client).context["found"]
    assert (found.figures, found.tables) == ([], [])
    client.force_login(cast.finn)
    assert page_of(client).context["found"].tables


def test_a_section_of_one_edition_only_is_named(client: Client, editions: list[Run]) -> None:
    other = make_edition(editions[0].job, tables=[TABLE], rows=NEW, failed=True)[0]
    other.outputs["sections"][0] |= {"name": "query:Other", "title_en": "Other"}
    other.save()
    page = page_of(client, now=other.number, before=editions[1].number)
    found = page.context["found"]
    assert (found.only_now, found.only_before) == (["Other"], ["Flights"])
    assert "In one edition only" in page.content.decode()


def test_with_one_edition_there_is_nothing_to_compare(client: Client, editions: list[Run]) -> None:
    make_edition("lonely", rows=[("a", 1)])
    assert "Nothing to compare yet" in client.get("/reports/lonely/compare/").content.decode()


@pytest.mark.parametrize("chosen", ["999999", "x", "-1", "9" * 30, "²"])
def test_what_is_no_edition_of_this_report_is_missing(
    client: Client, editions: list[Run], chosen: str
) -> None:
    assert client.get(PAGE, {"before": chosen}).status_code == 404


def test_an_edition_of_another_report_is_missing(client: Client, editions: list[Run]) -> None:
    other = make_edition("others", rows=[("a", 1)])[0]
    assert client.get(PAGE, {"now": other.number}).status_code == 404
    make_job("load-weather")
    assert client.get("/reports/load-weather/compare/").status_code == 404
