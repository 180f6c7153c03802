"""Runs: from trigger to user code, and no-op runs per second beside raw Celery and procrastinate, two slots.

Run by ``make bench``, or alone by ``python -m tests.benchmarks.runs``. It works on embedded servers of its
own (or, with DATABASE_URL and REDIS_URL, in a database that it makes beside that one, and drops).
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import django
import psycopg2

from portal.embedded import servers

ROOT = Path(__file__).resolve().parent.parent.parent
# Made by ``make bench``.
PEER = ROOT / "build" / "procrastinate" / "venv" / "bin" / "python"
SLOTS = 2
LATENCIES = 40
RUNS = 300
INLINE_RUNS = 1000
TASKS = 4000
ROUNDS = 2


def main() -> None:
    """Prepare servers and a database, and measure in a process that is configured for them."""
    var = Path(tempfile.mkdtemp(prefix="desk-bench-"))
    own = not (os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL"))
    try:
        addresses = servers.start(var, for_tests=True).addresses if own else {}
        with _database({**os.environ, **addresses}) as environment:
            environment |= {"VAR": str(var)}
            manage = [sys.executable, "manage.py", "migrate", "--skip-checks", "-v", "0"]
            subprocess.run(manage, cwd=ROOT, env=environment, check=True)
            measuring = [sys.executable, "-m", "tests.benchmarks.runs", "measure"]
            subprocess.run(measuring, cwd=ROOT, env=environment, check=True)
        with _database({**os.environ, **addresses}) as environment:
            _measure_peer(environment["DATABASE_URL"])
    finally:
        if own:
            servers.stop(var)
        shutil.rmtree(var, ignore_errors=True)


def _measure_peer(address: str) -> None:
    """Print the same of procrastinate, in a database of its own on the same server."""
    if not PEER.exists():
        print("procrastinate is not installed here: make bench installs it")
        return
    command = [str(PEER), "tests/benchmarks/peer.py"]
    environment = {**os.environ, "PEER_DATABASE": address}
    told = subprocess.run(
        command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    found = json.loads(told.stdout)
    print(f"procrastinate: {found['milliseconds']:.1f} ms defer→code, {found['rate']:,.0f} no-op jobs/s")


@contextmanager
def _database(environment: dict[str, str]) -> Iterator[dict[str, str]]:
    name, url = f"desk_bench_{os.getpid()}", environment["DATABASE_URL"]
    _execute(url, f'CREATE DATABASE "{name}"')
    try:
        yield environment | {
            "DATABASE_URL": urlunsplit(urlsplit(url)._replace(path=f"/{name}")),
            "MODE": "demo",
            "DJANGO_SETTINGS_MODULE": "portal.settings",
            "JOB_PIPELINES": "tests.pipelines",
            "WORKER_SLOTS": str(SLOTS),
            "LOG_LEVEL": "WARNING",
        }
    finally:
        _execute(url, f'DROP DATABASE "{name}" WITH (FORCE)')


def _execute(url: str, statement: str) -> None:
    connection = psycopg2.connect(url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(statement)
    connection.close()


@contextmanager
def _process(*command: str, **environment: str) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL if "-q" in command else None,
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(60)


def _raw(var: Path) -> float:
    """Return the no-op tasks per second of a bare Celery worker with as many processes."""
    from portal.celery import app as portal_app
    from tests.benchmarks.raw import PLACES, app, counters, nothing, total

    broker = str(portal_app.conf.broker_url)
    file = var / f"counters-{time.monotonic_ns()}"
    file.write_bytes(bytes(PLACES * 8))
    shared = counters(str(file))
    with app.connection_for_write(broker) as connection:
        producer: Any = app.amqp.Producer(connection)
        for _ in range(TASKS + 1):
            nothing.apply_async(producer=producer, queue="raw")
    command = ("celery", "-A", "tests.benchmarks.raw", "-q", "worker", "-c", str(SLOTS), "-Q", "raw")
    with _process(
        *command, "--without-gossip", "--without-mingle", RAW_BROKER=broker, RAW_COUNTERS=str(file)
    ):
        _until(lambda: total(shared) > 0)
        began, first = time.perf_counter(), total(shared)
        _until(lambda: total(shared) > TASKS)
        return (TASKS + 1 - first) / (time.perf_counter() - began)


def _until(look: Any, *, seconds: float = 120, pause: float = 0.01) -> None:
    deadline = time.monotonic() + seconds
    while not look():
        if time.monotonic() > deadline:
            raise RuntimeError("the benchmark does not come to an end")
        time.sleep(pause)


def measure() -> None:
    """Measure and print.

    A portal's tables are analyzed by autovacuum within a minute; these are too young for that.
    """
    django.setup()
    from jobs.choices import Isolation
    from jobs.models import Worker

    latencies, rates = {}, {}
    var = Path(os.environ["VAR"])
    raw = [_raw(var) for _ in range(ROUNDS)]
    with _process("celery", "-A", "portal", "worker"):
        _until(Worker.objects.exists)
        for isolation, count in ((Isolation.FORK, RUNS), (Isolation.INLINE, INLINE_RUNS)):
            latencies[isolation] = _latencies(isolation)
            _execute(os.environ["DATABASE_URL"], "VACUUM ANALYZE")
            rates[isolation] = [_runs_per_second(isolation, count) for _ in range(ROUNDS)]
    raw += [_raw(var)]
    floor = statistics.median(raw)
    each = ", ".join(f"{rate:,.0f}" for rate in raw)
    print(f"raw Celery no-op tasks/s ({SLOTS} slots): {floor:,.0f} ({each})")
    print(f"{'':10} {'trigger→code ms':>24} {'no-op runs/s':>24} {'of raw':>8}")
    print(f"{'body':10} {'median':>11} {'p95':>12} {'median':>14} {'best':>9}")
    for isolation, times in latencies.items():
        rate = statistics.median(rates[isolation])
        p95 = statistics.quantiles(times, n=20)[-1]
        print(
            f"{isolation:10} {statistics.median(times):11.1f} {p95:12.1f} {rate:14,.0f}"
            f" {max(rates[isolation]):9,.0f} {rate / floor:8.2f}"
        )


def _job(isolation: str, pipeline: str) -> Any:
    from jobs.actions import jobs
    from portal.audit.actions import Actor

    definition = jobs.JobDefinition(
        key=f"{pipeline}-{isolation}",
        name_en=pipeline,
        name_ko=pipeline,
        kind="python",
        config={"pipeline": pipeline},
        isolation=isolation,  # type: ignore[arg-type]
        max_active_runs=100,
    )
    return jobs.register(definition=definition, by=Actor.system("benchmark"))


def _latencies(isolation: str) -> list[float]:
    """Return the milliseconds from the trigger's call (with its transaction) to the first line of code."""
    from jobs.actions import runs
    from jobs.choices import Trigger
    from portal.audit.actions import Actor

    job = _job(isolation, "test-when")
    times = []
    for _ in range(LATENCIES + 5):
        began = time.time()
        run = runs.trigger(
            job=job,
            params={},
            by=Actor.system("benchmark"),
            trigger=Trigger.API,
            requested_by=None,
            principal="benchmark",
        ).run
        while run.is_open:
            time.sleep(0.005)
            run.refresh_from_db()
        times.append((run.outputs["at"] - began) * 1000)
    return times[5:]


def _runs_per_second(isolation: str, count: int) -> float:
    from datetime import timedelta

    from django.db.models import Max, Min
    from django.db.models.functions import Now

    from jobs.engine.wake import wake
    from jobs.models import Run

    job = _job(isolation, "test-nothing")
    queued = [
        Run(job=job, trigger="api", principal="benchmark", pool_id=job.pool_id, max_attempts=1, params={})
        for _ in range(count)
    ]
    for run in queued:
        run.available_at = Now() + timedelta(hours=1)
    Run.objects.bulk_create(queued)
    batch = Run.objects.filter(pk__in=[run.pk for run in queued])
    batch.update(available_at=Now())
    for _ in range(SLOTS):
        wake("default")
    # Seldom, and by an index: the one who measures shares the processors with what is measured.
    _until(lambda: not Run.objects.filter(job=job).open().exists(), pause=0.1)
    ends = batch.filter(state="succeeded").aggregate(first=Min("started_at"), last=Max("finished_at"))
    if batch.exclude(state="succeeded").exists():
        raise RuntimeError("a run did not succeed")
    return float(count / (ends["last"] - ends["first"]).total_seconds())


if __name__ == "__main__":
    measure() if sys.argv[1:] == ["measure"] else main()
