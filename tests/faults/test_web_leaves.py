"""F05, the web's half: one of two instances is told to stop under constant requests; none of these fails."""

import itertools
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from jobs.models import Run
from portal.demo.people import load_people
from tests.factories.tokens import bearer
from tests.faults.conftest import _clear
from tests.faults.own import OwnDatabase
from tests.faults.processes import Broker, Processes, children, job, until
from tests.faults.web import Visitor, serving
from tests.stack import free_port

pytestmark = [pytest.mark.fault, pytest.mark.xdist_group("web")]

CLIENTS = 12
TRIGGER = "/api/v1/jobs/test-nothing/runs"


@dataclass
class Asker:
    """Asks the first instance, and the second where that refuses the connection; keeps what went wrong."""

    # The same person at each instance.
    visitors: list[Visitor]
    refused: int = 0
    statuses: dict[str, list[int]] = field(default_factory=lambda: {"/jobs/": [], TRIGGER: []})
    failures: list[str] = field(default_factory=list)

    def go_on(self, stop: Event, number: int) -> None:
        """Open pages and start runs in turn."""
        for count in itertools.count():
            if stop.is_set():
                return
            self._ask("/jobs/")
            self._ask(TRIGGER, body={"params": {}}, Idempotency_Key=f"{number}-{count}")

    def _ask(self, path: str, **request: Any) -> None:
        for visitor in self.visitors:
            try:
                answer = visitor.ask(path, **request)
            except ConnectionRefusedError:
                self.refused += 1
                continue
            except Exception as error:
                self.failures.append(f"{path} at {self.visitors.index(visitor)}: {error!r}")
            else:
                self.statuses[path].append(answer.status)
            return
        self.failures.append(f"{path}: nobody let it in")


@pytest.fixture
def started(own: OwnDatabase, broker: Broker, tmp_path: Path) -> Iterator[Processes]:
    """Start processes on a database that the test may hold up."""
    _clear()
    processes = Processes(tmp_path, broker)
    try:
        yield processes
    finally:
        processes.stop()


def test_f05_an_instance_that_is_told_to_stop_answers_all_that_it_let_in(
    own: OwnDatabase, started: Processes, tmp_path: Path
) -> None:
    ports = [free_port() for _ in range(2)]
    webs = [(started.web(port, LAKE_DATA=str(tmp_path)), port) for port in ports]
    instances = [serving(*web) for web in webs]
    first = instances[0]
    people = load_people()
    job("test-nothing")
    headers = bearer(people["dan"], "jobs:run")
    asker = Asker([web.visitor(**headers).sign_in("dan") for web in instances])
    at_first = asker.visitors[0]
    stop = Event()
    with ThreadPoolExecutor(CLIENTS + 3) as pool, own.holding("jobs_secret"):
        clients = [pool.submit(asker.go_on, stop, number) for number in range(CLIENTS)]
        try:
            # Some requests are in the middle, for longer than everything else takes.
            slow = [pool.submit(at_first.ask, "/secrets/") for _ in range(3)]
            until(lambda: own.waiting() >= len(slow), what="requests are under way")
            first.started.process.send_signal(signal.SIGTERM)
            until(lambda: asker.refused, what="the first instance lets nobody in")
            time.sleep(1)
            assert first.started.process.poll() is None
        finally:
            stop.set()
    assert [each.result().status for each in slow] == [200] * len(slow)
    assert [each.result() for each in clients] == [None] * CLIENTS
    assert asker.failures == []
    assert first.started.process.wait(20) == 0
    assert set(asker.statuses["/jobs/"]) == {200}
    assert set(asker.statuses[TRIGGER]) == {201}
    assert Run.objects.count() == len(asker.statuses[TRIGGER])


def test_f05_an_instance_that_drains_says_so_and_serves_on(started: Processes, tmp_path: Path) -> None:
    port = free_port()
    web = serving(started.web(port, LAKE_DATA=str(tmp_path), WEB_DRAIN="3"), port)
    assert web.visitor().ask("/readyz").status == 200
    web.started.process.send_signal(signal.SIGTERM)
    until(lambda: web.visitor().ask("/readyz").status == 503, seconds=2, what="it says that it leaves")
    assert [web.visitor().ask(path).status for path in ("/livez", "/account/login/")] == [200, 200]
    assert web.started.process.wait(20) == 0


def test_f05_who_waits_at_the_port_when_it_closes_is_answered(started: Processes, tmp_path: Path) -> None:
    port = free_port()
    web = serving(started.web(port, LAKE_DATA=str(tmp_path)), port)
    until(lambda: len(children(web.started.pid)) == 2, what="both processes are there")
    # Gunicorn forgets a signal to a process that is being born.
    time.sleep(1)
    serve = children(web.started.pid)
    with ThreadPoolExecutor(CLIENTS) as pool:
        # While they stand still nobody takes anybody in.
        for pid in serve:
            os.kill(pid, signal.SIGSTOP)
        waiting = [pool.submit(web.visitor().ask, "/livez") for _ in range(CLIENTS)]
        time.sleep(0.5)
        web.started.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        for pid in serve:
            os.kill(pid, signal.SIGCONT)
    assert [each.result().status for each in waiting] == [200] * CLIENTS
    assert web.started.process.wait(20) == 0
