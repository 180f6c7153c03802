import pytest

from catalog.choices import Visibility
from catalog.models import Metric
from portal.accounts.models import Team
from tests.factories import catalog
from tests.factories.jobs import make_job
from tests.factories.tokens import bearer

pytestmark = pytest.mark.django_db
MONTHS = [("2013-01-01", 0.765), ("2013-02-01", 0.762), ("2013-03-01", None)]


@pytest.fixture
def finn(cast):
    return bearer(cast.finn, "catalog:read")


def get(client, path, headers):
    response = client.get(path, headers=headers)
    assert response.status_code == 200, response.content
    return response.json()


def test_the_list_holds_the_newest_complete_figure(client, finn):
    catalog.metric("rate", name_ko="정시율", points=MONTHS)
    catalog.metric("empty")
    Metric.objects.create(asset=catalog.asset("metric", "undefined"))
    rows = {row["key"]: row for row in get(client, "/api/v1/metrics", finn)["results"]}
    assert rows["empty"]["latest"] is None
    assert (rows["undefined"]["version"], rows["undefined"]["unit"]) == (None, None)
    latest = rows["rate"]["latest"]
    assert (latest["grain"], latest["starts_on"], latest["ends_on"]) == ("month", "2013-02-01", "2013-02-28")
    assert (latest["value"], latest["target"], latest["is_met"]) == (0.762, 0.8, False)
    assert latest["change"] == pytest.approx(-0.003)


def test_a_metric_has_its_definition_and_lineage(client, finn):
    catalog.metric("rate", points=MONTHS)
    catalog.dataset("flights", name_en="Flights")
    catalog.edge(("dataset", "flights"), ("metric", "rate"), source="definition")
    answer = get(client, "/api/v1/metrics/rate", finn)
    assert answer["definition"]["computation"]["type"] == "ratio"
    assert len(answer["definition_hash"]) == 64
    assert answer["definition"]["actionable"]["backup"] == "Eun Park"
    assert answer["definition"]["auditable"]["reviewer"] is None
    assert "@" not in str(answer)
    assert answer["lineage"]["upstream"] == [{"kind": "dataset", "key": "flights", "label": "Flights"}]


def test_reports_below_a_metric_are_named_to_who_may_see_them(client, cast, finn):
    catalog.metric("rate", points=MONTHS)
    for key, fields in (("weekly", {}), ("payroll", {"private": True, "owner": cast.cleo})):
        make_job(key, kind="report", **fields)
        catalog.edge(("metric", "rate"), ("job", key), source="definition")
    cleo = bearer(cast.cleo, "catalog:read")
    for headers, seen in ((finn, ["weekly"]), (cleo, ["payroll", "weekly"])):
        answer = get(client, "/api/v1/metrics/rate", headers)
        assert [each["key"] for each in answer["lineage"]["downstream"]] == seen
        assert ("Payroll" in str(answer)) == ("payroll" in seen)


def test_the_series_is_cut_by_grain_and_days(client, finn):
    made = catalog.metric("rate", points=MONTHS)
    catalog.refresh(made, [("2013-02-28", 0.5)], grain="day")
    assert [row["value"] for row in get(client, "/api/v1/metrics/rate/points", finn)["results"]] == [0.5]
    path = "/api/v1/metrics/rate/points?grain=month&from=2013-02-01&to=2013-02-28"
    (only,) = get(client, path, finn)["results"]
    assert (only["starts_on"], only["ends_on"], only["sample"]) == ("2013-02-01", "2013-02-28", 1000)
    assert only["version"] == 1
    assert len(only["evidence"]) == 36


@pytest.mark.parametrize(
    "query", ["grain=year", "from=yesterday", "to=2013-02-30", "limit=1000", "order=random"]
)
def test_a_wrong_parameter_is_named(client, finn, query):
    catalog.metric("rate")
    response = client.get(f"/api/v1/metrics/rate/points?{query}", headers=finn)
    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == query.split("=")[0]


def test_pages_of_a_series_follow_each_other(client, finn):
    catalog.metric("rate", points=[(f"2013-{month:02}-01", month) for month in range(1, 13)])
    first = get(client, "/api/v1/metrics/rate/points?grain=month&limit=7", finn)
    second = get(client, first["next"], finn)
    assert [row["value"] for row in first["results"] + second["results"]] == list(range(1, 13))
    newest = get(client, "/api/v1/metrics/rate/points?grain=month&limit=7&order=newest", finn)
    older = get(client, newest["next"], finn)
    assert [row["value"] for row in newest["results"] + older["results"]] == list(range(12, 0, -1))


@pytest.mark.parametrize("part", ["", "/points"])
def test_a_missing_and_an_invisible_metric_answer_the_same(client, cast, finn, part):
    catalog.metric(
        "secret", visibility=Visibility.TEAM, team=Team.objects.get(key="marketing"), points=MONTHS
    )
    hidden = client.get(f"/api/v1/metrics/secret{part}", headers=finn)
    missing = client.get(f"/api/v1/metrics/missing{part}", headers=finn)
    assert (hidden.status_code, missing.status_code) == (404, 404)
    assert hidden.json()["detail"] == missing.json()["detail"]
    assert get(client, "/api/v1/metrics", finn)["results"] == []


def test_the_number_of_queries_does_not_grow(client, cast, finn, django_assert_num_queries):
    def more(start, number):
        for index in range(start, start + number):
            catalog.metric(f"m{index}", owner=cast.dan, points=MONTHS)

    more(0, 1)
    get(client, "/api/v1/metrics", finn)
    with django_assert_num_queries(5):
        get(client, "/api/v1/metrics", finn)
    more(1, 15)
    with django_assert_num_queries(5):
        get(client, "/api/v1/metrics", finn)
