import pytest
import uuid_utils.compat
from django.utils import timezone

from catalog.definitions import MetricDefinition
from catalog.models import Dataset, Metric, MetricPoint, MetricVersion
from jobs.choices import RunState
from jobs.models import Job, Run
from portal.evidence.models import Verification
from tests.factories import catalog
from tests.factories.tokens import bearer

pytestmark = pytest.mark.django_db
PAGE = "/catalog/metrics/on_time_rate/"
VERIFY = "/catalog/metrics/on_time_rate/verify/"
HTMX = {"HX-Request": "true"}


@pytest.fixture
def ada(client, cast):
    client.force_login(cast.ada)
    return client


@pytest.fixture
def on_time(cast):
    catalog.dataset("flights", table={"physical_name": "ops.flights", "snapshot": 7})
    return catalog.metric("on_time_rate", points=[("2013-01-01", 0.765), ("2013-02-01", 0.762)])


def keep(metric, verdict, *, by=None, **details):
    point = MetricPoint.objects.filter(metric=metric)[0]
    known = {"recorded": "same", "reads": ["ops.flights"], "definition_hash": metric.version.definition_hash}
    return Verification.objects.create(
        evidence=point.evidence,
        verdict=verdict,
        details=known | details,
        snapshot=7,
        run_id=uuid_utils.compat.uuid7(),
        by=by,
    )


def shown(client, path=PAGE, **kwargs):
    response = client.get(path, **kwargs)
    assert response.status_code == 200
    page = response.content.decode().replace("\xa0", " ")
    return page.split('id="verification"', 1)[1].split("</section>", 1)[0].split("<figure", 1)[0]


def test_before_the_first_it_offers_to_verify(ada, on_time):
    assert "nobody has verified this value yet" in shown(ada)
    assert f'action="{VERIFY}"' in ada.get(PAGE).content.decode()


def test_a_metric_without_a_figure_offers_nothing(ada):
    catalog.metric("on_time_rate")
    assert VERIFY not in ada.get(PAGE).content.decode()
    assert ada.post(VERIFY).status_code == 302
    assert not Run.objects.exists()


def test_the_button_starts_a_run_and_returns_to_the_page(ada, cast, on_time):
    response = ada.post(VERIFY)
    assert (response.status_code, response["Location"]) == (302, f"{PAGE}#verification")
    run = Run.objects.get()
    assert (run.job.key, run.requested_by, run.job.private) == ("verify-evidence", cast.ada, True)
    part = shown(ada)
    assert "waiting for a worker" in part
    assert f'hx-get="{PAGE}?part=verification"' in ada.get(PAGE).content.decode()
    assert "/runs/" not in part


def test_a_second_click_starts_nothing(ada, on_time):
    ada.post(VERIFY)
    ada.post(VERIFY)
    assert Run.objects.count() == 1


def test_without_a_reload_only_the_part_comes_and_asks_again(ada, on_time):
    response = ada.post(VERIFY, headers=HTMX)
    assert response["Location"] == f"{PAGE}?part=verification"
    part = ada.get(response["Location"], headers=HTMX).content.decode()
    assert "<html" not in part
    assert 'hx-trigger="every 1s"' in part
    assert "disabled" in part
    Run.objects.update(state=RunState.SUCCEEDED, finished_at=timezone.now())
    keep(on_time, "verified")
    part = ada.get(response["Location"], headers=HTMX).content.decode()
    assert "Same value again" in part
    assert "every 1s" not in part
    assert "disabled" not in part


def test_it_rejects_get(ada, on_time):
    assert ada.get(VERIFY).status_code == 405


def test_a_job_that_is_switched_off_is_told_in_words(ada, on_time):
    ada.post(VERIFY)
    Run.objects.all().delete()
    Job.objects.update(enabled=False)
    assert "Verifying is switched off" in ada.post(VERIFY, follow=True).content.decode()
    assert ada.post(VERIFY, headers=HTMX)["HX-Redirect"] == PAGE


def test_a_failed_run_is_told_in_words(ada, on_time):
    ada.post(VERIFY)
    error = {"class": "warehouse", "message": "The lake is away."}
    Run.objects.update(state=RunState.FAILED, error=error, finished_at=timezone.now())
    part = shown(ada)
    assert "The verification did not finish" in part
    assert "The warehouse refused or did not answer" in part
    assert "every 1s" not in part


def test_the_same_value_is_told_with_who_and_when(ada, cast, on_time):
    keep(on_time, "verified", by=cast.ben)
    part = shown(ada)
    for words in ("Same value again", "Ben Cho", "as of snapshot 7", "t-good"):
        assert words in part


def test_changed_data_name_tables_and_values(ada, on_time):
    tables = [{"name": "ops.flights", "rows_before": 1000, "rows_after": 990}]
    changes = {"2013-02-01": {"before": 0.762, "after": 0.731}}
    keep(on_time, "input_changed", tables=tables, changes=changes, changed_count=3)
    part = shown(ada)
    for words in ("The data has changed", "ops.flights", "1,000 rows, now 990", "76.2", "73.1", "2 other"):
        assert words in part


def test_newer_data_make_a_verdict_one_of_the_past(ada, on_time):
    keep(on_time, "verified")
    Dataset.objects.update(snapshot=9)
    part = shown(ada)
    assert "Newer data has been published since. The verdict speaks of snapshot 7" in part
    assert "t-good" not in part


def test_a_changed_definition_leads_to_the_difference(ada, on_time):
    before = on_time.version
    after = MetricDefinition.model_validate({**before.definition, "time_zone": "Asia/Seoul"})
    on_time.version = MetricVersion.objects.create(
        metric=on_time, number=2, definition=after.model_dump(mode="json"), definition_hash=after.hash
    )
    on_time.save()
    keep(on_time, "definition_changed", definition={"before": 1, "after": 2, "difference": []})
    assert f'href="{PAGE}definition/?since=1#since"' in shown(ada)
    page = ada.get(f"{PAGE}definition/?since=1").content.decode()
    for words in ("What has changed since version 1", "time_zone", "Asia/Seoul"):
        assert words in page


@pytest.mark.parametrize("since", ["", "7", "-1", "x", "٣", "9" * 30])
def test_a_version_that_is_not_there_changes_nothing(ada, on_time, since):
    page = ada.get(f"{PAGE}definition/", {"since": since})
    assert page.status_code == 200
    assert "What has changed since" not in page.content.decode()


@pytest.mark.parametrize(
    ("verdict", "details", "words"),
    [
        ("not_reproducible", {"recorded": "different"}, "gives another result"),
        ("source_gone", {"newest": "gone", "words": "Table trips does not exist"}, "Table trips does not"),
        ("source_gone", {"recorded": "gone"}, "no longer keeps the data"),
        ("verified", {"recorded": "no_history"}, "keeps no history"),
    ],
)
def test_each_other_verdict_has_its_words(ada, on_time, verdict, details, words):
    keep(on_time, verdict, **details)
    assert words in shown(ada)


def test_the_api_gives_the_newest_verdict(client, cast, on_time):
    token = bearer(cast.finn, "catalog:read")
    address = "/api/v1/metrics/on_time_rate"
    assert client.get(address, headers=token).json()["verification"] is None
    tables = [{"name": "ops.flights", "rows_before": 1000, "rows_after": None}]
    changes = {"2013-02-01": {"before": 0.762, "after": 0.731}}
    keep(on_time, "input_changed", by=cast.ben, tables=tables, changes=changes, changed_count=1)
    given = client.get(address, headers=token).json()["verification"]
    assert (given["verdict"], given["snapshot"], given["is_current"]) == ("input_changed", 7, True)
    assert (given["before"], given["after"], given["changed_tables"]) == (0.762, 0.731, tables)
    assert "@" not in str(given)


def test_a_metric_that_somebody_may_not_see_cannot_be_verified(client, cast):
    catalog.metric(
        "on_time_rate", visibility="team", team=cast.ben.teams.first(), points=[("2013-02-01", 0.7)]
    )
    client.force_login(cast.finn)
    assert client.post(VERIFY).status_code == 404
    assert Metric.objects.count() == 1
    assert not Run.objects.exists()
