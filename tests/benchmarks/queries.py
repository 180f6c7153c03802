"""Queries: what a warm run costs beside the bare query of the same engine on the same lake.

Run by ``make bench``, or alone by ``python -m tests.benchmarks.queries``, on servers of its own.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import django

from portal.embedded import servers
from tests.benchmarks.runs import ROOT, _database, _process, _until

SQL = "SELECT number % 10 AS digit, count(*) AS n FROM bench.numbers GROUP BY 1 ORDER BY 1"
TIMES = 60
# The first ones load the engine.
WARMING = 5
# Never more often, and by the smallest question: who measures shares the processors with what is measured.
LOOK = 0.004
STATE = "SELECT state FROM jobs_run WHERE id = %s"


def main() -> None:
    """Prepare servers and a database, and measure in a process that is configured for them."""
    var = Path(tempfile.mkdtemp(prefix="desk-bench-"))
    own = not (os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL"))
    try:
        addresses = servers.start(var, for_tests=True).addresses if own else {}
        with _database({**os.environ, **addresses}) as environment:
            environment |= {"VAR": str(var)}
            for command in (
                ["manage.py", "migrate", "--skip-checks", "-v", "0"],
                ["-m", "tests.benchmarks.queries", "measure"],
            ):
                subprocess.run([sys.executable, *command], cwd=ROOT, env=environment, check=True)
    finally:
        if own:
            servers.stop(var)
        shutil.rmtree(var, ignore_errors=True)


def measure() -> None:
    """Measure and print."""
    django.setup()
    from jobs.models import Worker
    from portal.demo.people import load_people
    from portal.warehouse import connect
    from tests.factories.catalog import dataset

    with connect(read_only=False) as warehouse:
        rows = "SELECT range AS number FROM range(1000000)"
        staged = warehouse.stage_query(rows, target="bench.numbers", folder=Path(os.environ["VAR"]) / "stage")
        warehouse.publish([staged], run_id="bench", fence=1)
    user = load_people()["ben"]
    dataset("numbers", columns=("number",), table={"physical_name": "bench.numbers"})
    with _process("celery", "-A", "portal", "worker"):
        _until(Worker.objects.exists)
        first, runs = _asked(user)
    bare = _bare()
    medians = statistics.median(runs), statistics.median(bare)
    tails = statistics.quantiles(runs, n=20)[-1], statistics.quantiles(bare, n=20)[-1]
    print(f"{'ms':24} {'median':>8} {'p95':>8}")
    print(f"{'asked → recorded':24} {medians[0]:8.1f} {tails[0]:8.1f}   (the very first: {first:.0f})")
    print(f"{'bare query':24} {medians[1]:8.1f} {tails[1]:8.1f}")
    print(f"{'overhead':24} {medians[0] - medians[1]:8.1f} {tails[0] - tails[1]:8.1f}")


def _asked(user: object) -> tuple[float, list[float]]:
    from django.db import connection

    from jobs.actions.queries import ask
    from jobs.choices import RunState
    from portal.audit.actions import Actor

    def state(run: Any) -> str:
        with connection.cursor() as cursor:
            cursor.execute(STATE, [run.pk])
            return str(cursor.fetchone()[0])

    times = []
    for _ in range(TIMES + WARMING):
        began = time.perf_counter()
        run = ask(sql=SQL, parameters={}, chart=None, by=Actor.system("benchmark"), requested_by=user)  # type: ignore[arg-type]
        while (now := state(run)) in RunState.open():
            time.sleep(LOOK)
        times.append((time.perf_counter() - began) * 1000)
        if now != RunState.SUCCEEDED:
            run.refresh_from_db()
            raise RuntimeError(run.error)
    return times[0], times[WARMING:]


def _bare() -> list[float]:
    from portal.warehouse import connect

    times = []
    with connect(read_only=True) as warehouse:
        for _ in range(TIMES + WARMING):
            began = time.perf_counter()
            warehouse.query(SQL)
            times.append((time.perf_counter() - began) * 1000)
    return times[WARMING:]


if __name__ == "__main__":
    measure() if sys.argv[1:] == ["measure"] else main()
