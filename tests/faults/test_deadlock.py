"""F38: PostgreSQL ends a transaction for a deadlock or conflict: refused cleanly, done when sent again."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import psycopg2
import pytest
from django.db import OperationalError, connection, transaction
from django.test import Client

from jobs.engine.claim import claim
from jobs.models import Attempt, Job, Run
from portal.audit.models import AuditEvent
from portal.demo.people import load_people
from tests.factories.tokens import bearer
from tests.faults.invariants import assert_invariants
from tests.faults.processes import database_url, job, start, until

pytestmark = pytest.mark.fault

_WAITING = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock' AND state = 'active'
"""


class Aside:
    """Something that runs beside the test, on a connection of its own."""

    def __init__(self, act: Callable[[], Any]) -> None:
        self.result: Any = None
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(act,))
        self._thread.start()

    def _run(self, act: Callable[[], Any]) -> None:
        try:
            self.result = act()
        except BaseException as error:
            self.error = error
        finally:
            connection.close()

    def over(self) -> "Aside":
        self._thread.join(30)
        assert not self._thread.is_alive()
        return self


@contextmanager
def session() -> Iterator[Any]:
    """Another program's transaction, which is rolled back in the end."""
    other = psycopg2.connect(database_url())
    try:
        with other.cursor() as cursor:
            yield cursor
        # The server gives the locks back before it answers; at the end of a session, some time later.
        other.rollback()
    finally:
        other.close()


def waits() -> bool:
    with connection.cursor() as cursor:
        # Within a transaction the first look would stand for all later ones.
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(_WAITING)
        return int(cursor.fetchone()[0]) > 0


def deadlocked(act: Callable[[], Any], *, last: str) -> Aside:
    """Let ``act`` wait for the table ``last`` while another waits for the runs that it has written.

    It waited first, so PostgreSQL looks for its circle first, and it is the one that is ended.
    """
    with session() as other:
        other.execute(f"LOCK TABLE {last} IN SHARE ROW EXCLUSIVE MODE")
        aside = Aside(act)
        until(waits, what="it is in the middle of its transaction")
        other.execute("LOCK TABLE jobs_run IN ACCESS EXCLUSIVE MODE")
        return aside.over()


@pytest.fixture(autouse=True)
def _alone(committed: None) -> None:
    Job.objects.all().delete()


@pytest.fixture
def token() -> dict[str, str]:
    return bearer(load_people()["dan"], "jobs:run", "jobs:read", "jobs:write")


def send(method: str, path: str, body: dict[str, Any], headers: dict[str, str]) -> Any:
    client = Client(raise_request_exception=False)
    return client.generic(method, path, json.dumps(body), content_type="application/json", headers=headers)


def refused(answer: Any) -> None:
    assert (answer.status_code, answer["Content-Type"]) == (503, "application/problem+json"), answer.content
    assert int(answer["Retry-After"]) > 0
    assert b"deadlock" not in answer.content


def test_f38_a_deadlock_refuses_the_start_of_a_run_as_a_whole_and_the_next_try_starts_it_once(
    token: dict[str, str],
) -> None:
    job("test-nothing")
    headers = {**token, "Idempotency-Key": "again"}
    events = AuditEvent.objects.count()

    def trigger() -> Any:
        return send("POST", "/api/v1/jobs/test-nothing/runs", {"params": {}}, headers)

    aside = deadlocked(trigger, last="audit_auditevent")
    assert aside.error is None
    refused(aside.result)
    assert (Run.objects.count(), AuditEvent.objects.count()) == (0, events), "nothing is half written"
    assert [trigger().status_code for _ in range(2)] == [201, 200]
    assert Run.objects.count() == 1


def test_f38_a_page_is_refused_by_a_page() -> None:
    job("test-nothing")
    people = load_people()

    def press() -> Any:
        client = Client(raise_request_exception=False)
        client.force_login(people["dan"])
        return client.post("/jobs/test-nothing/run/", {"once": uuid4()})

    answer = deadlocked(press, last="audit_auditevent").result
    assert (answer.status_code, answer["Retry-After"]) == (503, "10")
    assert b"<h1" in answer.content
    assert b"deadlock" not in answer.content
    assert not Run.objects.exists()
    assert press().status_code == 302


def test_f15_two_claims_at_the_same_moment_never_take_the_same_run() -> None:
    run = start(job("test-nothing"))
    with transaction.atomic():
        first = claim("one")
        aside = Aside(lambda: claim("two"))
        until(waits, what="the other claim is in the middle of its own")
    assert first is not None
    assert first.run_id == run.pk
    assert (aside.over().error, aside.result) == (None, None)
    assert Attempt.objects.count() == 1


def test_a_claim_does_not_wait_for_a_run_that_somebody_holds() -> None:
    quick = job("test-nothing", max_active_runs=2)
    held, free = start(quick), start(quick)
    with session() as other:
        other.execute("SELECT 1 FROM jobs_run WHERE id = %s FOR UPDATE", [str(held.pk)])
        claimed = claim("w")
        assert claimed is not None
        assert claimed.run_id == free.pk
        assert claim("w") is None, "and does not spin"
    claimed = claim("w")
    assert claimed is not None
    assert claimed.run_id == held.pk


def test_f38_a_claim_that_met_a_deadlock_left_the_run_to_the_next() -> None:
    run = start(job("test-nothing"))
    aside = deadlocked(lambda: claim("tests"), last="jobs_attempt")
    # What drains the queue takes it for a database that does not answer, and is called again.
    assert isinstance(aside.error, OperationalError)
    assert "deadlock" in str(aside.error)
    run.refresh_from_db()
    assert (run.state, run.attempt, Attempt.objects.count()) == ("queued", 0, 0)
    held = claim("tests")
    assert held is not None
    assert (held.run_id, held.attempt) == (run.pk, 1)
    assert_invariants(all_ended=False)


def test_f38_a_change_that_cannot_be_serialized_is_refused_and_not_lost(token: dict[str, str]) -> None:
    made = {"key": "refresh", "kind": "metric_refresh", "name_en": "Refresh", "config": {"dataset": "ops.x"}}
    assert send("POST", "/api/v1/jobs", made, token).status_code == 201

    def change() -> Any:
        with connection.cursor() as cursor:
            cursor.execute("SET default_transaction_isolation = 'repeatable read'")
        headers = {**token, "If-Match": '"1"'}
        return send("PATCH", "/api/v1/jobs/refresh/definition", {"timeout": 60}, headers)

    with session() as other:
        other.execute("UPDATE jobs_job SET priority = 7 WHERE key = 'refresh'")
        aside = Aside(change)
        until(waits, what="it waits for the row")
        other.connection.commit()
        aside.over()
    refused(aside.result)
    job_ = Job.objects.get(key="refresh")
    assert (job_.priority, job_.version, job_.timeout) == (7, 1, 3600)
    assert change().status_code == 200
