"""/requests/: the list of questions."""

import pytest
from django.test import Client

from portal.accounts.models import Team
from requests_app import filters
from requests_app.choices import State, Visibility
from requests_app.views import requests as views_requests
from tests.conftest import Cast
from tests.factories.questions import bring, make_question

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


def text(client: Client, path: str = "/requests/", **kwargs) -> str:
    response = client.get(path, **kwargs)
    assert response.status_code == 200
    return response.content.decode()


def titles(client: Client, query: str = "") -> list[str]:
    response = client.get(f"/requests/{query}")
    assert response.status_code == 200
    return [row.question.title for row in response.context["rows"]]


@pytest.fixture
def ben(client: Client, cast: Cast) -> Client:
    client.force_login(cast.ben)
    return client


def fill(cast: Cast) -> None:
    make_question(cast.ada, "A new one")
    bring(make_question(cast.ada, "A ready one"), State.READY, lead=cast.cleo, analyst=cast.ben)
    bring(make_question(cast.ada, "In Ben's hands"), State.IN_PROGRESS, lead=cast.cleo, analyst=cast.ben)
    bring(make_question(cast.finn, "In Eun's hands"), State.IN_PROGRESS, lead=cast.cleo, analyst=cast.eun)
    bring(make_question(cast.finn, "An answered one"), State.ANSWERED, lead=cast.cleo, analyst=cast.ben)


def test_it_rejects_post(ben):
    assert ben.post("/requests/").status_code == 405


def test_an_empty_list_leads_to_asking(ben):
    page = text(ben)
    assert "No questions yet" in page
    assert page.count('href="/requests/ask/"') >= 2


def test_analysts_land_in_the_queue_of_what_is_open(ben, cast):
    fill(cast)
    assert set(titles(ben)) == {"A new one", "A ready one", "In Ben's hands", "In Eun's hands"}


@pytest.mark.parametrize(
    ("view", "expected"),
    [
        ("mine", {"In Ben's hands"}),
        ("free", {"A ready one"}),
        ("all", {"A new one", "A ready one", "In Ben's hands", "In Eun's hands", "An answered one"}),
        ("asked", set()),
        ("nonsense", {"A new one", "A ready one", "In Ben's hands", "In Eun's hands"}),
    ],
)
def test_each_view_holds_what_its_name_says(ben, cast, view, expected):
    fill(cast)
    assert set(titles(ben, f"?view={view}")) == expected


def test_business_staff_land_at_what_they_asked(client, cast):
    fill(cast)
    client.force_login(cast.ada)
    assert set(titles(client)) == {"A new one", "A ready one", "In Ben's hands"}
    assert "An answered one" in titles(client, "?view=answered")
    page = text(client)
    assert "Being answered" in page, "in the asker's words"
    assert "data-pick" not in page


def test_what_waits_for_the_asker_is_counted(client, cast):
    bring(make_question(cast.ada, "Which campaign?"), State.NEEDS_INFO, lead=cast.cleo, analyst=cast.ben)
    client.force_login(cast.ada)
    assert titles(client, "?view=waiting") == ["Which campaign?"]
    tab = next(tab for tab in client.get("/requests/").context["tabs"] if tab.url == "?view=waiting")
    assert tab.count == "1"


def test_a_tab_stops_counting_where_nobody_counts_on(ben, cast, monkeypatch):
    for module in (filters, views_requests):
        monkeypatch.setattr(module, "MOST_COUNTED", 2)
    counts = []
    for number in range(4):
        make_question(cast.ada, f"Question {number}")
        tabs = ben.get("/requests/").context["tabs"]
        counts.append(next(tab.count for tab in tabs if tab.current))
    assert counts == ["1", "2", "2+", "2+"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?view=all&q=ready", {"A ready one"}),
        ("?view=all&state=in_progress", {"In Ben's hands", "In Eun's hands"}),
        ("?view=all&assignee=me", {"In Ben's hands", "An answered one"}),
        ("?view=all&assignee=none", {"A new one", "A ready one"}),
        ("?view=all&team=marketing", set()),
        ("?view=all&state=nonsense", None),
        ("?view=all&assignee=x", set()),
    ],
)
def test_filters_in_the_address_choose(ben, cast, query, expected):
    fill(cast)
    everything = {"A new one", "A ready one", "In Ben's hands", "In Eun's hands", "An answered one"}
    assert set(titles(ben, query)) == (everything if expected is None else expected)


def test_a_number_finds_its_question(ben, cast):
    fill(cast)
    wanted = make_question(cast.ada, "The wanted one")
    for typed in (wanted.label, str(wanted.number), f"%23{wanted.number}"):
        assert titles(ben, f"?view=all&q={typed}") == ["The wanted one"]


def test_a03_private_and_team_questions_are_for_those_alone(client, cast):
    marketing = Team.objects.get(key="marketing")
    make_question(cast.ada, "Private one", visibility=Visibility.PRIVATE)
    make_question(cast.ada, "Team one", visibility=Visibility.TEAM, on_behalf=marketing)
    seen = {}
    for name in ("ada", "ben", "cleo", "eun", "finn"):
        client.force_login(getattr(cast, name))
        seen[name] = set(titles(client, "?view=all"))
    assert seen == {
        "ada": {"Private one", "Team one"},
        "ben": {"Team one"},
        "cleo": {"Private one", "Team one"},
        "eun": {"Team one"},
        "finn": set(),
    }


def test_the_queue_is_paged_by_key_in_the_order_of_work(ben, cast):
    for number in range(30):
        make_question(cast.ada, f"Question {number:02}")
    first = ben.get("/requests/").context["page"]
    second = ben.get(f"/requests/?cursor={first.next_cursor}").context["page"]
    assert (len(first.items), len(second.items)) == (25, 5)
    assert not {one.pk for one in first.items} & {one.pk for one in second.items}


def test_a_forged_cursor_is_refused(ben):
    assert ben.get("/requests/?cursor=nonsense").status_code == 400


def test_htmx_gets_the_list_alone(ben, cast):
    fill(cast)
    part = text(ben, headers=HTMX)
    assert "<h1>" not in part
    assert 'id="results"' in part


def test_the_number_of_queries_does_not_grow(ben, cast, django_assert_max_num_queries):
    for number in range(12):
        bring(
            make_question(cast.ada, f"Question {number}"), State.IN_PROGRESS, lead=cast.cleo, analyst=cast.eun
        )
    text(ben)
    with django_assert_max_num_queries(16):
        text(ben)
