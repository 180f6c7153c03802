"""What a job is, as code, files, forms and the API state it."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Final

from jobs.choices import Isolation, Misfire, OnConflict
from jobs.exceptions import JobsError
from jobs.models import JobVersion
from jobs.runners.base import NeedsParameters, OwnParameters
from jobs.runners.registry import runner_for

_LISTS: Final = frozenset({"after", "runners", "runner_teams", "editors", "editor_teams"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleDefinition:
    """When the job starts by itself: ``cron`` in ``zone``, or every ``interval`` seconds.

    ``by_slot`` says which parameters take a partition from the slot: «day-1» is the day before it.
    """

    cron: str = ""
    zone: str = "UTC"
    interval: int | None = None
    params: dict[str, Any] = field(default_factory=dict)
    by_slot: dict[str, str] = field(default_factory=dict)
    misfire: Misfire = Misfire.LATEST
    grace: int = 300
    max_catchup: int = 24
    enabled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDefinition:
    """A job as code states it; durations are whole seconds.

    Without ``parameters_schema`` a ``python`` job takes its pipeline's. ``after`` holds the keys of the jobs
    whose success starts this one. People stand here by e-mail, teams by key. ``schedules`` is None where they
    are kept on the job's page, and not part of the definition.
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
    alert_failed: bool = True
    late_after: int | None = None
    finish_within: int | None = None
    done_by: str = ""
    done_by_zone: str = "UTC"
    alert_longer: bool = False
    max_attempts: int = 3
    backoff: int = 10
    backoff_cap: int = 600
    isolation: Isolation = Isolation.FORK
    schedules: tuple[ScheduleDefinition, ...] | None = ()
    after: tuple[str, ...] = ()
    runners: tuple[str, ...] = ()
    runner_teams: tuple[str, ...] = ()
    editors: tuple[str, ...] = ()
    editor_teams: tuple[str, ...] = ()


def with_schema(definition: JobDefinition) -> JobDefinition:
    """Return the definition with all parameters that its runs take.

    Where it states none those of its pipeline, if that is known; and always what its kind cannot do without.
    """
    schema = definition.parameters_schema
    with suppress(JobsError):
        runner = runner_for(definition.kind)
        if schema is None and isinstance(runner, OwnParameters):
            schema = runner.parameters_schema(definition.config)
        if isinstance(runner, NeedsParameters):
            schema = _with_needed(schema or {}, runner.needed_parameters(definition.config))
    return replace(definition, parameters_schema=schema or {})


def _with_needed(schema: dict[str, Any], needed: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema with these parameters, all of them required."""
    if not needed:
        return schema
    required = dict.fromkeys([*schema.get("required", ()), *needed])
    return {
        "type": "object",
        "additionalProperties": False,
        **schema,
        "properties": {**needed, **schema.get("properties", {})},
        "required": list(required),
    }


def stated(definition: JobDefinition) -> dict[str, Any]:
    """Return a definition as its version keeps it: plain JSON."""
    shown: dict[str, Any] = _as_json(asdict(definition))
    if definition.schedules is None:
        del shown["schedules"]
    for schedule in shown.get("schedules", ()):
        # Versions of before this could be said stay as they were.
        if not schedule["by_slot"]:
            del schedule["by_slot"]
    return shown


def of_version(version: JobVersion) -> JobDefinition:
    """Return the definition that a version keeps."""
    return of_stated(version.definition)


def of_stated(shown: Mapping[str, Any]) -> JobDefinition:
    """Return the definition that was stated so; its schedules stay out: they are another story."""
    known = {each.name for each in fields(JobDefinition)} - {"schedules"}
    values: dict[str, Any] = {
        name: tuple(value) if name in _LISTS and isinstance(value, list) else value
        for name, value in shown.items()
        if name in known
    }
    return JobDefinition(schedules=None, **values)


def _as_json(value: Any) -> Any:
    """Return the value as the database gives it back: with lists where the dataclass has tuples."""
    if isinstance(value, dict):
        return {key: _as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json(item) for item in value]
    return value
