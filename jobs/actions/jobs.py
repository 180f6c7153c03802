"""Register jobs from code and files, and write the versions of all."""

from dataclasses import asdict
from typing import Any, Final

from django.db import connection, transaction

from jobs.actions.lineage import state_inputs
from jobs.checks import problems
from jobs.choices import Source
from jobs.definitions import JobDefinition, ScheduleDefinition, stated, with_schema
from jobs.engine import slots
from jobs.engine.ordering import MODELS, arrange
from jobs.exceptions import DefinedElsewhere, InvalidDefinition
from jobs.models import Job, JobVersion, Pool, Schedule
from portal.accounts.models import Team, User
from portal.audit.actions import Actor, record

# Who comes after whom is judged and written under this lock: of two edits at once neither could see the
# circle that both make together.
_ORDER_LOCK: Final = 0x6A6F6273


__all__ = ["JobDefinition", "ScheduleDefinition", "definition_of", "register"]

_OF_THE_ROW: Final = (
    *("name_en", "name_ko", "kind", "config", "description_en", "description_ko", "private", "priority"),
    *("max_active_runs", "on_conflict", "timeout", "start_deadline", "max_attempts"),
    *("backoff", "backoff_cap", "isolation", "alert_failed", "late_after", "finish_within"),
    *("done_by", "done_by_zone", "alert_longer"),
)
# What a definition written before a field existed says of it.
_DEFAULTS: Final[dict[str, Any]] = {
    "runners": [],
    "runner_teams": [],
    "editors": [],
    "editor_teams": [],
    "alert_failed": True,
    "late_after": None,
    "finish_within": None,
    "done_by": "",
    "done_by_zone": "UTC",
    "alert_longer": False,
}


@transaction.atomic
def register(*, definition: JobDefinition, by: Actor, source: Source = Source.CODE, origin: str = "") -> Job:
    """Create or update a job; a changed definition becomes its next version.

    A schedule that somebody paused stays paused as long as its line is the same. Raises InvalidDefinition,
    and DefinedElsewhere where a file claims a job that is made in the portal or in code.
    """
    lock_order()
    if errors := problems(definition, new_pools=source == Source.CODE):
        raise InvalidDefinition(errors)
    definition = with_schema(definition)
    values = {**_values_of(definition), "source": source, "origin": origin}
    job, created = Job.objects.select_for_update().get_or_create(key=definition.key, defaults=values)
    if created:
        return _complete(job, definition, by)
    if source == Source.FILE and job.source != Source.FILE:
        raise DefinedElsewhere
    if (job.source, job.origin) != (source, origin):
        job.source, job.origin = source, origin
        job.save(update_fields=["source", "origin"])
    return job if _unchanged(job, definition) else write(job=job, definition=definition, by=by)


def insert(*, definition: JobDefinition, by: Actor, reader: User, enabled: bool = True) -> Job:
    """Insert a job of the portal's; for use inside a transaction, with a definition that was checked."""
    job = Job.objects.create(key=definition.key, enabled=enabled, **_values_of(definition))
    return _complete(job, definition, by, reader=reader)


def write(
    *,
    job: Job,
    definition: JobDefinition,
    by: Actor,
    reader: User | None = None,
    restored_from: int | None = None,
) -> Job:
    """Give a job its next version; for use inside a transaction that holds the job's row.

    Errors name what the ``reader`` may know of, without one everything.
    """
    job.version += 1
    for name, value in _values_of(definition).items():
        setattr(job, name, value)
    job.save()
    return _complete(job, definition, by, reader=reader, restored_from=restored_from)


def lock_order() -> None:
    """Let nobody else change who comes after whom until this transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_ORDER_LOCK])


def definition_of(job: Job) -> JobDefinition:
    """Return the definition that a job has now, without its schedules.

    Its parameters are None where it takes those of its pipeline, whatever they are.
    """
    values: dict[str, Any] = {name: getattr(job, name) for name in _OF_THE_ROW}
    newest = job.versions.first()
    own = job.made_here and newest is not None and newest.definition.get("parameters_schema") is None
    return JobDefinition(
        key=job.key,
        parameters_schema=None if own else job.parameters_schema,
        pool=job.pool.key,
        owner_email=job.owner.email if job.owner else None,
        team_key=job.team.key if job.team else None,
        schedules=None,
        after=_sorted(_stated_after(job, newest)),
        runners=_sorted(job.runners.values_list("email", flat=True)),
        runner_teams=_sorted(job.runner_teams.values_list("key", flat=True)),
        editors=_sorted(job.editors.values_list("email", flat=True)),
        editor_teams=_sorted(job.editor_teams.values_list("key", flat=True)),
        **values,
    )


def _values_of(definition: JobDefinition) -> dict[str, Any]:
    pool, _ = Pool.objects.get_or_create(key=definition.pool)
    email, team = definition.owner_email, definition.team_key
    definition = with_schema(definition)
    return {name: getattr(definition, name) for name in _OF_THE_ROW} | {
        "parameters_schema": definition.parameters_schema or {},
        "pool": pool,
        "owner": User.objects.get(email=email) if email else None,
        "team": Team.objects.get(key=team) if team else None,
    }


def _complete(
    job: Job,
    definition: JobDefinition,
    by: Actor,
    *,
    reader: User | None = None,
    restored_from: int | None = None,
) -> Job:
    """Write what hangs on the row: who comes before, who may run and edit, schedules, version and trace."""
    job.after.set(Job.objects.filter(key__in=definition.after))
    arrange(job, reader)
    state_inputs(job)
    job.runners.set(User.objects.filter(email__in=definition.runners))
    job.runner_teams.set(Team.objects.filter(key__in=definition.runner_teams))
    job.editors.set(User.objects.filter(email__in=definition.editors))
    job.editor_teams.set(Team.objects.filter(key__in=definition.editor_teams))
    if definition.schedules is not None:
        _set_schedules(job, definition.schedules)
    JobVersion.objects.create(
        job=job,
        number=job.version,
        definition=stated(definition),
        made_by=by.label[:200],
        restored_from=restored_from,
    )
    record("job.registered", by=by, about=("job", job.key, job.name_en), version=job.version)
    return job


def _unchanged(job: Job, definition: JobDefinition) -> bool:
    newest = job.versions.first()
    return newest is not None and {**_DEFAULTS, **newest.definition} == stated(definition)


def _stated_after(job: Job, newest: JobVersion | None) -> list[str]:
    """Return whom the job comes after by its definition; a model follows what it reads besides."""
    if job.kind == MODELS and newest is not None:
        return list(newest.definition.get("after", ()))
    return list(job.after.values_list("key", flat=True))


def _sorted(words: Any) -> tuple[str, ...]:
    return tuple(sorted(words))


def _set_schedules(job: Job, definitions: tuple[ScheduleDefinition, ...]) -> None:
    now = slots.database_now()
    kept: list[int] = []
    for wanted in definitions:
        values = asdict(wanted)
        line = {name: values.pop(name) for name in ("cron", "zone", "interval")}
        enabled = values.pop("enabled")
        schedule = job.schedules.filter(**line, from_code=True).first()
        if schedule is None:
            schedule = Schedule(job=job, anchor=now, enabled=enabled, from_code=True, **line)
        for name, value in values.items():
            setattr(schedule, name, value)
        # The same line has the same slots: one that came while the portal was renewed is still to be made.
        if schedule.next_slot is None or not schedule.enabled:
            schedule.next_slot = slots.next_slot(schedule, now) if schedule.enabled else None
        schedule.save()
        kept.append(schedule.pk)
    # What people added on the job's page is theirs.
    job.schedules.filter(from_code=True).exclude(pk__in=kept).delete()
