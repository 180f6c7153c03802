"""A peer: procrastinate's no-op jobs on the same PostgreSQL, run by an environment that has it.

``make bench`` installs procrastinate under build, and the benchmark of runs calls this file there. It prints
one line of JSON: jobs per second of two worker processes, and milliseconds from deferring a job to its
code.
"""

import asyncio
import json
import os
import statistics
import subprocess
import sys
import time

import procrastinate  # type: ignore[import-not-found]

WORKERS = 2
JOBS = 2000
LATENCIES = 40

app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=os.environ["PEER_DATABASE"]))


@app.task(name="nothing", queue="nothing")  # type: ignore[untyped-decorator]
def nothing() -> None:
    """Do nothing, in a thread, as most code is written."""


@app.task(name="when", queue="when", pass_context=True)  # type: ignore[untyped-decorator]
async def when(context: procrastinate.JobContext) -> None:
    """Say when it began."""
    print(time.time(), flush=True)


async def work(queue: str, *, wait: bool) -> None:
    """Be a worker with one place, until nothing is left or for good."""
    async with app.open_async():
        await app.run_worker_async(queues=[queue], wait=wait, concurrency=1, install_signal_handlers=False)


async def measure() -> dict[str, float]:
    """Return what was measured."""
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        return {"rate": await _rate(), "milliseconds": await _latency()}


def _worker(queue: str, how: str) -> subprocess.Popen[str]:
    command = [sys.executable, __file__, "work", queue, how]
    return subprocess.Popen(command, text=True, stdout=subprocess.PIPE)


async def _rate() -> float:
    await app.configure_task("nothing").batch_defer_async(*[{} for _ in range(JOBS)])
    await _execute("ANALYZE")
    workers = [_worker("nothing", "until-empty") for _ in range(WORKERS)]
    for worker in workers:
        await asyncio.to_thread(worker.wait, 120)
    (row,) = await app.connector.execute_query_all_async(
        "SELECT count(*) FILTER (WHERE type = 'succeeded') AS done,"
        " extract(epoch FROM max(at) - min(at) FILTER (WHERE type = 'started'))::float AS seconds"
        " FROM procrastinate_events WHERE type IN ('started', 'succeeded')"
    )
    if row["done"] != JOBS:
        raise RuntimeError(f"{row['done']} of {JOBS} jobs succeeded")
    return float(JOBS / row["seconds"])


async def _latency() -> float:
    worker = _worker("when", "for-good")
    times = []
    try:
        for _ in range(LATENCIES + 5):
            began = time.time()
            await app.configure_task("when").defer_async()
            assert worker.stdout is not None
            told = await asyncio.to_thread(worker.stdout.readline)
            times.append((float(told) - began) * 1000)
    finally:
        worker.kill()
        worker.wait()
    return statistics.median(times[5:])


async def _execute(statement: str) -> None:
    await app.connector.execute_query_async(statement)


if __name__ == "__main__":
    if sys.argv[1:2] == ["work"]:
        asyncio.run(work(sys.argv[2], wait=sys.argv[3] == "for-good"))
    else:
        print(json.dumps(asyncio.run(measure())))
