"""Jobs and runs for tests, made directly in the database: no engine, no broker, no waiting."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import uuid4

from django.utils import timezone

from catalog.models import Dataset
from jobs.actions.jobs import definition_of
from jobs.artifacts import ARTIFACTS
from jobs.choices import Outcome, RunState, Trigger
from jobs.definitions import stated
from jobs.models import (
    Artifact,
    Attempt,
    Backfill,
    DataTrigger,
    Job,
    JobVersion,
    Pool,
    Run,
    RunLog,
    Schedule,
)
from portal.accounts.models import User
from portal.audit.actions import Actor
from portal.evidence.actions import cite
from portal.evidence.models import Citation, Evidence, Result

RATES = b"month,rate\n2013-01,76.2\n"
# What the form of every job sends.
JOB_FORM: dict[str, Any] = {
    "key": "new-job",
    "name_en": "New job",
    "pool": "default",
    "priority": "0",
    "max_active_runs": "1",
    "on_conflict": "queue",
    "timeout": "10 min",
    "max_attempts": "3",
    "backoff": "30",
    "backoff_cap": "1h",
    "parameters.asks:choice": "built",
    "parameters.asks.built.rows:list": "0",
}
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


def make_version(job: Job, **changes: Any) -> JobVersion:
    """Keep the job as it stands as its newest version, with what is said otherwise."""
    definition = {**stated(definition_of(job)), **changes}
    return JobVersion.objects.create(job=job, number=job.version, definition=definition, made_by="Dan Seo")


def make_schedule(job: Job, **fields: Any) -> Schedule:
    """Return a schedule of the job: every day at six in Seoul unless said otherwise."""
    values = {
        "cron": "0 6 * * *",
        "zone": "Asia/Seoul",
        "next_slot": timezone.now() + timedelta(hours=5),
        **fields,
    }
    return Schedule.objects.create(job=job, **values)


def make_trigger(job: Job, *datasets: Dataset, **fields: Any) -> DataTrigger:
    """Return a trigger of the job by these datasets."""
    trigger = DataTrigger.objects.create(job=job, **fields)
    for dataset in datasets:
        trigger.watched.create(dataset=dataset)
    return trigger


def make_backfill(job: Job, **fields: Any) -> Backfill:
    """Return a backfill over three days, without runs."""
    first = date(2013, 1, 1)
    values = {"parameter": "day", "unit": "day", "first": first, "last": date(2013, 1, 3), **fields}
    return Backfill.objects.create(job=job, once=str(uuid4()), **values)


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


def make_artifact(run: Run, body: bytes = RATES, *, name: str = "rates.csv") -> Artifact:
    """Return a file of the run, written into the real store."""
    stored = ARTIFACTS.write([body], most=len(body))
    return Artifact.objects.create(
        run=run,
        fence=run.fence,
        name=name,
        media_type="text/csv",
        stored=stored.name,
        size=stored.size,
        sha256=stored.sha256,
    )


def make_edition(
    report: Job | str,
    *,
    tables: Sequence[str] = (),
    rows: Sequence[Sequence[Any]] | None = None,
    failed: bool = False,
    ago: float = 3600,
    **fields: Any,
) -> tuple[Run, Citation]:
    """Return an edition of a report with one query, and what it cites; ``rows`` are (month, flights)."""
    if isinstance(report, str):
        sections = [{"kind": "query", "title_en": "Flights", "sql": "SELECT 1"}]
        config = {"title_en": "Flights", "sections": sections}
        report = make_job(report, kind="report", config=config, **fields)
    run = make_run(report, ago=ago)
    evidence = Evidence.objects.create(
        sql="SELECT month, flights FROM ops.flights",
        dialect="duckdb",
        engine="duckdb",
        tables=list(tables),
        row_count=len(rows or []),
        result_hash=f"{hash(str(rows)) & 0xFFFFFFFF:064x}",
        duration_ms=1,
    )
    if rows is not None:
        columns = [{"name": "month", "type": "VARCHAR"}, {"name": "flights", "type": "BIGINT"}]
        Result.objects.create(evidence=evidence, columns=columns, rows=[list(row) for row in rows])
    about = ("report", str(run.pk))
    by = Actor.system("tests")
    citation = cite(evidence=evidence, about=about, title="Flights", user=None, by=by)
    told = {"kind": "query", "name": "query:Flights", "title_en": "Flights", "title_ko": "항공편"}
    broken = {"kind": "query", "name": "query:Broken", "title_en": "Broken", "failed": {"why": "slow"}}
    run.outputs = {
        "sections": [{**told, "evidence": str(evidence.pk)}, *([broken] if failed else [])],
        "incomplete": failed,
        "reads": {"tables": list(tables), "metrics": []},
    }
    run.save(update_fields=["outputs"])
    return run, citation
