"""F25: a thousand equal triggers over HTTP to two web processes make one run and no error."""

import json
import threading
from collections import Counter

import pytest
from django.db import connection

from jobs.models import Job, Run
from portal.demo.people import load_people
from portal.launch import gunicorn
from tests.factories.tokens import bearer
from tests.faults.processes import Processes, ended, job
from tests.faults.web import crowd, serving
from tests.stack import free_port

pytestmark = [pytest.mark.fault, pytest.mark.xdist_group("web")]
CALLS = 1000
# No cache: the limits of calls are open then, so that every call goes all the way. And no broker.
NOWHERE = "redis://127.0.0.1:1/0"


def _request(key: str, port: int, headers: dict[str, str]) -> bytes:
    body = json.dumps({"params": {"note": "same"}})
    lines = {
        "Host": f"127.0.0.1:{port}",
        "Connection": "close",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Idempotency-Key": "one",
        **headers,
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST /api/v1/jobs/{key}/runs HTTP/1.1\r\n{head}\r\n{body}".encode()


class _Watch:
    """Count the connections to the database that came after this one was made."""

    def __init__(self) -> None:
        self.most = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> "_Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        there = (
            "SELECT pid FROM pg_stat_activity"
            " WHERE datname = current_database() AND backend_type = 'client backend'"
        )
        with connection.cursor() as cursor:
            cursor.execute(there)
            before = {pid for (pid,) in cursor.fetchall()}
            while not self._over.wait(0.05):
                cursor.execute(there)
                self.most = max(self.most, len({pid for (pid,) in cursor.fetchall()} - before))
        connection.close()


def test_f25_a_thousand_calls_with_one_key_make_one_run(processes: Processes) -> None:
    quick: Job = job("test-nothing")
    headers = bearer(load_people()["dan"], "jobs:run")
    port = free_port()
    serving(processes.web(port, redis_url=NOWHERE), port)
    with _Watch() as watch:
        answers = crowd(port, CALLS, _request(quick.key, port, headers))
    assert Counter(status for status, _ in answers) == {201: 1, 200: CALLS - 1}
    assert len({body["id"] for _, body in answers}) == 1
    run = Run.objects.get()
    assert str(run.pk) == answers[0][1]["id"]
    assert run.events.filter(kind="queued").count() == 1
    assert 0 < watch.most <= 2 * gunicorn.threads, "a crowd waits in the web, not in the database"
    processes.worker()
    ended(run)
