"""Jobs and runs for tests, made directly in the database: no engine, no broker, no waiting."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from jobs.choices import Outcome, RunState, Trigger
from jobs.models import Attempt, Job, Pool, Run, RunLog, Schedule
from portal.accounts.models import User

DAY_PARAMETERS = {
    "type": "object",
    "additionalProperties": False,
    "x-order": ["day", "rows", "share", "airport", "full"],
    "properties": {
        "day": {"type": "string", "format": "date", "title": "Day", "description": "The day to load."},
        "rows": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 10, "title": "Rows"},
        "share": {"type": "number", "minimum": 0, "maximum": 1, "default": 0.5, "title": "Share"},
        "airport": {"enum": ["EWR", "JFK", "LGA"], "default": "JFK", "title": "Airport"},
        "full": {"type": "boolean", "default": False, "title": "Everything again"},
    },
    "required": ["day"],
}


def make_pool(key: str = "default", *, slots: int = 4) -> Pool:
    """Return the pool of this key."""
    return Pool.objects.get_or_create(key=key, defaults={"slots": slots})[0]


def make_job(key: str = "load-weather", **fields: Any) -> Job:
    """Return a job of the kind python; its pipeline does not exist: it can be shown, not run."""
    values = {
        "name_en": key.replace("-", " ").capitalize(),
        "kind": "python",
        "config": {"pipeline": key},
        "parameters_schema": {"type": "object", "properties": {}, "additionalProperties": False},
        **fields,
    }
    return Job.objects.create(key=key, pool=values.pop("pool", None) or make_pool(), **values)


def make_schedule(job: Job, **fields: Any) -> Schedule:
    """Return a schedule of the job: every day at six in Seoul unless said otherwise."""
    values = {
        "cron": "0 6 * * *",
        "zone": "Asia/Seoul",
        "next_slot": timezone.now() + timedelta(hours=5),
        **fields,
    }
    return Schedule.objects.create(job=job, **values)


def make_run(
    job: Job,
    state: RunState = RunState.SUCCEEDED,
    *,
    took: float = 12,
    ago: float = 3600,
    by: User | None = None,
    **fields: Any,
) -> Run:
    """Return a run that was created ``ago`` seconds back and took ``took`` seconds, with its attempt."""
    created = timezone.now() - timedelta(seconds=ago)
    started = None if state in {RunState.QUEUED, RunState.SKIPPED} else created + timedelta(seconds=1)
    finished = None if state in RunState.open() else (started or created) + timedelta(seconds=took)
    values: dict[str, Any] = {
        "trigger": Trigger.MANUAL if by else Trigger.SCHEDULE,
        "requested_by": by,
        "principal": f"user:{by.pk}" if by else f"job:{job.pk}",
        "pool": job.pool,
        "max_attempts": job.max_attempts,
        "state": state,
        "created_at": created,
        "started_at": started,
        "finished_at": finished,
        "attempt": 1 if started else 0,
        "fence": 1 if started else 0,
        "worker": "worker-1" if started else "",
        "lease_until": timezone.now() + timedelta(seconds=30) if state == RunState.RUNNING else None,
        **fields,
    }
    if state == RunState.FAILED and "error" not in fields:
        values["error"] = {
            "class": "bad_input",
            "message": "weather.csv line 412, column temp: «n/a» is not a number",
            "detail": "BadRow: weather.csv:412",
        }
    run = Run.objects.create(job=job, **values)
    if started is not None:
        make_attempt(run, started_at=started, finished_at=finished)
    return run


def make_attempt(run: Run, number: int = 1, **fields: Any) -> Attempt:
    """Return an attempt of the run that ended as the run did."""
    ends = {
        RunState.RUNNING: Outcome.RUNNING,
        RunState.SUCCEEDED: Outcome.SUCCEEDED,
        RunState.LOST: Outcome.LOST,
    }
    outcome = ends.get(RunState(run.state), Outcome.FAILED)
    values = {"fence": number, "worker": "worker-1", "outcome": outcome, **fields}
    return Attempt.objects.create(run=run, number=number, **values)


def make_log(
    run: Run, lines: Sequence[tuple[str, str]] | int, *, piece: int = 100, at: datetime | None = None
) -> None:
    """Write lines of (level, text), or so many of them, in pieces as the supervisor does."""
    if isinstance(lines, int):
        lines = [("info", f"row batch {number} staged") for number in range(1, lines + 1)]
    start = at or run.started_at or run.created_at
    stamped = [
        [(start + timedelta(milliseconds=10 * position)).isoformat(), level, text]
        for position, (level, text) in enumerate(lines)
    ]
    RunLog.objects.bulk_create(
        RunLog(run=run, fence=run.fence or 1, first_line=first + 1, lines=stamped[first : first + piece])
        for first in range(0, len(stamped), piece)
    )
