"""Requests per second and latency of the pages of jobs: HTTP, four clients, 1,000,000 runs in history.

Run by ``make bench``, or alone by ``python -m tests.benchmarks.http_runs``; RUNS says how many.
"""

import os
import statistics
import subprocess
import sys
from collections.abc import Callable

from tests.benchmarks import http
from tests.stack import ROOT, Portal, running_portal, wait_for_demo

RUNS = int(os.environ.get("RUNS", "1000000"))
JOBS = 200
_SEED = """
from tests.benchmarks.seed_runs import seed
seed({runs}, jobs={jobs}, like="load-flights")
"""
LISTS = ("", "?state=unhappy", "?q=seeded+1", "?kind=python", "?q=load")


def fill(portal: Portal) -> None:
    """Seed a running portal."""
    subprocess.run(
        [sys.executable, "manage.py", "shell", "--no-imports", "-c", _SEED.format(runs=RUNS, jobs=JOBS)],
        cwd=ROOT,
        env=portal.environment,
        check=True,
    )


def pages() -> dict[str, Callable[[int], str]]:
    """Return what is asked for, each varied by the number of the request."""
    return {
        "jobs": lambda n: f"/jobs/{LISTS[n % len(LISTS)]}",
        "job": lambda n: f"/jobs/seeded-{n % JOBS}/{('', '?state=failed')[n % 2]}",
        "run": lambda n: f"/runs/{1000 + n * 37 % (RUNS // 2)}/",
    }


def main() -> None:
    """Print one row for each page."""
    http.REQUESTS = 250
    with running_portal() as portal:
        wait_for_demo(portal)
        fill(portal)
        print(f"{RUNS:,} runs of {JOBS} jobs; 4 clients, 1,000 requests a page")
        print(f"{'page':16}{'req/s':>8}{'p50 ms':>9}{'p95 ms':>9}{'p99 ms':>9}")
        for name, path_at in pages().items():
            rate, times = http.measure(portal, path_at, ("dan", "ben", "cleo", "eun"))
            cuts = statistics.quantiles(times, n=100)
            print(f"{name:16}{rate:8.0f}{cuts[49]:9.1f}{cuts[94]:9.1f}{cuts[98]:9.1f}")


if __name__ == "__main__":
    main()
