import pytest
import uuid_utils.compat

from catalog.models import Dataset, MetricPoint
from portal.audit.actions import Actor
from portal.evidence.actions import cite, record_result
from portal.evidence.models import Verification
from tests.factories import catalog
from tests.factories.tokens import bearer

pytestmark = pytest.mark.django_db


@pytest.fixture
def evidence(cast):
    catalog.dataset("flights", table={"physical_name": "ops.flights"})
    return record_result(
        sql="SELECT n FROM ops.flights WHERE n > $least",
        parameters={"least": 3},
        dialect="duckdb",
        engine="duckdb 1.5.5",
        snapshot=7,
        tables=["ops.flights"],
        columns=[{"name": "n", "type": "BIGINT"}],
        rows=[[4], [None]],
        row_count=2,
        cut=False,
        result_hash="0" * 64,
        duration_ms=3,
        charts={},
        run_id=uuid_utils.compat.uuid7(),
    )


def read(client, cast, evidence):
    return client.get(f"/api/v1/evidence/{evidence.pk}", headers=bearer(cast.finn, "catalog:read"))


def test_what_a_metric_shows_is_read(client, cast):
    catalog.metric("rate", points=[("2013-02-01", 0.7)])
    evidence = MetricPoint.objects.get().evidence
    given = read(client, cast, evidence).json()
    assert (given["id"], given["snapshot"], given["rows"]) == (str(evidence.pk), 7, None)


def test_a_result_is_read_through_what_it_stands_behind(client, cast, evidence):
    assert read(client, cast, evidence).status_code == 404
    catalog.metric("rate")
    by = Actor.person(cast.ben)
    cite(evidence=evidence, about=("metric", "rate"), title="Rate", user=cast.ben, by=by)
    given = read(client, cast, evidence).json()
    assert (given["rows"], given["parameters"], given["verdict"]) == ([[4], [None]], {"least": 3}, None)
    Verification.objects.create(
        evidence=evidence, verdict="verified", snapshot=8, run_id=uuid_utils.compat.uuid7()
    )
    assert read(client, cast, evidence).json()["verdict"] == "verified"
    Dataset.objects.update(physical_name="ops.other")
    assert read(client, cast, evidence).status_code == 404
