"""Old snapshots go, except those that evidence reads; on a real lake, by the real run."""

import datetime as dt
import os
from typing import Any

import psycopg2
import pytest
import uuid_utils.compat
from django.conf import settings
from django.db import models
from django.utils import timezone

from jobs.actions.housekeeping import KEEP_THE_LAKE, register_system_jobs
from jobs.actions.runs import trigger
from jobs.actions.verifications import verify
from jobs.choices import RunState, Trigger
from jobs.engine.claim import claim
from jobs.engine.inline import run_inline
from jobs.models import Job, Run, Schedule
from portal.audit.actions import Actor
from portal.audit.models import AuditEvent
from portal.evidence.actions import cite, record_result
from portal.evidence.hashing import result_hash
from portal.evidence.keeping import uncited
from portal.evidence.models import Evidence, Verification
from portal.warehouse import connect
from tests.conftest import Cast
from tests.factories import catalog
from tests.lake import Lake

TESTS = Actor.system("tests")
SQL = "SELECT n FROM ops.trips ORDER BY n"
LONG_AGO = dt.timedelta(days=400)


def publish(lake: Lake, number: int) -> int:
    return lake.publish("ops.trips", f"SELECT {number} AS n", run_id=f"run-{number}")


def recorded(lake: Lake, snapshot: int) -> Evidence:
    """Evidence as a query's run records it."""
    answer = lake.ask(SQL, snapshot=snapshot)
    return record_result(
        sql=SQL,
        parameters={},
        dialect="duckdb",
        engine="duckdb 1",
        snapshot=snapshot,
        tables=["ops.trips"],
        columns=[{"name": "n", "type": "INTEGER"}],
        rows=[list(row) for row in answer.rows],
        row_count=1,
        cut=False,
        result_hash=result_hash(answer.columns, answer.rows),
        duration_ms=1,
        charts={},
        run_id=uuid_utils.compat.uuid7(),
    )


def age(lake: Lake, by: dt.timedelta = LONG_AGO) -> None:
    """Let the lake's history have happened so much earlier."""
    connection = psycopg2.connect(settings.LAKE_URL)
    with connection, connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {lake.schema}.ducklake_snapshot SET snapshot_time = snapshot_time - %s",  # noqa: S608
            [by],
        )
    connection.close()


def kept() -> set[int]:
    with connect(read_only=True) as warehouse:
        return {each.id for each in warehouse.snapshots()}


def work_off(run: Run) -> Run:
    held = claim("tests")
    assert held is not None
    run_inline(held)
    run.refresh_from_db()
    assert (run.state, run.error) == (RunState.SUCCEEDED, {})
    return run


def tidy(**params: Any) -> Run:
    (job,) = register_system_jobs()
    triggered = trigger(
        job=job, params=params, by=TESTS, trigger=Trigger.MANUAL, requested_by=None, principal="tests"
    )
    return work_off(triggered.run)


def verdict(evidence: Evidence, cast: Cast) -> str:
    by = Actor.person(cast.ada)
    run = verify(evidence=evidence, about=("answer", "1"), label="REQ-1", by=by, requested_by=cast.ada)
    work_off(run)
    return Verification.objects.filter(evidence=evidence).latest("checked_at").verdict


def test_a_cited_snapshot_still_verifies_when_the_others_are_gone(lake: Lake, cast: Cast) -> None:
    first = publish(lake, 1)
    cited = recorded(lake, first)
    cite(evidence=cited, about=("answer", "1"), title="Trips", user=cast.ada, by=TESTS)
    second = publish(lake, 2)
    uncited_one = recorded(lake, second)
    third = publish(lake, 3)
    age(lake)
    stated = Evidence.objects.values().get(pk=uncited_one.pk)
    result = uncited_one.result
    result.pk = None
    uncited_one.delete()

    assert tidy(dry_run=True).outputs["snapshots_gone"] > 0
    assert {first, second, third} <= kept()
    run = tidy()
    assert run.outputs["snapshots_gone"] > 0
    assert kept() & {first, second, third} == {first, third}
    assert AuditEvent.objects.get(action="evidence.tidied").object_id == KEEP_THE_LAKE.key

    assert verdict(cited, cast) == "input_changed"
    found = Verification.objects.get(evidence=cited)
    assert (found.details["rows"]["before"], found.details["rows"]["after"]) == ([[1]], [[3]])
    # As if somebody still had a result of the snapshot that nobody cited.
    again = Evidence.objects.create(**stated)
    result.evidence = again
    result.save(force_insert=True)
    assert verdict(again, cast) == "source_gone"


def test_evidence_recorded_now_is_safe_however_old_its_snapshot_is(lake: Lake, cast: Cast) -> None:
    old = publish(lake, 1)
    age(lake)
    # A query has just read the newest snapshot, a year old; then somebody publishes and the lake is tidied.
    publish(lake, 2)
    tidy()
    assert old in kept()
    assert verdict(recorded(lake, old), cast) == "input_changed"


def test_files_go_with_their_snapshots_an_hour_later(lake: Lake, cast: Cast) -> None:
    for number in (1, 2, 3):
        lake.publish(
            "ops.trips",
            f"SELECT r AS n FROM range({number * 5000}) AS t(r)",  # noqa: S608
            run_id=f"run-{number}",
        )
    age(lake)
    before = len(list(lake.folder.glob("lake/**/*.parquet")))
    assert tidy().outputs["files_deleted"] == 0
    connection = psycopg2.connect(settings.LAKE_URL)
    with connection, connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {lake.schema}.ducklake_files_scheduled_for_deletion"  # noqa: S608
            " SET schedule_start = schedule_start - interval '2 hours'"
        )
    connection.close()
    deleted = tidy().outputs["files_deleted"]
    assert deleted == 2
    assert len(list(lake.folder.glob("lake/**/*.parquet"))) == before - deleted
    assert lake.ask("SELECT count(*) FROM ops.trips").rows == [(15000,)]


def test_files_of_loads_that_died_go_too_also_where_all_snapshots_stay(
    lake: Lake, cast: Cast, settings: Any
) -> None:
    settings.LAKE_KEEP_DAYS = 0
    lake.publish("ops.trips", "SELECT r AS n FROM range(1000) AS t(r)", run_id="run-1")
    (known,) = lake.folder.glob("lake/**/*.parquet")
    left, young = known.with_name("ducklake-left.parquet"), known.with_name("ducklake-young.parquet")
    for path in (left, young):
        path.write_bytes(known.read_bytes())
    long_ago = (timezone.now() - LONG_AGO).timestamp()
    for path in (known, left):
        os.utime(path, (long_ago, long_ago))
    assert tidy(dry_run=True).outputs["orphans_deleted"] == 1
    assert left.exists()
    run = tidy()
    assert (run.outputs["orphans_deleted"], run.outputs["files_deleted"]) == (1, 0)
    assert set(lake.folder.glob("lake/**/*.parquet")) == {known, young}
    assert AuditEvent.objects.get(action="evidence.tidied").data["files"] == 1


def test_without_a_limit_everything_stays(lake: Lake, cast: Cast, settings: Any) -> None:
    settings.LAKE_KEEP_DAYS = 0
    first = publish(lake, 1)
    publish(lake, 2)
    age(lake)
    assert tidy().outputs["snapshots_gone"] == 0
    assert first in kept()


def test_only_old_results_that_nothing_needs_are_forgotten(lake: Lake, cast: Cast) -> None:
    snapshot = publish(lake, 1)
    young, old, cited = (recorded(lake, snapshot) for _ in range(3))
    metric = catalog.metric("rate", points=[("2013-02-01", 0.7)])
    shown = metric.points.get().evidence
    old_ones = Evidence.objects.exclude(pk=young.pk)
    old_ones.update(computed_at=timezone.now() - dt.timedelta(days=8))
    cite(evidence=cited, about=("answer", "1"), title="Trips", user=cast.ada, by=TESTS)
    assert list(uncited(timezone.now())) == [old]
    assert tidy().outputs["results_forgotten"] == 1
    assert set(Evidence.objects.all()) == {young, cited, shown}


def test_whatever_points_at_evidence_keeps_it() -> None:
    pointing = [
        relation
        for relation in Evidence._meta.get_fields(include_hidden=True)
        if isinstance(relation, models.ForeignObjectRel)
    ]
    needing = {each.related_model.__name__ for each in pointing if each.on_delete is not models.CASCADE}
    assert needing == {"MetricPoint", "Citation"}


@pytest.mark.django_db
def test_every_installation_has_the_job_with_its_schedule() -> None:
    register_system_jobs()
    Schedule.objects.update(enabled=False, next_slot=None)
    register_system_jobs()
    job = Job.objects.get(key="keep-the-lake")
    assert job.version == 1
    assert [(each.cron, each.enabled) for each in job.schedules.all()] == [("20 3 * * *", False)]
