import pytest

from catalog.choices import Certification, Sensitivity, Visibility
from catalog.models import Asset
from portal.accounts.models import Team
from portal.audit.models import AuditEvent
from tests.factories import catalog
from tests.factories.jobs import make_job, make_run

pytestmark = pytest.mark.django_db
PAGES = ("", "columns/", "preview/", "lineage/")


@pytest.fixture
def ada(client, cast):
    client.force_login(cast.ada)
    return client


@pytest.fixture
def flights(cast):
    return catalog.dataset(
        "flights",
        name_en="Flights",
        name_ko="항공편",
        description_en="One row for each flight.",
        description_ko="한 편이 한 줄이에요.",
        owner=cast.dan,
        team=Team.objects.get(key="data"),
        certification=Certification.CERTIFIED,
        certified_by=cast.cleo,
        tags=["operations"],
        columns=[
            {
                "name": "dep_delay",
                "description_en": "Minutes late at departure",
                "description_ko": "출발 지연(분)",
                "null_fraction": 0.034,
                "distinct_count": 354,
                "histogram": [1.0, 0.4, 0.1],
                "minimum": "-43",
                "maximum": "1301",
            },
            {"name": "pilot", "personal": True, "description_en": "Who flew"},
        ],
        sample={"columns": ["dep_delay", "pilot"], "rows": [[2, "•••"], [None, "•••"]]},
    )


def text(client, path, **kwargs):
    response = client.get(path, **kwargs)
    assert response.status_code == 200
    return response.content.decode()


def test_the_overview_says_whether_it_can_be_trusted(ada, flights):
    page = text(ada, "/catalog/datasets/flights/")
    for shown in ("336,776", "promised within 1", "Certified", "Cleo Han", "Dan Seo"):
        assert shown in page
    assert "<code>lake.operations.flights</code>" in page
    assert "3.4" in page
    assert "354" in page
    assert 'class="hist"' in page


def test_a_failed_check_comes_first(ada):
    checks = [
        {"name": "has rows", "passed": True, "observed": "3", "expected": ""},
        {"name": "no duplicates", "passed": False, "observed": "2", "expected": "0"},
    ]
    catalog.dataset("flights", table={"checks": checks})
    page = text(ada, "/catalog/datasets/flights/")
    assert "1 fails" in page
    assert "t-bad" in page
    assert page.index("no duplicates") < page.index("has rows")
    assert "expected: 0; found: 2" in page


def test_a_failed_check_that_does_not_block_is_a_warning(ada):
    checks = [
        {"name": "has rows", "passed": True, "blocking": True},
        {"name": "known planes", "passed": False, "blocking": False, "observed": "2", "expected": "0"},
        {"name": "known airports", "passed": False, "blocking": False, "observed": "3", "expected": "0"},
    ]
    catalog.dataset("flights", table={"checks": checks})
    page = text(ada, "/catalog/datasets/flights/")
    assert "2 warn" in page
    assert "fail" not in page
    assert "t-bad" not in page


@pytest.mark.parametrize("part", PAGES)
def test_a_dataset_that_was_never_published_has_its_pages(ada, part):
    made = catalog.dataset(
        "empty",
        columns=[],
        table={
            "row_count": None,
            "snapshot": None,
            "published_at": None,
            "fresh_within": None,
            "checks": [],
        },
    )
    assert made.age is None
    text(ada, f"/catalog/datasets/empty/{part}")


@pytest.mark.parametrize("part", PAGES)
def test_it_reads_korean(ada, flights, part):
    page = text(ada, f"/catalog/datasets/flights/{part}", headers={"Accept-Language": "ko"})
    assert "<h1>항공편</h1>" in page
    assert "한 편이 한 줄이에요." in page


@pytest.mark.parametrize("part", [*PAGES, "edit/"])
def test_a_missing_and_an_invisible_dataset_are_the_same(client, cast, part):
    catalog.dataset(
        "secret", visibility=Visibility.TEAM, team=Team.objects.get(key="marketing"), owner=cast.ada
    )
    client.force_login(cast.finn)
    hidden = client.get(f"/catalog/datasets/secret/{part}")
    missing = client.get(f"/catalog/datasets/missing/{part}")
    assert (hidden.status_code, missing.status_code) == (404, 404)
    client.force_login(cast.ben)
    assert client.get(f"/catalog/datasets/secret/{part}").status_code == 200


@pytest.mark.parametrize("key", ["%00", "a%2fb", "..", "*", "~", "%20"])
def test_a_key_that_none_can_have_is_missing(ada, key):
    assert ada.get(f"/catalog/datasets/{key}/").status_code == 404


def test_a_metrics_key_is_no_datasets_key(ada):
    catalog.metric("rate")
    assert ada.get("/catalog/datasets/rate/").status_code == 404


def test_the_columns_are_filtered_by_words_of_both_languages(ada, flights):
    for words in ("출발", "departure", "dep", "depDelay"):
        page = text(ada, "/catalog/datasets/flights/columns/", data={"q": words})
        assert "<code>dep_delay</code>" in page
        assert "<code>pilot</code>" not in page
    assert "No column matches" in text(ada, "/catalog/datasets/flights/columns/", data={"q": "tomato"})
    assert "No column matches" in text(ada, "/catalog/datasets/flights/columns/", data={"q": "?!"})


def test_the_preview_says_which_columns_are_masked_and_why(ada, flights):
    page = text(ada, "/catalog/datasets/flights/preview/")
    assert "The column pilot holds personal data." in page
    assert "•••" in page


def test_the_last_publish_links_to_its_run_for_those_who_may_see_it(client, cast):
    run = make_run(make_job("load-flights", private=True, owner=cast.dan))
    catalog.dataset("flights", table={"published_by": run.pk})
    for who, seen in ((cast.dan, True), (cast.finn, False)):
        client.force_login(who)
        assert (f'href="/runs/{run.number}/"' in text(client, "/catalog/datasets/flights/")) is seen


def test_a_check_is_told_in_words(ada):
    checks = [{"name": "not_null(carrier)", "passed": True}, {"name": "our own check", "passed": False}]
    catalog.dataset("flights", table={"checks": checks})
    page = text(ada, "/catalog/datasets/flights/")
    assert "carrier is never empty" in page
    assert "our own check" in page


def test_markup_in_a_sample_is_text(ada):
    catalog.dataset("flights", sample={"columns": ["<b>"], "rows": [["<script>x</script>"]]})
    page = text(ada, "/catalog/datasets/flights/preview/")
    assert "<script>x" not in page
    assert "&lt;script&gt;x" in page


def test_lineage_shows_the_job_what_it_is_made_of_and_what_is_fed(ada, flights):
    make_job("load-flights")
    catalog.dataset("airlines", name_en="Airlines")
    catalog.metric("rate", name_en="On-time rate")
    catalog.edge(("job", "load-flights"), ("dataset", "flights"))
    catalog.edge(("source", "flights.csv"), ("job", "load-flights"))
    catalog.edge(("source", "flights.csv"), ("dataset", "flights"))
    catalog.edge(("source", "planes.csv"), ("job", "load-flights"))
    catalog.edge(("dataset", "airlines"), ("dataset", "flights"))
    catalog.edge(("dataset", "flights"), ("metric", "rate"))
    for path in ("/catalog/datasets/flights/", "/catalog/datasets/flights/lineage/"):
        page = text(ada, path)
        for shown in (
            "Load flights",
            "flights.csv",
            "Airlines",
            "On-time rate",
            'href="/jobs/load-flights/"',
        ):
            assert shown in page, (path, shown)
        # The job read it for another table.
        assert "planes.csv" not in page
    assert 'href="/catalog/datasets/airlines/lineage/"' in page


def test_private_nodes_of_lineage_are_nothing_to_a_stranger(client, cast, flights):
    team = Team.objects.get(key="marketing")
    catalog.dataset("plan", name_en="Campaign plan", visibility=Visibility.TEAM, team=team, owner=cast.ada)
    catalog.metric("effect", name_en="Campaign effect", visibility=Visibility.TEAM, team=team, owner=cast.ada)
    make_job("secret-load", private=True, owner=cast.dan, name_en="Secret load")
    catalog.dataset("behind", name_en="Behind the secret job")
    catalog.edge(("dataset", "plan"), ("dataset", "flights"))
    catalog.edge(("dataset", "flights"), ("metric", "effect"))
    catalog.edge(("job", "secret-load"), ("dataset", "flights"))
    catalog.edge(("dataset", "behind"), ("job", "secret-load"))
    client.force_login(cast.finn)
    for path in ("/catalog/datasets/flights/", "/catalog/datasets/flights/lineage/"):
        page = text(client, path)
        for name in ("Campaign plan", "Campaign effect", "Secret load", "Behind the secret job"):
            assert name not in page, (path, name)
        assert "Nothing is known" in page or "No lineage yet" in page
    client.force_login(cast.ben)
    assert "Campaign plan" in text(client, "/catalog/datasets/flights/")


@pytest.mark.parametrize(("part", "count"), [("", 11), ("columns/", 6), ("preview/", 6), ("lineage/", 9)])
def test_the_number_of_queries_does_not_grow(ada, flights, django_assert_num_queries, part, count):
    def more(start, number):
        for index in range(start, start + number):
            make_job(f"job-{index}")
            catalog.dataset(f"up-{index}")
            catalog.edge(("job", f"job-{index}"), ("dataset", "flights"))
            catalog.edge(("dataset", f"up-{index}"), ("job", f"job-{index}"))

    more(0, 1)
    text(ada, "/catalog/datasets/flights/")
    with django_assert_num_queries(count):
        text(ada, f"/catalog/datasets/flights/{part}")
    more(1, 6)
    with django_assert_num_queries(count):
        text(ada, f"/catalog/datasets/flights/{part}")


EDIT = {
    "name_en": "Flights",
    "name_ko": "항공편",
    "description_en": "New words.",
    "description_ko": "",
    "synonyms": "departures, 운항 기록, departures",
    "tags": "operations",
    "owner": "",
    "certification": "certified",
}


def test_somebody_of_the_data_team_edits_words_and_trust(client, cast, flights):
    client.force_login(cast.ben)
    assert "Flights" in text(client, "/catalog/datasets/flights/edit/")
    response = client.post("/catalog/datasets/flights/edit/", {**EDIT, "certification": "none"})
    assert (response.status_code, response["Location"]) == (302, "/catalog/datasets/flights/")
    asset = Asset.objects.get(key="flights")
    assert (asset.description_en, asset.certification) == ("New words.", "none")
    assert asset.synonyms == ["departures", "운항 기록"]
    assert asset.owner is None
    events = list(AuditEvent.objects.order_by("pk").values_list("action", "actor_label"))
    assert events == [("asset.described", "Ben Cho"), ("asset.certified", "Ben Cho")]
    client.force_login(cast.ada)
    assert "flights" in text(client, "/catalog/?q=운항 기록")


def test_business_staff_may_look_but_not_edit(ada, flights):
    assert "/catalog/datasets/flights/edit/" not in text(ada, "/catalog/datasets/flights/")
    assert ada.get("/catalog/datasets/flights/edit/").status_code == 403
    assert ada.post("/catalog/datasets/flights/edit/", EDIT).status_code == 403
    assert Asset.objects.get(key="flights").description_en == "One row for each flight."


def test_a_form_that_is_wrong_keeps_what_was_typed(client, cast, flights):
    client.force_login(cast.dan)
    response = client.post(
        "/catalog/datasets/flights/edit/", {**EDIT, "name_en": "", "tags": "x" * 60, "name_ko": "새 이름"}
    )
    assert response.status_code == 422
    assert "새 이름" in response.content.decode()
    assert not AuditEvent.objects.exists()


def test_personal_data_is_told_on_the_overview(ada):
    catalog.dataset("people", sensitivity=Sensitivity.PERSONAL)
    assert "masked in previews" in text(ada, "/catalog/datasets/people/")
