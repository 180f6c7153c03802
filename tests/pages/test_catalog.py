import base64
import json

import pytest

from catalog.choices import Certification, Visibility
from portal.accounts.models import Team
from tests.factories import catalog

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture
def ada(client, cast):
    client.force_login(cast.ada)
    return client


def text(client, path="/catalog/", **kwargs):
    response = client.get(path, **kwargs)
    assert response.status_code == 200
    return response.content.decode()


def fill(number=3):
    for index in range(number):
        catalog.dataset(f"d{index:03}", name_en=f"Dataset {index:03}", columns=["carrier"])


def hidden(**fields):
    return catalog.dataset(
        "budget",
        name_en="Campaign budget",
        visibility=Visibility.TEAM,
        team=Team.objects.get(key="finance"),
        tags=["finance-only"],
        **fields,
    )


def test_an_empty_catalog_says_what_to_do(ada):
    page = text(ada)
    assert "Nothing in the catalog yet" in page
    assert 'href="/jobs/"' in page


def test_it_lists_by_name_and_pages_by_key(ada):
    fill(60)
    first = text(ada)
    assert "Dataset 000" in first
    assert "Dataset 050" not in first
    onward = first.split('rel="next" href="', 1)[1].split('"', 1)[0].replace("&amp;", "&")
    second = text(ada, f"/catalog/{onward}")
    assert "Dataset 050" in second
    assert "Dataset 000" not in second


def test_a_cursor_that_is_nonsense_is_refused(ada):
    assert ada.get("/catalog/?cursor=nonsense").status_code == 400


@pytest.mark.parametrize("values", [[0, "\0", 1], [0, "a", "b"], [0, None, 1], [0, "a"]])
def test_a_forged_cursor_is_refused(ada, values):
    cursor = base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")
    assert ada.get(f"/catalog/?cursor={cursor}").status_code == 400


def test_a_search_says_why_something_was_found(ada):
    catalog.dataset("flights", columns=[{"name": "dep_delay", "description_ko": "출발 지연"}])
    catalog.metric("on_time_rate", name_en="On-time rate", name_ko="정시율")
    assert "name begins with it" in text(ada, "/catalog/?q=on-time")
    page = text(ada, "/catalog/?q=출발 지연")
    assert "<code>dep_delay</code>" in page
    assert "on_time_rate" not in page


def test_a_search_without_hits_says_how_to_loosen_it(ada):
    fill()
    page = text(ada, "/catalog/?q=tomato&kind=dataset")
    assert "Nothing matches «tomato»" in page
    assert 'href="/catalog/?q=tomato"' in page


@pytest.mark.parametrize(
    "q", ["'; DROP TABLE", "a&b|!(:*", "%00", "\\", "ㅏㅏㅏ", "x" * 5000, "<script>alert(1)</script>"]
)
def test_any_text_may_be_searched(ada, q):
    fill(1)
    page = text(ada, "/catalog/", data={"q": q})
    assert "<script>alert" not in page


def test_filters_stand_in_the_address(ada, cast):
    catalog.dataset("flights", tags=["operations"], owner=cast.dan, certification=Certification.CERTIFIED)
    catalog.dataset("weather", tags=["reference"], team=Team.objects.get(key="data"))
    catalog.metric("rate")
    for query, expected in {
        "kind=metric": {"rate"},
        "tag=operations": {"flights"},
        f"owner={cast.dan.pk}": {"flights"},
        "team=data": {"weather"},
        "certified=true": {"flights"},
        "q=flights&kind=metric": {"rate"},
    }.items():
        page = text(ada, f"/catalog/?{query}")
        found = {
            key for key in ("flights", "weather", "rate") if f'<code class="key hide-s">{key}</code>' in page
        }
        assert found == expected, query


@pytest.mark.parametrize(
    "query", ["kind=table", "owner=x", "owner=99999999999999999999", "team=nobody", "tag=%00"]
)
def test_a_filter_that_no_list_knows_counts_as_not_given(ada, query):
    fill(1)
    assert "Dataset 000" in text(ada, f"/catalog/?{query}")


def test_a_stranger_finds_nothing_of_what_is_private(client, cast):
    hidden(owner=cast.finn)
    for path in ("/catalog/", "/catalog/?q=campaign", "/catalog/?tag=finance-only", "/catalog/?team=finance"):
        client.force_login(cast.ada)
        page = text(client, path)
        # What was typed is shown again; what stands in the catalog is not.
        assert "Campaign budget" not in page, path
        assert ">finance-only<" not in page, path
        client.force_login(cast.finn)
        assert "Campaign budget" in text(client, path), path


def test_the_owners_to_choose_from_own_something_visible(client, cast):
    hidden(owner=cast.finn)
    client.force_login(cast.ada)
    assert "Finn Oh" not in text(client)


def test_typing_asks_for_the_results_only(ada):
    fill(1)
    response = ada.get("/catalog/?q=dataset", headers=HTMX)
    page = response.content.decode()
    assert 'id="results"' in page
    assert "<html" not in page
    assert "HX-Request" in response["Vary"]


@pytest.mark.parametrize("more", [{"HX-Boosted": "true"}, {"HX-History-Restore-Request": "true"}])
def test_a_boosted_or_restored_page_is_whole(ada, more):
    assert "<html" in text(ada, headers={**HTMX, **more})


def test_a_metric_shows_its_newest_complete_value(ada):
    catalog.metric("rate", name_en="Rate", points=[("2013-01-01", 0.765), ("2013-02-01", 0.762)])
    page = text(ada)
    assert "76.2" in page
    assert "February 2013" in page


def test_personal_data_and_trust_are_marked(ada):
    catalog.dataset("people", sensitivity="personal", certification=Certification.CERTIFIED)
    page = text(ada)
    assert "Personal data" in page
    assert "Certified" in page


def test_it_reads_korean(ada):
    catalog.metric("rate", name_en="On-time rate", name_ko="정시율", points=[("2013-02-01", 0.762)])
    page = text(ada, headers={"Accept-Language": "ko"})
    assert "정시율" in page
    assert "2013년 2월" in page


@pytest.mark.parametrize(("query", "count"), [("", 10), ("?q=dataset", 10)])
def test_the_number_of_queries_does_not_grow(ada, cast, django_assert_num_queries, query, count):
    def more(start, number):
        for index in range(start, start + number):
            catalog.dataset(f"dataset{index}", owner=cast.dan, team=Team.objects.get(key="data"))
            catalog.metric(f"metric_of_dataset{index}", owner=cast.dan, points=[("2013-02-01", 0.5)])

    more(0, 2)
    text(ada)
    with django_assert_num_queries(count):
        text(ada, f"/catalog/{query}")
    more(2, 10)
    with django_assert_num_queries(count):
        text(ada, f"/catalog/{query}")


def test_it_refuses_to_be_written_to(ada):
    assert ada.post("/catalog/").status_code == 405
