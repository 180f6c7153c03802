"""Checks of a published dataset: kept and shown however they went; a blocking one stops what comes after."""

from typing import Any

import pytest

from catalog.models import Asset, Dataset
from jobs.models import Job, Run
from jobs.runners import landing, quality_check
from portal.audit.models import AuditEvent
from tests.conftest import Cast
from tests.lake import Lake
from tests.unit.jobs.loading import make, message_of, succeed, work_off
from tests.unit.jobs.test_sql_model import fill


@pytest.fixture
def world(lake: Lake, cast: Cast) -> Lake:
    fill(lake, cast)
    return lake


def check(cast: Cast, *rules: dict[str, Any], owner: str = "dan", **changes: Any) -> Job:
    config = {"dataset": "ops.flights", "checks": list(rules), **changes}
    return make("quality_check", config, key="check", owner_email=getattr(cast, owner).email)


def kept() -> dict[str, tuple[bool, str]]:
    checks = Dataset.objects.get(asset__key="ops.flights").checks
    return {each["name"]: (each["passed"], each.get("job", "")) for each in checks}


UNIQUE = {"check": "unique", "columns": ["id"]}
ON_TIME = {"check": "expression", "expression": "delay < 25"}


def test_results_are_kept_beside_those_of_the_publish(world: Lake, cast: Cast) -> None:
    Dataset.objects.filter(asset__key="ops.flights").update(
        checks=[
            {
                "name": "not_null(carrier)",
                "passed": True,
                "blocking": True,
                "observed": "none",
                "expected": "",
            }
        ]
    )
    run = succeed(check(cast, UNIQUE, {**ON_TIME, "severity": "warn"}))
    assert (run.outputs["passed"], run.outputs["failed"]) == (1, 1)
    assert kept() == {
        "not_null(carrier)": (True, ""),
        "unique(id)": (True, "check"),
        "expression(delay < 25)": (False, "check"),
    }
    succeed(check(cast, UNIQUE))
    assert kept() == {"not_null(carrier)": (True, ""), "unique(id)": (True, "check")}
    assert AuditEvent.objects.filter(action="dataset.checked", object_id="ops.flights").count() == 2


def test_a_failing_check_is_kept_and_what_comes_after_does_not_start(world: Lake, cast: Cast) -> None:
    job = check(cast, UNIQUE, ON_TIME)
    config = {"target": "marts.late", "sql": "SELECT id FROM ops.flights"}
    after = make("sql_model", config, key="after", after=("check",), owner_email=cast.dan.email)
    run = work_off(job)
    assert (
        "«ops.flights» failed 1 of its checks. expression(delay < 25): expected delay < 25, found 1 of 3 rows"
        in (message_of(run))
    )
    assert run.error["class"] == "check_failed"
    assert kept() == {"unique(id)": (True, "check"), "expression(delay < 25)": (False, "check")}
    assert not Run.objects.filter(job=after).exists()
    succeed(check(cast, UNIQUE))
    assert Run.objects.filter(job=after).count() == 1


def test_an_attempt_that_lost_its_lease_keeps_nothing(
    world: Lake, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = landing.put_checks

    def slow(*args: Any) -> Any:
        Run.objects.update(fence=99)
        return put(*args)

    monkeypatch.setattr("jobs.runners.quality_check.put_checks", slow)
    work_off(check(cast, ON_TIME))
    assert kept() == {}


@pytest.mark.parametrize(
    ("rule", "owner", "said"),
    [
        (UNIQUE, "ada", "give the job an owner who may run SQL"),
        ({"check": "accepted_values", "columns": ["tailnum"], "values": ["N1"]}, "ben", "tailnum are masked"),
        ({"check": "expression", "expression": "tailnum <> 'N1'"}, "ben", "There is no column tailnum"),
        ({"check": "unique", "columns": ["nothing"]}, "dan", "names the column «nothing»"),
    ],
)
def test_what_may_not_be_asked(world: Lake, cast: Cast, rule: dict[str, Any], owner: str, said: str) -> None:
    assert said in message_of(work_off(check(cast, rule, owner=owner)))
    assert kept() == {}


def test_a_dataset_that_is_not_there_or_hidden(world: Lake, cast: Cast) -> None:
    assert "no published dataset ops.none" in message_of(work_off(check(cast, UNIQUE, dataset="ops.none")))
    Asset.objects.filter(key="ops.flights").update(visibility="team", owner=cast.dan)
    assert "no published dataset ops.flights" in message_of(work_off(check(cast, UNIQUE, owner="ben")))


def test_rows_that_come_meanwhile_are_not_what_was_checked(
    world: Lake, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, job = landing.put_checks, check(cast, UNIQUE)

    def late(*args: Any, **options: Any) -> Any:
        world.publish("ops.flights", "SELECT 'AA' AS carrier, 1 AS id FROM range(2)", run_id="run-1")
        return put(*args, **options)

    monkeypatch.setattr(quality_check, "put_checks", late)
    run = succeed(job)
    with world.reader() as warehouse:
        assert warehouse.snapshot() > run.outputs["snapshot"]
