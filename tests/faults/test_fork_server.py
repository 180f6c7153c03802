"""The process that forks the bodies may die or hang at any time; a run never waits for it."""

import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from jobs.actions import runs
from jobs.choices import RunState
from jobs.engine.bodies import start_server
from jobs.engine.body import WAITING_TITLE
from jobs.engine.fork_server import TITLE
from jobs.models import Run
from tests.faults.processes import (
    TESTS,
    Processes,
    alive,
    children,
    ended,
    fork_server_of,
    job,
    pool_of,
    said,
    start,
    title_of,
    until,
)

pytestmark = pytest.mark.fault


def test_one_forks_body_after_body_and_dies_with_its_pool_child(processes: Processes) -> None:
    worker = processes.worker(WORKER_SLOTS="1")
    (child,) = pool_of(worker)
    server = fork_server_of(child)
    for _ in range(3):
        assert ended(start(job("test-nothing"))).state == RunState.SUCCEEDED
    assert [pid for pid in children(child) if title_of(pid) == TITLE] == [server]
    until(lambda: [title_of(pid) for pid in children(server)] == [WAITING_TITLE], seconds=2, what="one waits")
    os.kill(child, signal.SIGKILL)
    until(lambda: not alive(server), seconds=2, what="it died with its pool child")


def test_killed_while_idle_it_costs_no_run(processes: Processes) -> None:
    worker = processes.worker(WORKER_SLOTS="1")
    (child,) = pool_of(worker)
    server = fork_server_of(child)
    os.kill(server, signal.SIGKILL)
    until(lambda: not alive(server), what="it is dead")
    run = ended(start(job("test-nothing", max_attempts=1)))
    assert (run.state, run.attempt) == (RunState.SUCCEEDED, 1)


def test_killed_while_its_body_works_the_run_is_tried_again(processes: Processes) -> None:
    worker = processes.worker(WORKER_SLOTS="1")
    run = start(job("test-sleep-once", max_attempts=2), seconds=60)
    body = int(said(run, "asleep")[0])
    os.kill(fork_server_of(*pool_of(worker)), signal.SIGKILL)
    until(lambda: not alive(body), seconds=2, what="the body died with it")
    ended(run)
    assert (run.state, run.attempt) == (RunState.SUCCEEDED, 2)
    first = run.attempts.order_by("number")[0]
    assert first.error == "The process was ended by SIGKILL."


def test_standing_still_it_is_ended_and_the_run_cancelled_in_time(processes: Processes) -> None:
    worker = processes.worker(WORKER_SLOTS="1")
    (child,) = pool_of(worker)
    server = fork_server_of(child)
    os.kill(server, signal.SIGSTOP)
    cancelled_in_time(start(job("test-nothing")))
    assert ended(start(job("test-nothing"))).state == RunState.SUCCEEDED


def test_standing_still_while_a_body_works_it_is_ended_too(processes: Processes) -> None:
    worker = processes.worker(WORKER_SLOTS="1")
    run = start(job("test-sleep"), seconds=60)
    body = int(said(run, "asleep")[0])
    os.kill(fork_server_of(*pool_of(worker)), signal.SIGSTOP)
    runs.cancel(run=run, by=TESTS)
    until(lambda: not alive(body), seconds=3, what="the body has ended, and nobody tells of it")
    assert ended(run, seconds=6).state == RunState.CANCELLED


def test_code_that_hangs_while_it_is_loaded_holds_up_no_cancel(processes: Processes) -> None:
    worker = processes.worker(WORKER_SLOTS="1", JOB_PIPELINES="tests.pipelines,tests.faults.hanging")
    cancelled_in_time(start(job("test-nothing")))
    # The supervisor itself never loaded it: it keeps the lease, and goes on.
    assert pool_of(worker)


def test_a_signal_to_every_process_does_not_end_one_that_still_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    # A worker that is a copy of its starter has its settings without this word in its environment.
    monkeypatch.delenv("DJANGO_SETTINGS_MODULE", raising=False)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        server = start_server(theirs)
    with ours:
        os.kill(server, signal.SIGTERM)
        until(lambda: title_of(server) == TITLE, what="it has loaded all the same")
        assert alive(server)
    assert os.waitpid(server, 0)[1] == 0, "it leaves by itself when nobody needs it any more"


def test_it_holds_nothing_of_the_web_or_of_the_broker() -> None:
    # What it has loaded, each body pays for: by the page, at its begin and at its end.
    loaded = "import sys, django; django.setup(); import jobs.engine.fork_server; print(*sys.modules)"
    words = subprocess.run([sys.executable, "-c", loaded], capture_output=True, check=True, text=True).stdout
    roots = {word.partition(".")[0] for word in words.split()}
    assert "jobs" in roots
    heavy = {"celery", "kombu", "redis", "httpx", "requests", "jinja2", "babel", "holidays", "markdown_it"}
    assert roots & (heavy | {"sqlglot", "duckdb", "numpy", "pyarrow", "gunicorn"}) == set()
    assert "rest_framework.views" not in words.split()


def cancelled_in_time(run: Run) -> None:
    """Cancel a run as soon as it is claimed, and see it end within seconds."""
    claimed = Run.objects.filter(pk=run.pk, state=RunState.RUNNING)
    until(claimed.exists, what="it is claimed")
    asked_at = time.monotonic()
    runs.cancel(run=run, by=TESTS)
    assert ended(run).state == RunState.CANCELLED
    assert time.monotonic() - asked_at < 4
