import pytest

from catalog.choices import Certification, Visibility
from catalog.models import Metric
from portal.accounts.models import Team
from portal.audit.models import AuditEvent
from tests.factories import catalog
from tests.factories.jobs import make_job

pytestmark = pytest.mark.django_db
DAYS = [("2013-02-27", 0.9), ("2013-02-28", 0.6)]
MONTHS = [("2013-01-01", 0.765), ("2013-02-01", 0.762), ("2013-03-01", 0.5)]


@pytest.fixture
def ada(client, cast):
    client.force_login(cast.ada)
    return client


@pytest.fixture
def on_time(cast):
    made = catalog.metric(
        "on_time_rate",
        name_en="On-time rate",
        name_ko="정시율",
        description_en="Share of flights less than 15 minutes late.",
        description_ko="15분 미만 늦은 항공편의 비율이에요.",
        owner=cast.ben,
        certification=Certification.CERTIFIED,
        certified_by=cast.cleo,
        points=MONTHS,
    )
    catalog.refresh(made, DAYS, grain="day")
    return made


def text(client, path="/catalog/metrics/on_time_rate/", **kwargs):
    response = client.get(path, **kwargs)
    assert response.status_code == 200
    return response.content.decode()


def test_the_figure_is_of_the_newest_period_that_is_complete(ada, on_time):
    page = text(ada)
    # The data end on 28 February: March, though it has a value already, is not over.
    assert '<h2 id="figure-title">February 2013</h2>' in page
    assert "76.2" in page
    assert "Misses its target" in page
    assert "missed by 3.8" in page
    assert "January 2013" in page
    assert "−0.3" in page


def test_the_chart_follows_the_grain_of_the_address(ada, on_time):
    assert "drawn-day-en-wide" in text(ada)
    page = text(ada, "/catalog/metrics/on_time_rate/?grain=month")
    assert "drawn-month-en-wide" in page
    assert "drawn-month-en-narrow" in page
    assert "drawn-day" not in page


@pytest.mark.parametrize("grain", ["year", "", "%00", "DAY"])
def test_a_grain_that_the_metric_does_not_have_is_the_usual_one(ada, on_time, grain):
    assert "drawn-day-en-wide" in text(ada, f"/catalog/metrics/on_time_rate/?grain={grain}")


def test_a_grain_without_points_says_so(ada, on_time):
    assert "No values yet" in text(ada, "/catalog/metrics/on_time_rate/?grain=week")


def test_the_numbers_stand_behind_the_drawing(ada, on_time):
    page = text(ada)
    assert "28 February 2013" in page
    assert "60.0" in page


def test_it_says_who_what_and_when_in_words(ada, on_time):
    page = text(ada)
    for shown in (
        "Ben Cho",
        "Eun Park",
        "higher is better",
        "for 2 days",
        "Look at the weather",
        "version 1",
    ):
        assert shown in page
    assert "below 70" in page.replace("\u00a0", " ")


def test_the_evidence_can_be_read(ada, on_time):
    page = text(ada)
    for shown in ("Show the SQL", "date_trunc", "snapshot 7", "DuckDB 1.5.5", "abababababababab"):
        assert shown in page


def test_the_score_says_how_to_mend_what_fails(ada, on_time):
    page = text(ada)
    assert "Publish the dataset that it is computed from" in page
    assert "Say why the definition was changed." in page
    assert "<b>83</b>" in page


def test_the_chain_goes_from_the_job_to_the_metric(ada, on_time):
    catalog.dataset("flights", name_en="Flights")
    make_job("load-flights")
    catalog.edge(("job", "load-flights"), ("dataset", "flights"))
    catalog.edge(("dataset", "flights"), ("metric", "on_time_rate"), source="definition")
    page = text(ada)
    chain = page.split('class="chain"', 1)[1].split("</section>", 1)[0]
    assert chain.index("Load flights") < chain.index("Flights</a>") < chain.index("On-time rate")


def test_the_chain_leaves_out_what_a_stranger_may_not_see(client, cast, on_time):
    catalog.dataset(
        "flights", name_en="Secret flights", visibility=Visibility.TEAM, team=Team.objects.get(key="data")
    )
    catalog.edge(("dataset", "flights"), ("metric", "on_time_rate"), source="definition")
    client.force_login(cast.finn)
    assert "Secret flights" not in text(client)


def test_what_it_feeds_stands_below_the_chain(ada, on_time):
    assert ">Feeds<" not in text(ada)
    for number in range(10):
        make_job(f"weekly-{number}", kind="report", name_en=f"Weekly {number}")
        catalog.edge(("metric", "on_time_rate"), ("job", f"weekly-{number}"), source="definition")
    fed = text(ada).split(">Feeds<", 1)[1].split("</section>", 1)[0]
    assert [f'href="/reports/weekly-{number}/"' in fed for number in range(10)] == [True] * 10


def test_the_inputs_of_a_derived_metric_stand_side_by_side_before_it(ada, on_time):
    for key in ("cancelled", "delayed"):
        catalog.metric(key, name_en=key.capitalize())
        catalog.edge(("metric", key), ("metric", "on_time_rate"), source="definition")
    chain = text(ada).split('class="chain"', 1)[1].split("</section>", 1)[0]
    inputs, arrow, own = chain.partition("#i-right")
    assert all(name in inputs for name in ("Cancelled", "Delayed"))
    assert arrow
    assert "On-time rate" in own
    assert "#i-right" not in own


def test_reports_that_a_stranger_may_not_see_are_not_named(client, cast, on_time):
    make_job("payroll", kind="report", name_en="Payroll", private=True, owner=cast.cleo)
    catalog.edge(("metric", "on_time_rate"), ("job", "payroll"), source="definition")
    for reader, sees in ((cast.cleo, True), (cast.finn, False)):
        client.force_login(reader)
        page = text(client)
        assert ("Payroll" in page, ">Feeds<" in page) == (sees, sees)


def test_before_the_first_refresh_it_says_what_comes(ada):
    catalog.metric("on_time_rate")
    page = text(ada)
    assert "No values yet" in page
    assert "On target" not in page


def test_a_metric_without_a_definition_has_its_pages(ada):
    asset = catalog.asset("metric", "on_time_rate")
    Metric.objects.create(asset=asset)
    assert "No values yet" in text(ada)
    assert "No definition yet" in text(ada, "/catalog/metrics/on_time_rate/definition/")


def test_the_definition_is_told_in_words_sql_and_json(ada, on_time):
    page = text(ada, "/catalog/metrics/on_time_rate/definition/")
    for shown in (
        "rows where arr_delay is less than 15",
        "rows where arr_delay is not empty",
        "date_trunc",
        "&quot;time_column&quot;: &quot;time_hour&quot;",
        "&quot;backup&quot;: &quot;Eun Park&quot;",
        "below 70\xa0% for 2 days",
    ):
        assert shown in page
    assert "eun@example.com" not in page


@pytest.mark.parametrize("part", ["", "definition/"])
def test_it_reads_korean(ada, on_time, part):
    page = text(ada, f"/catalog/metrics/on_time_rate/{part}", headers={"Accept-Language": "ko"})
    assert "정시율" in page
    if not part:
        assert "2013년 2월" in page
        assert "drawn-day-ko-wide" in page
        assert "먼저 날씨를" in page


@pytest.mark.parametrize("part", ["", "definition/", "edit/"])
def test_a_missing_and_an_invisible_metric_are_the_same(client, cast, part):
    catalog.metric(
        "secret", visibility=Visibility.TEAM, team=Team.objects.get(key="marketing"), owner=cast.ada
    )
    client.force_login(cast.finn)
    hidden = client.get(f"/catalog/metrics/secret/{part}")
    missing = client.get(f"/catalog/metrics/missing/{part}")
    assert (hidden.status_code, missing.status_code) == (404, 404)
    client.force_login(cast.ben)
    assert client.get(f"/catalog/metrics/secret/{part}").status_code == 200


def test_a_metric_is_edited_too(client, cast, on_time):
    client.force_login(cast.dan)
    sent = {"name_en": "On time", "certification": "certified", "owner": cast.eun.pk}
    response = client.post("/catalog/metrics/on_time_rate/edit/", sent)
    assert (response.status_code, response["Location"]) == (302, "/catalog/metrics/on_time_rate/")
    on_time.asset.refresh_from_db()
    assert (on_time.asset.name_en, on_time.asset.owner) == ("On time", cast.eun)
    assert [event.action for event in AuditEvent.objects.all()] == ["asset.described"]


@pytest.mark.parametrize(("part", "count"), [("", 16), ("definition/", 7)])
def test_the_number_of_queries_does_not_grow(ada, on_time, django_assert_num_queries, part, count):
    text(ada)
    with django_assert_num_queries(count):
        text(ada, f"/catalog/metrics/on_time_rate/{part}")
    catalog.refresh(on_time, [(f"2012-{month:02}-01", 0.5) for month in range(1, 13)], grain="week")
    make_job("weekly", kind="report")
    catalog.edge(("metric", "on_time_rate"), ("job", "weekly"), source="definition")
    count += 2 * (part == "")
    with django_assert_num_queries(count):
        text(ada, f"/catalog/metrics/on_time_rate/{part}")
    for number in range(10):
        make_job(f"weekly-{number}", kind="report")
        catalog.edge(("metric", "on_time_rate"), ("job", f"weekly-{number}"), source="definition")
    with django_assert_num_queries(count):
        text(ada, f"/catalog/metrics/on_time_rate/{part}")
