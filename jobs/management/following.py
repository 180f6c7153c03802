"""What the commands on runs and backfills share: find one, follow it, tell the end by an exit code."""

import json
import time
from collections import Counter
from typing import Any, Final

from django.core.management.base import CommandError, OutputWrapper

from jobs.actions.backfills import newest_runs
from jobs.choices import RunState
from jobs.models import Backfill, Job, Run, RunLog

PAUSE: Final = 0.25
# 1 is every other error, 2 a command line that was not understood.
EXIT_CODES: Final = {
    RunState.FAILED: 1,
    RunState.CANCELLED: 3,
    RunState.TIMED_OUT: 4,
    RunState.LOST: 5,
    RunState.SKIPPED: 6,
}


def job_of(key: str) -> Job:
    """Return the job of this key with its pool; raises CommandError."""
    job = Job.objects.select_related("pool").filter(key=key).first()
    if job is None:
        message = f"there is no job {key!r}"
        raise CommandError(message)
    return job


def parameter(pair: str) -> tuple[str, Any]:
    """Return name and value of NAME=VALUE, where the value is JSON or else a text; raises CommandError."""
    name, equals, value = pair.partition("=")
    if not equals:
        message = f"--param takes name=value, not {pair!r}"
        raise CommandError(message)
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def backfill_of(number: int) -> Backfill:
    """Return the backfill of this number with its job; raises CommandError."""
    backfill = Backfill.objects.select_related("job__pool").filter(pk=number).first()
    if backfill is None:
        message = f"there is no backfill {number}"
        raise CommandError(message)
    return backfill


def run_of(number: int) -> Run:
    """Return the run of this number with its job; raises CommandError."""
    # PostgreSQL refuses a number beyond bigint; such a run cannot exist.
    run = Run.objects.select_related("job").filter(number=number).first() if 0 < number < 2**63 else None
    if run is None:
        message = f"there is no run {number}"
        raise CommandError(message)
    return run


def follow(run: Run, out: OutputWrapper) -> None:
    """Print the log as it is written, then the end; raises CommandError with its code unless it succeeded."""
    seen = 0
    while True:
        # The state is read before the log: what is written until the end is printed after it.
        run.refresh_from_db(fields=["state", "error"])
        for piece in RunLog.objects.filter(run=run, pk__gt=seen).order_by("pk"):
            seen = piece.pk
            for at, level, text in piece.lines:
                out.write(f"{at} {level:<5} {text}")
        out.flush()
        if not run.is_open:
            break
        time.sleep(PAUSE)
    out.write(f"run {run.number} {run.state}")
    if run.state != RunState.SUCCEEDED:
        raise CommandError(run.error.get("message") or run.state, returncode=EXIT_CODES[RunState(run.state)])


def follow_backfill(backfill: Backfill, out: OutputWrapper) -> None:
    """Print each partition as it ends, then their number by state.

    Raises CommandError unless all succeeded: its code is 3 where somebody cancelled the backfill, else 1.
    """
    told: set[Any] = set()
    while True:
        runs = list(newest_runs(backfill).only("number", "partition", "state"))
        for run in runs:
            if not run.is_open and run.pk not in told:
                told.add(run.pk)
                out.write(f"{run.partition} {run.state} (run {run.number})")
        out.flush()
        if not any(run.is_open for run in runs):
            break
        time.sleep(PAUSE)
    counts = Counter(run.state for run in runs)
    summary = ", ".join(f"{count} {state}" for state, count in counts.items())
    out.write(f"backfill {backfill.pk}: {summary}")
    if set(counts) - {RunState.SUCCEEDED}:
        backfill.refresh_from_db(fields=["cancelled_at"])
        ended = RunState.CANCELLED if backfill.cancelled_at else RunState.FAILED
        raise CommandError(summary, returncode=EXIT_CODES[ended])
