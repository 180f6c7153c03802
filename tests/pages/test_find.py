import pytest
from django.test import Client

from catalog.choices import Visibility
from portal.accounts.models import Team
from tests.conftest import Cast
from tests.factories.catalog import dataset, metric
from tests.factories.jobs import make_job, make_run

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture
def dan(client: Client, cast: Cast) -> Client:
    client.force_login(cast.dan)
    return client


@pytest.fixture
def ada(client: Client, cast: Cast) -> Client:
    client.force_login(cast.ada)
    return client


def text(client: Client, words: str, **kwargs) -> str:
    response = client.get("/find/", {"q": words}, **kwargs)
    assert response.status_code == 200
    return response.content.decode()


def found(client: Client, words: str) -> str:
    return text(client, words, headers=HTMX)


def test_it_rejects_post(dan):
    assert dan.post("/find/").status_code == 405


def test_without_words_it_is_a_menu_of_places(ada):
    page = found(ada, "")
    assert 'href="/catalog/"' in page
    assert 'href="/account/sessions/"' in page
    assert 'href="/people/"' not in page


def test_words_name_places_also_in_english_on_a_korean_page(dan):
    assert 'href="/jobs/"' in found(dan, "job")
    dan.cookies["desk-language"] = "ko"
    assert 'href="/jobs/"' in found(dan, "jobs")
    assert 'href="/jobs/"' in found(dan, "작업")


def test_it_finds_datasets_metrics_and_jobs(dan):
    dataset("ops.flights", name_en="Flights", name_ko="항공편")
    metric("ops.flight_rate", name_en="Flight rate")
    make_job("load-flights", name_en="Load flights")
    page = found(dan, "flight")
    for url in ("/catalog/datasets/ops.flights/", "/catalog/metrics/ops.flight_rate/", "/jobs/load-flights/"):
        assert f'href="{url}"' in page
    assert 'href="/catalog/datasets/ops.flights/"' in found(dan, "항공")


def test_who_may_run_a_job_is_led_to_it(client, cast):
    make_job("load-flights", name_en="Load flights")
    for user, may in ((cast.dan, True), (cast.ada, False)):
        client.force_login(user)
        assert ('href="/jobs/load-flights/run/"' in found(client, "load")) is may


@pytest.mark.parametrize("typed", ["{}", "#{}", "# {}"])
def test_a_run_is_found_by_its_number(dan, typed):
    run = make_run(make_job("load-flights", name_en="Load flights"))
    assert f'href="/runs/{run.number}/"' in found(dan, typed.format(run.number))


@pytest.mark.parametrize("typed", ["9" * 18, "9" * 30, "#", "%00", "' OR 1=1", "😀"])
def test_odd_words_find_nothing_and_break_nothing(dan, typed):
    page = found(dan, typed)
    # Nothing but the offer to ask it.
    assert page.count("data-found") == page.count("/requests/ask/") <= 1
    assert "Nothing is called «" in page


def test_a07_what_others_keep_to_themselves_is_not_found(ada):
    finance = Team.objects.get(key="finance")
    dataset("fin.budget", name_en="Budget", team=finance, visibility=Visibility.TEAM)
    run = make_run(make_job("close-budget", name_en="Close the budget", team=finance, private=True))
    for typed in ("budget", str(run.number)):
        assert found(ada, typed).count("data-found") == 1
    assert "Not found?" in found(ada, "budget")


def test_the_page_holds_the_same_list_for_those_without_scripts(dan):
    dataset("ops.flights", name_en="Flights")
    page = text(dan, "flights")
    assert page.count("<h1>") == 1
    assert 'href="/catalog/datasets/ops.flights/"' in page
    assert 'value="flights"' in page


def test_a_boosted_request_gets_the_whole_page(dan):
    assert "<h1>" in text(dan, "flights", headers={**HTMX, "HX-Boosted": "true"})


def test_more_than_is_shown_leads_to_the_list(dan):
    for number in range(12):
        dataset(f"ops.flights{number}", name_en=f"Flights {number}")
    assert 'href="/catalog/?q=flights"' in found(dan, "flights")


def test_the_number_of_queries_does_not_grow(dan, django_assert_max_num_queries):
    for number in range(8):
        dataset(f"ops.flights{number}", name_en=f"Flights {number}")
        make_job(f"flights-{number}", name_en=f"Flights job {number}")
    found(dan, "flights")
    with django_assert_max_num_queries(9):
        found(dan, "flights")


def test_every_page_has_the_palette(dan):
    page = text(dan, "")
    assert "data-palette" in page
    assert 'action="/find/"' in page
