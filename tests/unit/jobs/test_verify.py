"""From the click to the verdict: the action, the real runner on a real lake, the fenced end."""

from typing import Any

import pytest
import uuid_utils.compat

from catalog.actions.metrics import define, record_refresh
from catalog.compiler.port import CompiledMetric
from catalog.definitions import MetricDefinition, difference
from catalog.models import Dataset, Metric, MetricPoint
from catalog.published import RefreshedMetric
from catalog.series import glances
from catalog.verification import Checked, checked, under_way
from jobs.actions.verifications import MOST_OPEN, verify
from jobs.choices import RunState
from jobs.engine import finish
from jobs.engine.claim import claim
from jobs.engine.inline import run_inline
from jobs.exceptions import JobDisabled, TooManyVerifications
from jobs.models import Job, Run
from jobs.runners.metric_refresh import compute
from portal.audit.actions import Actor
from portal.audit.models import AuditEvent
from portal.evidence.models import Evidence, Verification
from portal.warehouse import connect
from tests.conftest import Cast
from tests.factories import catalog
from tests.lake import Lake

TESTS = Actor.system("tests")
SQL = "SELECT day AS period, avg(late) AS value, count(*) AS sample FROM ops.trips GROUP BY 1 ORDER BY 1"
TRIPS = "SELECT make_date(2013, m::INT, 1) AS day, m / 10.0::DOUBLE AS late FROM range(1, 4) AS r(m)"
RESTATED = "SELECT make_date(2013, m::INT, 1) AS day, m / 5.0::DOUBLE AS late FROM range(1, 4) AS r(m)"


@pytest.fixture
def rate(lake: Lake, cast: Cast) -> Metric:
    """A metric by month over a published table, as a refresh leaves it."""
    snapshot = lake.publish("ops.trips", TRIPS, run_id="run-1")
    catalog.dataset("trips", columns=(), table={"physical_name": "ops.trips", "snapshot": snapshot})
    version = define(
        key="rate", name_en="Rate", definition=definition("late"), reason="first", by=TESTS, user=cast.ben
    )
    refresh(version.definition_hash)
    return Metric.objects.select_related("asset", "version").get(asset__key="rate")


def definition(column: str) -> MetricDefinition:
    computation = {"type": "simple", "measure": {"aggregation": "average", "column": column}}
    changes = {"dataset": "trips", "time_column": "day", "computation": computation, "grains": ["month"]}
    return MetricDefinition.model_validate({**changes, "unit": {"kind": "number", "decimals": 2}})


def refresh(_hash: str, sql: str = SQL) -> None:
    metric = Metric.objects.select_related("version").get(asset__key="rate")
    assert metric.version is not None
    compiled = CompiledMetric(sql=sql, dialect="duckdb", compiler="tests")
    with connect(read_only=True) as warehouse:
        series = compute(
            warehouse,
            compiled,
            grain="month",
            definition=metric.version.parsed,
            snapshot=warehouse.snapshot(),
        )
    refreshed = RefreshedMetric(key="rate", version=metric.version.number, series=[series], charts=[])
    record_refresh(refreshed=[refreshed], run_id=uuid_utils.compat.uuid7(), by=TESTS)


def ask(metric: Metric, cast: Cast) -> Run:
    figure = glances([metric])[metric.pk].figure
    evidence = Evidence.objects.get(pk=figure.point.evidence_id)
    about = ("metric", metric.asset.key)
    return verify(
        evidence=evidence, about=about, label="rate", by=Actor.person(cast.ada), requested_by=cast.ada
    )


def work_off(run: Run) -> Run:
    held = claim("tests")
    assert held is not None
    run_inline(held)
    run.refresh_from_db()
    return run


def verdict(metric: Metric, cast: Cast) -> Checked:
    run = work_off(ask(metric, cast))
    assert (run.state, run.error) == (RunState.SUCCEEDED, {})
    metric.refresh_from_db()
    found = checked(metric, glances([metric])[metric.pk].figure)
    assert found is not None
    return found


def test_a_click_ends_in_a_verdict(rate: Metric, cast: Cast) -> None:
    found = verdict(rate, cast)
    assert (found.verdict.value, found.tone, found.is_current) == ("verified", "good", True)
    assert found.verification.by == cast.ada
    (event,) = AuditEvent.objects.filter(action="evidence.verified")
    assert (event.actor_label, event.object_id, event.data["verdict"]) == ("Ada Yoon", "rate", "verified")
    assert under_way(found.verification.evidence_id, cast.ada) is None


def test_newer_data_outdate_a_verdict_and_change_the_next(lake: Lake, rate: Metric, cast: Cast) -> None:
    first = verdict(rate, cast)
    newer = lake.publish("ops.trips", RESTATED, run_id="run-2")
    Dataset.objects.update(snapshot=newer)
    outdated = checked(rate, glances([rate])[rate.pk].figure)
    assert outdated is not None
    assert (outdated.newer_data, outdated.tone, outdated.verification) == (
        True,
        "neutral",
        first.verification,
    )
    Run.objects.update(finished_at="2013-01-01T00:00Z")
    found = verdict(rate, cast)
    assert (found.verdict.value, found.is_current) == ("input_changed", True)
    assert found.before == pytest.approx(0.3)
    assert found.after == pytest.approx(0.6)
    assert found.others == 2
    assert found.tables == [{"name": "ops.trips", "rows_before": 3, "rows_after": 3}]


def test_a_newer_definition_is_told_with_the_difference(rate: Metric, cast: Cast) -> None:
    before = verdict(rate, cast)
    assert before.is_current
    define(key="rate", name_en="Rate", definition=definition("day"), reason="other", by=TESTS)
    rate.refresh_from_db()
    assert rate.version is not None
    outdated = checked(rate, glances([rate])[rate.pk].figure)
    assert outdated is not None
    assert outdated.newer_definition
    Run.objects.update(finished_at="2013-01-01T00:00Z")
    found = verdict(rate, cast)
    assert (found.verdict.value, found.since) == ("definition_changed", 1)
    assert found.verification.details["definition"]["difference"] == [
        {"place": "computation.measure.column", "before": "late", "after": "day"}
    ]


def test_chance_is_found(rate: Metric, cast: Cast) -> None:
    refresh("", "SELECT day AS period, random() AS value, 1 AS sample FROM ops.trips")
    assert verdict(rate, cast).verdict.value == "not_reproducible"


def test_a_dropped_table_is_found(lake: Lake, rate: Metric, cast: Cast) -> None:
    with lake.writer() as warehouse:
        warehouse.drop(["ops.trips"])
    assert verdict(rate, cast).verdict.value == "source_gone"


def test_two_clicks_start_one_run(rate: Metric, cast: Cast) -> None:
    first = ask(rate, cast)
    assert ask(rate, cast) == first
    work_off(first)
    # And right after the verdict it is that verdict.
    assert ask(rate, cast) == first
    Run.objects.update(finished_at="2013-01-01T00:00Z")
    assert ask(rate, cast) != first


def test_nobody_fills_the_queue(rate: Metric, cast: Cast) -> None:
    first = ask(rate, cast)
    point = MetricPoint.objects.first()
    assert point is not None
    copies: list[dict[str, Any]] = [{"pk": uuid_utils.compat.uuid7()} for _ in range(MOST_OPEN)]
    made = [
        Evidence(**{**Evidence.objects.values().get(pk=point.evidence_id), "id": c["pk"]}) for c in copies
    ]
    Evidence.objects.bulk_create(made)

    def click(evidence: Evidence) -> Run:
        by = Actor.person(cast.ada)
        about = ("metric", "rate")
        return verify(evidence=evidence, about=about, label="rate", by=by, requested_by=cast.ada)

    assert len({click(evidence) for evidence in made[:-1]} | {first}) == MOST_OPEN
    with pytest.raises(TooManyVerifications):
        click(made[-1])


def test_a_job_that_is_switched_off_says_so(rate: Metric, cast: Cast) -> None:
    work_off(ask(rate, cast))
    Job.objects.update(enabled=False)
    Run.objects.update(finished_at="2013-01-01T00:00Z")
    with pytest.raises(JobDisabled):
        ask(rate, cast)


def test_a_lost_fence_leaves_no_verdict(rate: Metric, cast: Cast) -> None:
    ask(rate, cast)
    held = claim("tests")
    assert held is not None
    Run.objects.update(fence=held.fence + 1)
    run_inline(held)
    assert not Verification.objects.exists()
    assert not AuditEvent.objects.filter(action="evidence.verified").exists()


def test_a_failed_run_is_told_to_who_asked_without_a_link(rate: Metric, cast: Cast) -> None:
    run = ask(rate, cast)
    evidence = run.params["evidence"]
    waiting = under_way(evidence, cast.ada)
    assert waiting is not None
    assert (waiting.is_open, waiting.url) == (True, "")
    held = claim("tests")
    assert held is not None
    finish.time_out(held, {})
    failed, seen_by_engineer = under_way(evidence, cast.ada), under_way(evidence, cast.dan)
    assert failed is not None
    assert seen_by_engineer is not None
    assert (failed.is_open, failed.tone, failed.url) == (False, "bad", "")
    assert "longer than it may" in failed.state
    assert seen_by_engineer.url == f"/runs/{run.number}/"


def test_a_difference_names_what_came_and_went() -> None:
    shorter = definition("late")
    longer = shorter.model_copy(update={"time_zone": "Asia/Seoul"})
    assert [(each.place, each.before, each.after) for each in difference(shorter, longer)] == [
        ("time_zone", "UTC", "Asia/Seoul")
    ]
    assert difference(shorter, shorter) == []
