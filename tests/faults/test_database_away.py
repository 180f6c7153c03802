"""F11: PostgreSQL restarted in the middle of requests: they are refused cleanly, and nothing else is lost."""

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from jobs.choices import RunState
from jobs.models import Run, Worker
from portal.audit.models import AuditEvent
from portal.demo.people import load_people
from tests.factories.tokens import bearer
from tests.faults.invariants import assert_invariants
from tests.faults.own import FAST, IMMEDIATE, OwnDatabase
from tests.faults.processes import Broker, Processes, ended, job, said, start, until
from tests.faults.web import Answer, Visitor, Web, serving
from tests.stack import free_port

pytestmark = [pytest.mark.fault, pytest.mark.xdist_group("web")]


@pytest.fixture
def desk(own: OwnDatabase, broker: Broker, tmp_path: Path) -> Iterator[tuple[Processes, Web]]:
    """Web, worker and clock on it; whatever happened to it, the invariants hold afterwards."""
    processes = Processes(tmp_path, broker)
    try:
        load_people()
        port = free_port()
        # A lease as in real life, against which a restart is short: it costs no run its attempt.
        started = processes.web(port, RUN_LEASE="30")
        processes.worker(RUN_LEASE="30")
        processes.clock(RUN_LEASE="30")
        yield processes, serving(started, port)
        assert all(one.process.poll() is None for one in processes.started), "nothing had to be restarted"
        assert_invariants(var=tmp_path / "var")
    finally:
        processes.stop()


def refused(answer: Answer) -> bool:
    """Say whether this is a clean 503, in the form of whoever asked."""
    assert answer.status == 503, (answer.status, answer.text[:300])
    assert int(answer.headers["Retry-After"]) > 0
    assert "Traceback" not in answer.text
    assert "psycopg" not in answer.text
    return True


def refused_page(answer: Answer) -> bool:
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "<h1" in answer.text
    return refused(answer)


def refused_call(answer: Answer) -> bool:
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json["status"] == 503
    assert answer.json["request_id"] == answer.headers["X-Request-ID"]
    return refused(answer)


@pytest.mark.parametrize("how", [FAST, IMMEDIATE], ids=["fast", "immediate"])
def test_f11_a_restart_refuses_what_is_under_way_and_loses_nothing(
    own: OwnDatabase, desk: tuple[Processes, Web], tmp_path: Path, how: signal.Signals
) -> None:
    web = desk[1]
    file = tmp_path / "executions"
    append, sleep = job("test-append"), job("test-sleep", max_attempts=3)
    cleo = web.visitor().sign_in("cleo")
    token = web.visitor(**bearer(load_people()["dan"], "jobs:run", "jobs:read"))
    form = cleo.form_of("/jobs/test-append/run/")
    sleeper = start(sleep, seconds=6)
    said(sleeper, "asleep")

    def call(key: str) -> Answer:
        path = {"params": {"path": str(file)}}
        return token.ask("/api/v1/jobs/test-append/runs", body=path, Idempotency_Key=f"{how.name}-{key}")

    def press() -> Answer:
        return cleo.ask("/jobs/test-append/run/", form={**form, "param-path": str(file)})

    runs, events = Run.objects.count(), AuditEvent.objects.count()
    with ThreadPoolExecutor(8) as pool:
        _connect_threads(own, pool, cleo)
        # Triggers write their run and its event first and their audit event last: all stop in the middle.
        with own.holding("audit_auditevent") as holder:
            calls = [pool.submit(call, str(number)) for number in range(3)]
            pages = [pool.submit(press), pool.submit(cleo.ask, "/audit/")]
            until(lambda: own.waiting() >= len(calls) + len(pages), what="all are under way")
            own.stop(how, last=holder)
        assert all(refused_call(each.result()) for each in calls)
        assert all(refused_page(each.result()) for each in pages)
        # And while it is away.
        assert refused_call(call("away"))
        korean = cleo.ask("/jobs/", Accept_Language="ko")
        assert refused_page(korean)
        assert '<html lang="ko"' in korean.text
        assert web.answers()
        own.start()

        assert (Run.objects.count(), AuditEvent.objects.count()) == (runs, events), "nothing is half written"
        # Threads of both web processes hold connections that are dead now.
        again = list(pool.map(lambda _: cleo.ask("/jobs/"), range(40)))
        assert {answer.status for answer in again} == {200}
    # Who was refused sends the same again: it was not done, and is done now, once.
    assert [call(str(number)).status for number in range(3)] == [201, 201, 201]
    assert [call(str(number)).status for number in range(3)] == [200, 200, 200]
    assert press().status == 302
    assert _ended_well(sleeper)
    until(lambda: not Run.objects.open().exists(), seconds=40, what="all ended")
    assert file.read_text() == "once\n" * 4
    assert Run.objects.filter(job=append, state=RunState.SUCCEEDED).count() >= 4
    assert Worker.objects.filter(polled_at__isnull=False).exists()


def _connect_threads(own: OwnDatabase, pool: ThreadPoolExecutor, visitor: Visitor) -> None:
    """Have more threads of the web connected than will have something to do when the server ends."""
    with own.holding("audit_auditevent"):
        pages = [pool.submit(visitor.ask, "/audit/") for _ in range(8)]
        until(lambda: own.waiting() >= len(pages), what="each has a thread")
    assert {page.result().status for page in pages} == {200}


def _ended_well(run: Run) -> bool:
    ended(run, seconds=40)
    assert (run.state, run.attempts.count()) == (RunState.SUCCEEDED, 1), run.error
    return True
