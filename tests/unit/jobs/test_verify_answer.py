"""Verifying what an answer cites, and who hears of a bad verdict; on a real lake, by the real run."""

import pytest
import uuid_utils.compat

from catalog.actions.metrics import keep_series
from catalog.models import Metric, MetricPoint
from jobs.actions.verifications import verify
from jobs.choices import RunState
from jobs.engine.claim import claim
from jobs.engine.inline import run_inline
from jobs.models import Run
from portal.audit.actions import Actor
from portal.audit.models import AuditEvent
from portal.evidence.actions import cite, record_result
from portal.evidence.hashing import result_hash
from portal.evidence.models import Evidence, Verification
from portal.evidence.risk import risks
from portal.notifications.models import Notification
from requests_app.choices import State
from requests_app.models import Answer
from tests.conftest import Cast
from tests.factories import catalog
from tests.factories.questions import bring, make_question
from tests.lake import Lake

TESTS = Actor.system("tests")
SQL = "SELECT day, late FROM ops.trips WHERE late < $most ORDER BY day"
TRIPS = "SELECT make_date(2013, m::INT, 1) AS day, m / 10.0::DOUBLE AS late FROM range(1, 4) AS r(m)"
RESTATED = "SELECT make_date(2013, m::INT, 1) AS day, m / 5.0::DOUBLE AS late FROM range(1, 4) AS r(m)"


@pytest.fixture
def answer(lake: Lake, cast: Cast) -> Answer:
    lake.publish("ops.trips", TRIPS, run_id="run-1")
    question = bring(make_question(cast.ada), State.ANSWERED, lead=cast.cleo, analyst=cast.ben)
    assert question.answer is not None
    return question.answer


def cited(lake: Lake, answer: Answer, cast: Cast, sql: str = SQL) -> Evidence:
    with lake.reader() as warehouse:
        snapshot = warehouse.snapshot()
    found = lake.ask(sql, params={"most": 0.9})
    evidence = record_result(
        sql=sql,
        parameters={"most": 0.9},
        dialect="duckdb",
        engine="duckdb 1",
        snapshot=snapshot,
        tables=["ops.trips"],
        columns=[{"name": "day", "type": "DATE"}, {"name": "late", "type": "DOUBLE"}],
        rows=[[day.isoformat(), late] for day, late in found.rows],
        row_count=len(found.rows),
        cut=False,
        result_hash=result_hash(found.columns, found.rows),
        duration_ms=1,
        charts={},
        run_id=uuid_utils.compat.uuid7(),
    )
    cite(evidence=evidence, about=answer.reference, title="Late by month", user=cast.ben, by=TESTS)
    return evidence


def verdict(evidence: Evidence, answer: Answer, cast: Cast) -> Verification:
    Run.objects.update(finished_at="2013-01-01T00:00Z")
    by = Actor.person(cast.ada)
    run = verify(
        evidence=evidence, about=answer.reference, label=answer.question.label, by=by, requested_by=cast.ada
    )
    held = claim("tests")
    assert held is not None
    run_inline(held)
    run.refresh_from_db()
    assert (run.state, run.error) == (RunState.SUCCEEDED, {})
    found = Verification.objects.get(run_id=run.pk)
    assert run.outputs == {"verdict": found.verdict}
    return found


def test_a_table_is_verified_and_then_is_not(lake: Lake, answer: Answer, cast: Cast) -> None:
    evidence = cited(lake, answer, cast)
    assert verdict(evidence, answer, cast).verdict == "verified"
    (event,) = AuditEvent.objects.filter(action="evidence.verified")
    assert (event.object_kind, event.object_label) == ("answer", answer.question.label)
    assert risks("answer", [str(answer.pk)]) == {}
    assert not Notification.objects.filter(kind="evidence.verification_failed").exists()

    lake.publish("ops.trips", RESTATED, run_id="run-2")
    found = verdict(evidence, answer, cast)
    assert found.verdict == "input_changed"
    rows = found.details["rows"]
    assert (rows["before_count"], rows["after_count"]) == (3, 3)
    assert rows["before"] == [["2013-01-01", 0.1], ["2013-02-01", 0.2], ["2013-03-01", 0.3]]
    assert rows["after"] == [["2013-01-01", 0.2], ["2013-02-01", 0.4], ["2013-03-01", 0.6]]
    assert risks("answer", [str(answer.pk)]) == {str(answer.pk): "input_changed"}
    told = Notification.objects.get(kind="evidence.verification_failed")
    assert (told.recipient, told.about_kind, told.about_key) == (cast.ben, "answer", str(answer.pk))
    # The same verdict again is no news.
    verdict(evidence, answer, cast)
    assert Notification.objects.filter(kind="evidence.verification_failed").count() == 1


def test_a_cited_metric_is_verified_after_a_refresh_took_its_points(
    lake: Lake, answer: Answer, cast: Cast
) -> None:
    sql = "SELECT day AS period, late AS value, 1 AS sample FROM ops.trips ORDER BY 1"
    with lake.reader() as warehouse:
        snapshot = warehouse.snapshot()
    metric: Metric = catalog.metric(
        "late", points=[("2013-01-01", 0.1), ("2013-02-01", 0.2), ("2013-03-01", 0.3)], owner=cast.dan
    )
    evidence = MetricPoint.objects.filter(metric=metric)[0].evidence
    # The hash of other bits: the values that are shown decide.
    Evidence.objects.update(sql=sql, snapshot=snapshot, tables=["ops.trips"])
    keep_series(evidence=evidence)
    cite(evidence=evidence, about=answer.reference, title="Late, March 2013", user=cast.ben, by=TESTS)
    MetricPoint.objects.filter(metric=metric).delete()
    assert verdict(evidence, answer, cast).verdict == "verified"
    lake.publish("ops.trips", RESTATED, run_id="run-2")
    found = verdict(evidence, answer, cast)
    assert (found.verdict, found.details["changed_count"], found.details["rows"]) == (
        "input_changed",
        3,
        None,
    )


def test_a_metrics_owner_hears_of_chance_but_not_of_new_data(lake: Lake, answer: Answer, cast: Cast) -> None:
    catalog.metric("late", points=[("2013-01-01", 0.1)], owner=cast.dan)
    evidence = MetricPoint.objects.get().evidence
    with lake.reader() as warehouse:
        Evidence.objects.update(
            sql="SELECT DATE '2013-01-01' AS period, random() AS value FROM ops.trips",
            snapshot=warehouse.snapshot(),
        )
    evidence.refresh_from_db()
    by = Actor.person(cast.ada)
    verify(evidence=evidence, about=("metric", "late"), label="late", by=by, requested_by=cast.ada)
    held = claim("tests")
    assert held is not None
    run_inline(held)
    assert Verification.objects.get().verdict == "not_reproducible"
    told = Notification.objects.get(kind="evidence.verification_failed")
    assert (told.recipient, told.about_key) == (cast.dan, "late")


def test_evidence_that_was_removed_meanwhile_ends_the_run_in_words(
    lake: Lake, answer: Answer, cast: Cast
) -> None:
    evidence = cited(lake, answer, cast)
    by = Actor.person(cast.ada)
    run = verify(evidence=evidence, about=answer.reference, label="REQ", by=by, requested_by=cast.ada)
    evidence.citations.all().delete()
    evidence.delete()
    held = claim("tests")
    assert held is not None
    run_inline(held)
    run.refresh_from_db()
    assert (run.state, run.error["message"]) == (RunState.FAILED, "The evidence is not there any more.")
