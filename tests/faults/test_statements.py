"""The engine's statements: planned once a connection, and begun anew where it knows no plan any more."""

import pytest
from django.db import DataError, connection, transaction

from jobs.engine import claim as claiming
from jobs.engine import finish, lease
from jobs.engine.claim import Claim, claim
from jobs.engine.statements import Statement
from jobs.models import Attempt, Run
from jobs.runners.registry import runner_for
from portal.accounts.planned import Plans
from tests.faults.invariants import assert_invariants
from tests.faults.processes import job, start
from tests.sent import sent_words

pytestmark = pytest.mark.fault

_STATEMENTS = {
    f"{module.__name__}.{name}": each
    for module in (claiming, finish, lease)
    for name, each in vars(module).items()
    if isinstance(each, Statement)
}


@pytest.fixture(autouse=True)
def fresh(committed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE jobs_run CASCADE")
    monkeypatch.setattr(Plans, "on", True)
    connection.close()


def claimed() -> Claim:
    held = claim("tests")
    assert held is not None
    return held


def forget_plans() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")


@pytest.mark.parametrize("name", _STATEMENTS)
def test_the_server_can_plan_each(name: str) -> None:
    _STATEMENTS[name].prepare()
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement FROM pg_prepared_statements")
        ((text,),) = cursor.fetchall()
    assert "%(" not in text


def test_a_run_is_claimed_kept_and_ended_by_plans_alone() -> None:
    start(job("test-nothing"))
    for statement in _STATEMENTS.values():
        statement.prepare()
    with sent_words() as words:
        held = claimed()
        lease.Lease(held).beat({})
        assert finish.succeed(held, {}, {})
    claim = ["BEGIN", "SET", "SET", "EXECUTE", "EXECUTE", "COMMIT"]
    assert words == [*claim, "EXECUTE", "BEGIN", "EXECUTE", "COMMIT"]
    assert_invariants(all_ended=True)


def test_within_a_transaction_of_somebody_else_they_are_sent_whole() -> None:
    start(job("test-nothing"))
    with transaction.atomic(), sent_words() as words:
        claimed()
    assert "EXECUTE" not in words
    assert "PREPARE" not in words


def test_a_claim_whose_plan_is_lost_is_begun_anew_and_takes_one_run() -> None:
    quick = job("test-nothing", max_active_runs=3)
    first, second, third = (start(quick) for _ in range(3))
    assert claimed().run_id == first.pk
    forget_plans()
    assert claimed().run_id == second.pk
    assert not Plans.on, "nothing is prepared any more behind a pool that changes connections"
    assert claimed().run_id == third.pk
    assert [*Attempt.objects.values_list("number", flat=True)] == [1, 1, 1]
    assert_invariants(all_ended=False)


def test_an_end_whose_plan_is_lost_is_begun_anew_and_kept_once() -> None:
    run = start(job("test-nothing"))
    held = claimed()
    forget_plans()
    assert finish.succeed(held, {"rows": 1}, {})
    run.refresh_from_db()
    assert (run.state, run.outputs) == ("succeeded", {"rows": 1})
    assert [*run.events.order_by("id").values_list("kind", flat=True)][-2:] == ["started", "succeeded"]
    assert_invariants(all_ended=True)


def test_a_beat_whose_plan_is_lost_renews_the_lease() -> None:
    run = start(job("test-nothing"))
    holding = lease.Lease(claimed())
    holding.beat({})
    before = Run.objects.get(pk=run.pk).lease_until
    forget_plans()
    holding.beat({})
    after = Run.objects.get(pk=run.pk).lease_until
    assert before is not None
    assert after is not None
    assert after > before


def test_an_error_of_what_a_kind_records_is_told_and_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    run = start(job("test-nothing"))
    held, tries = claimed(), []

    def record(**_: object) -> dict[str, object]:
        tries.append(1)
        with connection.cursor() as cursor:
            cursor.execute("SELECT 30000::smallint * 2::smallint")
        return {}

    monkeypatch.setattr(runner_for(held.kind), "record", record)
    with pytest.raises(DataError, match="out of range"):
        finish.succeed(held, {}, {})
    assert len(tries) == 1
    assert Run.objects.get(pk=run.pk).state == "running"


def test_a_value_may_stand_in_several_places() -> None:
    statement = Statement("SELECT %(one)s::int, %(two)s::int, %(one)s::int")
    assert statement.alone(two=2, one=1) == statement.whole(one=1, two=2) == (1, 2, 1)
