"""What the commands on runs share: find a run, print its log to its end, tell the end by an exit code."""

import time
from typing import Final

from django.core.management.base import CommandError, OutputWrapper

from jobs.choices import RunState
from jobs.models import Run, RunLog

PAUSE: Final = 0.25
# 1 is every other error, 2 a command line that was not understood.
EXIT_CODES: Final = {
    RunState.FAILED: 1,
    RunState.CANCELLED: 3,
    RunState.TIMED_OUT: 4,
    RunState.LOST: 5,
    RunState.SKIPPED: 6,
}


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
