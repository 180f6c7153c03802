"""How long a trigger's POST takes: one client, and four at once, while the worker does the runs.

Run by ``make bench``, or alone by ``python -m tests.benchmarks.triggers``. The runs do nothing, so that what
is measured is the API's way: token, rate, parameters, the run's row, its audit and its wake-up.
"""

import http.client
import json
import statistics
import time
import urllib.parse
import uuid
from concurrent.futures import ThreadPoolExecutor

from tests.stack import Portal, running_portal, wait_for_demo

CLIENTS = 4
# Within what one token may call in ten seconds.
CALLS = 100
_JOB = """
from jobs.actions import jobs
from portal.audit.actions import Actor
jobs.register(by=Actor.system("benchmark"), definition=jobs.JobDefinition(
    key="nothing", name_en="Nothing", name_ko="없음", kind="python", config={"pipeline": "test-nothing"},
    isolation="inline", max_active_runs=100))
"""


def main() -> None:
    """Print one row for each number of clients."""
    pipelines = "jobs.pipelines.load_flights,tests.pipelines"
    with running_portal(JOB_PIPELINES=pipelines) as portal:
        wait_for_demo(portal)
        portal.manage("shell", "--no-imports", "-c", _JOB)
        tokens = [_token(portal, number) for number in range(CLIENTS + 1)]
        _post(portal, tokens[0], 10)
        print(f"{'POST a trigger':16}{'calls/s':>9}{'p50 ms':>9}{'p95 ms':>9}{'p99 ms':>9}")
        for clients, given in ((1, tokens[:1]), (CLIENTS, tokens[1:])):
            began = time.perf_counter()
            with ThreadPoolExecutor(clients) as pool:
                parts = pool.map(lambda token: _post(portal, token, CALLS), given)
                times = [value for part in parts for value in part]
            rate = clients * CALLS / (time.perf_counter() - began)
            cuts = statistics.quantiles(times, n=100)
            name = f"{clients} client{'s' if clients > 1 else ''}"
            print(f"{name:16}{rate:9.0f}{cuts[49]:9.1f}{cuts[94]:9.1f}{cuts[98]:9.1f}")


def _token(portal: Portal, number: int) -> str:
    command = ("create_token", "dan@example.com", "--name", f"benchmark {number}", "--scope", "jobs:run")
    return portal.manage(*command).split()[-1]


def _post(portal: Portal, token: str, calls: int) -> list[float]:
    """Trigger so many runs one after the other, and return the milliseconds of each call."""
    host = urllib.parse.urlsplit(portal.url).netloc
    connection = http.client.HTTPConnection(host, timeout=30)
    times = []
    for _ in range(calls):
        headers = {
            "Authorization": f"Bearer {token}",
            "Idempotency-Key": str(uuid.uuid4()),
            "Content-Type": "application/json",
        }
        began = time.perf_counter()
        connection.request("POST", "/api/v1/jobs/nothing/runs", json.dumps({"params": {}}), headers)
        answer = connection.getresponse()
        said = answer.read()
        times.append((time.perf_counter() - began) * 1000)
        if answer.status != 201:
            message = f"the trigger answered {answer.status}: {said[:500]!r}"
            raise RuntimeError(message)
    return times


if __name__ == "__main__":
    main()
