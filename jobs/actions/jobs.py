"""Register jobs from code."""

from dataclasses import asdict, dataclass, field
from typing import Any

from django.db import transaction
from django.utils import timezone
from jsonschema import Draft202012Validator, SchemaError
from pydantic import ValidationError

from jobs.choices import Isolation, Misfire, OnConflict
from jobs.engine import slots
from jobs.exceptions import InvalidDefinition
from jobs.models import Job, JobVersion, Pool, Schedule
from jobs.runners import pipelines
from jobs.runners.registry import runner_for
from portal.accounts.models import Team, User
from portal.audit.actions import Actor, record


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleDefinition:
    """When the job starts by itself: ``cron`` in ``zone``, or every ``interval`` seconds."""

    cron: str = ""
    zone: str = "UTC"
    interval: int | None = None
    params: dict[str, Any] = field(default_factory=dict)
    misfire: Misfire = Misfire.LATEST
    grace: int = 300
    max_catchup: int = 24
    enabled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDefinition:
    """A job as code states it; durations are whole seconds.

    Without ``parameters_schema`` a ``python`` job takes its pipeline's. ``after`` holds the keys of the jobs
    whose success starts this one.
    """

    key: str
    name_en: str
    name_ko: str
    kind: str
    config: dict[str, Any]
    description_en: str = ""
    description_ko: str = ""
    parameters_schema: dict[str, Any] | None = None
    owner_email: str | None = None
    team_key: str | None = None
    private: bool = False
    pool: str = "default"
    priority: int = 0
    max_active_runs: int = 1
    on_conflict: OnConflict = OnConflict.QUEUE
    timeout: int = 3600
    start_deadline: int | None = None
    max_attempts: int = 3
    backoff: int = 10
    backoff_cap: int = 600
    isolation: Isolation = Isolation.FORK
    schedules: tuple[ScheduleDefinition, ...] = ()
    after: tuple[str, ...] = ()


_OF_THE_ROW = (
    *("name_en", "name_ko", "kind", "config", "description_en", "description_ko", "private", "priority"),
    *(
        "max_active_runs",
        "on_conflict",
        "timeout",
        "start_deadline",
        "max_attempts",
        "backoff",
        "backoff_cap",
    ),
    "isolation",
)


@transaction.atomic
def register(*, definition: JobDefinition, by: Actor) -> Job:
    """Create or update a job; a changed definition becomes its next version. Raises InvalidDefinition.

    A schedule that somebody paused stays paused as long as its line is the same.
    """
    schema = _schema_of(definition)
    stated = {**asdict(definition), "parameters_schema": schema}
    pool, _ = Pool.objects.get_or_create(key=definition.pool)
    values = {name: getattr(definition, name) for name in _OF_THE_ROW} | {
        "parameters_schema": schema,
        "pool": pool,
        "owner": User.objects.get(email=definition.owner_email) if definition.owner_email else None,
        "team": Team.objects.get(key=definition.team_key) if definition.team_key else None,
    }
    job, created = Job.objects.select_for_update().get_or_create(key=definition.key, defaults=values)
    if not created and not _changed(job, stated):
        return job
    if not created:
        job.version += 1
        for name, value in values.items():
            setattr(job, name, value)
        job.save()
    job.after.set(_jobs_named(definition.after))
    _set_schedules(job, definition.schedules)
    JobVersion.objects.create(job=job, number=job.version, definition=stated)
    record("job.registered", by=by, about=("job", job.key, job.name_en), version=job.version)
    return job


def _schema_of(definition: JobDefinition) -> dict[str, Any]:
    runner = runner_for(definition.kind)
    try:
        runner.Config.model_validate(definition.config)
        schema = definition.parameters_schema
        if schema is None and definition.kind == "python":
            schema = pipelines.find(definition.config["pipeline"]).parameters_schema()
        Draft202012Validator.check_schema(schema or {})
    except (ValidationError, SchemaError) as error:
        message = f"{definition.key}: {error}"
        raise InvalidDefinition(message) from error
    return schema or {}


def _changed(job: Job, stated: dict[str, Any]) -> bool:
    newest = job.versions.first()
    if newest is None:
        return True
    # Through JSON's eyes: the stored definition has lists where the dataclass has tuples.
    return bool(newest.definition != _as_json(stated))


def _as_json(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json(item) for item in value]
    return value


def _jobs_named(keys: tuple[str, ...]) -> list[Job]:
    found = {job.key: job for job in Job.objects.filter(key__in=keys)}
    missing = sorted(set(keys) - set(found))
    if missing:
        message = f"after: no job with the key {', '.join(missing)}"
        raise InvalidDefinition(message)
    return list(found.values())


def _set_schedules(job: Job, definitions: tuple[ScheduleDefinition, ...]) -> None:
    now = timezone.now()
    kept: list[int] = []
    for wanted in definitions:
        values = asdict(wanted)
        line = {name: values.pop(name) for name in ("cron", "zone", "interval")}
        enabled = values.pop("enabled")
        schedule = job.schedules.filter(**line).first()
        if schedule is None:
            schedule = Schedule(job=job, anchor=now, enabled=enabled, **line)
        for name, value in values.items():
            setattr(schedule, name, value)
        # Recomputed from now: an edited schedule must not catch up slots that it never had.
        schedule.next_slot = slots.next_slot(schedule, now) if schedule.enabled else None
        schedule.save()
        kept.append(schedule.pk)
    job.schedules.exclude(pk__in=kept).delete()
