import pytest

from catalog.choices import Certification, Visibility
from portal.accounts.models import Team
from tests.factories import catalog
from tests.factories.jobs import make_job
from tests.factories.tokens import bearer

pytestmark = pytest.mark.django_db


@pytest.fixture
def finn(cast):
    return bearer(cast.finn, "catalog:read")


def secret(cast, key="secret"):
    team = Team.objects.get(key="marketing")
    return catalog.dataset(
        key, name_en="Campaign plan", visibility=Visibility.TEAM, team=team, owner=cast.ada
    )


def keys(client, path, headers):
    response = client.get(path, headers=headers)
    assert response.status_code == 200, response.content
    return [row["key"] for row in response.json()["results"]]


def test_a_call_without_a_token_is_refused(client, cast):
    client.force_login(cast.dan)
    for path in ("/api/v1/datasets", "/api/v1/datasets/flights", "/api/v1/metrics"):
        response = client.get(path)
        assert (response.status_code, response["Content-Type"]) == (401, "application/problem+json")


def test_another_scope_is_not_enough(client, cast):
    assert client.get("/api/v1/datasets", headers=bearer(cast.dan, "jobs:read")).status_code == 403


def test_the_list_holds_what_the_owner_may_see(client, cast, finn):
    secret(cast)
    catalog.dataset("flights")
    assert keys(client, "/api/v1/datasets", finn) == ["flights"]
    assert keys(client, "/api/v1/datasets?q=campaign", finn) == []
    assert keys(client, "/api/v1/datasets?team=marketing", finn) == []
    assert keys(client, "/api/v1/datasets", bearer(cast.ben, "catalog:read")) == ["secret", "flights"]


def test_it_is_filtered(client, cast, finn):
    catalog.dataset("flights", name_ko="항공편", tags=["operations"], owner=cast.dan)
    catalog.dataset("weather", certification=Certification.CERTIFIED, team=Team.objects.get(key="data"))
    for query, expected in {
        "q=항공편은": ["flights"],
        "tag=operations": ["flights"],
        f"owner={cast.dan.pk}": ["flights"],
        "team=data": ["weather"],
        "certification=certified": ["weather"],
    }.items():
        assert keys(client, f"/api/v1/datasets?{query}", finn) == expected, query


@pytest.mark.parametrize(
    "query", ["certification=gold", "cursor=nonsense", "limit=0", "limit=x", "owner=x", "tag=%00"]
)
def test_a_wrong_parameter_is_named(client, finn, query):
    response = client.get(f"/api/v1/datasets?{query}", headers=finn)
    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == query.split("=")[0]


def test_pages_follow_each_other(client, finn):
    for index in range(5):
        catalog.dataset(f"d{index}")
    first = client.get("/api/v1/datasets?limit=3", headers=finn).json()
    second = client.get(first["next"], headers=finn).json()
    assert [row["key"] for row in first["results"] + second["results"]] == ["d0", "d1", "d2", "d3", "d4"]
    assert second["next"] is None


def test_a_dataset_has_its_columns_checks_and_lineage(client, cast, finn):
    catalog.dataset("flights", columns=["carrier", "dep_delay"], owner=cast.dan)
    make_job("load-flights")
    make_job("hidden-load", private=True, owner=cast.dan)
    catalog.edge(("job", "load-flights"), ("dataset", "flights"))
    catalog.edge(("job", "hidden-load"), ("dataset", "flights"))
    answer = client.get("/api/v1/datasets/flights", headers=finn).json()
    assert [column["name"] for column in answer["columns"]] == ["carrier", "dep_delay"]
    assert answer["checks"][0]["passed"] is True
    assert answer["owner"] == "Dan Seo"
    assert answer["fresh_within"] == 26 * 3600
    assert answer["lineage"] == {
        "upstream": [{"kind": "job", "key": "load-flights", "label": "Load flights"}],
        "downstream": [],
    }


def test_it_never_gives_rows_or_addresses(client, cast, finn):
    catalog.dataset("flights", owner=cast.dan, sample={"columns": ["x"], "rows": [["Hong Gildong"]]})
    text = client.get("/api/v1/datasets/flights", headers=finn).content.decode()
    assert "Gildong" not in text
    assert "@" not in text


def test_what_did_not_change_is_not_sent_again(client, finn):
    made = catalog.dataset("flights")
    first = client.get("/api/v1/datasets/flights", headers=finn)
    again = client.get("/api/v1/datasets/flights", headers={**finn, "If-None-Match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    made.asset.name_en = "Departures"
    made.asset.save()
    changed = client.get("/api/v1/datasets/flights", headers={**finn, "If-None-Match": first["ETag"]})
    assert changed.status_code == 200


def test_a_missing_and_an_invisible_dataset_answer_the_same(client, cast, finn):
    secret(cast)
    hidden = client.get("/api/v1/datasets/secret", headers=finn)
    missing = client.get("/api/v1/datasets/missing", headers=finn)
    assert (hidden.status_code, missing.status_code) == (404, 404)
    assert hidden.json()["detail"] == missing.json()["detail"]


def test_it_is_read_only(client, finn):
    for method in ("post", "put", "patch", "delete"):
        assert getattr(client, method)("/api/v1/datasets", headers=finn).status_code == 405


def test_the_number_of_queries_does_not_grow(client, cast, finn, django_assert_num_queries):
    def more(start, number):
        for index in range(start, start + number):
            catalog.dataset(f"d{index}", owner=cast.dan, team=Team.objects.get(key="data"))

    more(0, 1)
    client.get("/api/v1/datasets", headers=finn)
    with django_assert_num_queries(3):
        keys(client, "/api/v1/datasets", finn)
    more(1, 20)
    with django_assert_num_queries(3):
        keys(client, "/api/v1/datasets", finn)
