"""Judge a job's definition, field by field, before anything of it is stored."""

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import available_timezones

from pydantic import ValidationError

from jobs import circles, partitions
from jobs.complaints import complaints, holds_nul
from jobs.definitions import JobDefinition, ScheduleDefinition, with_schema
from jobs.engine import slots
from jobs.exceptions import FieldError, InvalidSchedule, UnknownPipeline, UnknownZone, secret_stays
from jobs.models import Job, Pool, Schedule, Secret
from jobs.models.secret import named_secrets, secret_names
from jobs.runners import pipelines
from jobs.runners.base import Hinting, Naming, NeedsMore
from jobs.runners.registry import RUNNERS, runner_for
from jobs.runners.targets import refused_tables
from jobs.schemas import schema_problems
from portal.accounts.models import Team, User
from portal.said import said, said_of

Found = Iterator[tuple[str, str]]

# The address /jobs/new/ belongs to the form.
RESERVED: Final = frozenset({"new"})
KEY: Final = re.compile(r"[a-zA-Z0-9][-a-zA-Z0-9_]{0,99}")
TIME: Final = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]")
DAY: Final = 86_400
_TEXTS: Final = {"name_en": 200, "name_ko": 200, "description_en": 5000, "description_ko": 5000}
# Field → least and most.
BOUNDS: Final = {
    "priority": (-100, 100),
    "max_active_runs": (1, 100),
    "timeout": (1, 7 * DAY),
    "start_deadline": (1, 30 * DAY),
    "late_after": (1, 30 * DAY),
    "finish_within": (1, 30 * DAY),
    "max_attempts": (1, 20),
    "backoff": (0, DAY),
    "backoff_cap": (0, DAY),
}
MOST_NAMED: Final = 100


def problems(
    definition: JobDefinition, *, new_pools: bool = False, reader: User | None = None
) -> list[FieldError]:
    """Return what is wrong with a definition; ``field`` is a dotted path such as ``config.dataset``.

    ``new_pools`` lets it name a pool that does not exist yet. What the ``reader`` may not know of is no job
    to them that could come before.
    """
    found = [
        *_words(definition),
        *_numbers(definition),
        *_times(definition),
        *_people(definition),
        *([] if new_pools else _pool(definition)),
        *_order(definition, reader),
    ]
    wrong = [FieldError(field=field, message=message) for field, message in found]
    wrong += config_problems(definition.kind, definition.config)
    # What files and code say is judged when it runs: a job under a new key comes before its old one goes.
    wrong += _target(definition, reader) if reader is not None else []
    if definition.parameters_schema is not None:
        wrong += schema_problems(definition.parameters_schema)
    for position, schedule in enumerate(definition.schedules or ()):
        wrong += [
            FieldError(field=f"schedules.{position}.{field}", message=message)
            for field, message in (*_schedule(schedule), *_by_slot(schedule, definition))
        ]
    return wrong


def config_problems(kind: str, config: Any) -> list[FieldError]:
    """Return what is wrong with the configuration of a kind."""
    if kind not in RUNNERS:
        return [FieldError(field="kind", message=said("There is no such kind of job."))]
    if holds_nul(config):
        return [FieldError(field="config", message=said("It holds the character NUL, which cannot be kept."))]
    runner = runner_for(kind)
    if isinstance(runner, NeedsMore) and (words := runner.missing()):
        return [FieldError(field="kind", message=words)]
    try:
        runner.Config.model_validate(config)
    except ValidationError as error:
        return complaints(error, "config")
    return _pipeline(config) if kind == "python" else []


def _target(definition: JobDefinition, reader: User) -> list[FieldError]:
    table = definition.config.get("target")
    # What stood there before was judged when it was written.
    stands = Job.objects.filter(key=definition.key, config__target=table)
    if not isinstance(table, str) or holds_nul(table) or stands.exists():
        return []
    owner = User.objects.filter(email=definition.owner_email).first() if definition.owner_email else None
    refused = refused_tables([table], key=definition.key, kind=definition.kind, owner=owner, reader=reader)
    return [FieldError(field="config.target", message=message) for message in refused.values()]


def named_problems(kind: str, config: dict[str, Any], reader: User) -> list[FieldError]:
    """Return what a configuration names that is not there, or not for the reader; it fits its model.

    Files and code are not asked this: a job may be defined before the secrets and data that it needs.
    """
    found = list(_secrets(config))
    runner = runner_for(kind)
    if isinstance(runner, Naming):
        found += runner.problems(config, reader)
    return [FieldError(field=f"config.{path}", message=message) for path, message in found]


def _secrets(config: dict[str, Any]) -> Found:
    """Yield the fields that name a secret which is not there, or may not go to their host, and why."""
    named = Secret.objects.filter(name__in=secret_names(config))
    hosts: dict[str, list[str]] = dict(named.values_list("name", "hosts"))
    for path, name, host in named_secrets(config):
        if name not in hosts:
            yield path, said("There is no secret called %(name)s; add it under Secrets.", name=name)
        elif host and host not in hosts[name]:
            yield path, secret_stays(name, host, hosts[name])


def hints(definition: JobDefinition, reader: User) -> list[str]:
    """Return what whoever has just stored a definition should look at, though nothing is wrong with it."""
    runner = runner_for(definition.kind)
    if not isinstance(runner, Hinting):
        return []
    schema = with_schema(definition).parameters_schema or {}
    return list(runner.hints(definition.config, schema, reader))


def _pipeline(config: dict[str, Any]) -> list[FieldError]:
    try:
        found = pipelines.find(config["pipeline"])
        if found.config is not None:
            found.config.model_validate(config.get("settings", {}))
    except UnknownPipeline as error:
        return [FieldError(field="config.pipeline", message=said_of(error))]
    except ValidationError as error:
        return complaints(error, "config.settings")
    return []


def _words(definition: JobDefinition) -> Found:
    if not KEY.fullmatch(definition.key):
        yield (
            "key",
            said("A key takes up to 100 letters, digits, - and _, and begins with a letter or digit."),
        )
    elif definition.key in RESERVED:
        yield "key", said("This key is taken by the portal itself.")
    if not definition.name_en.strip():
        yield "name_en", said("A job needs a name.")
    for name, most in _TEXTS.items():
        text = getattr(definition, name)
        if len(text) > most:
            yield name, said("It takes %(max_length)s characters at most.", max_length=most)
        if holds_nul(text):
            yield name, said("It holds the character NUL, which cannot be kept.")


def _numbers(definition: JobDefinition) -> Found:
    for name, (least, most) in BOUNDS.items():
        value = getattr(definition, name)
        if value is not None and not least <= value <= most:
            yield name, said("It takes a whole number from %(least)s to %(most)s.", least=least, most=most)
    if definition.backoff_cap < definition.backoff:
        yield "backoff_cap", said("The longest wait is shorter than the first one.")


def _times(definition: JobDefinition) -> Found:
    if definition.done_by and not TIME.fullmatch(definition.done_by):
        yield "done_by", said("It takes a time of day from 00:00 to 23:59.")
    if definition.done_by_zone != "UTC" and definition.done_by_zone not in available_timezones():
        yield "done_by_zone", said("There is no such time zone.")


def _people(definition: JobDefinition) -> Found:
    named = {"runners": definition.runners, "editors": definition.editors}
    named["owner_email"] = (definition.owner_email,) if definition.owner_email else ()
    emails = {email for each in named.values() for email in each}
    known = set(User.objects.filter(email__in=_kept(emails)).values_list("email", flat=True))
    for field, given in named.items():
        if missing := sorted(set(given) - known):
            yield field, said("There is nobody with this e-mail: %(missing)s.", missing=", ".join(missing))
        if len(given) > MOST_NAMED:
            yield field, said("Name %(most)s at most; a team takes more.", most=MOST_NAMED)
    teams = {"runner_teams": definition.runner_teams, "editor_teams": definition.editor_teams}
    teams["team_key"] = (definition.team_key,) if definition.team_key else ()
    keys = {key for each in teams.values() for key in each}
    existing = set(Team.objects.filter(key__in=_kept(keys)).values_list("key", flat=True))
    for field, given in teams.items():
        if missing := sorted(set(given) - existing):
            yield field, said("There is no team with this key: %(missing)s.", missing=", ".join(missing))


def _pool(definition: JobDefinition) -> Found:
    pools = list(Pool.objects.values_list("key", flat=True))
    if definition.pool not in pools and definition.pool != "default":
        yield (
            "pool",
            said(
                "There is no pool %(pool)s; there are: %(pools)s.",
                pool=definition.pool,
                pools=", ".join(pools) or "default",
            ),
        )


def _order(definition: JobDefinition, reader: User | None) -> Found:
    """Refuse what comes before and does not exist, and a circle, which is named."""
    if not definition.after:
        return
    jobs = Job.objects.all() if reader is None else Job.objects.visible_to(reader)
    seen = set(jobs.filter(key__in=_kept(definition.after)).values_list("key", flat=True))
    own = set(Job.objects.filter(key=definition.key).values_list("after__key", flat=True))
    # What the reader may not know of stays where it was.
    if missing := sorted(set(definition.after) - seen - own):
        yield "after", said("There is no job with this key: %(missing)s.", missing=", ".join(missing))
    elif path := circles.path_back(definition.key, jobs=set(definition.after) - own):
        circle = circles.shown_path(path, reader)
        yield "after", said("These would start each other without end: %(circle)s.", circle=circle)


def _schedule(wanted: ScheduleDefinition) -> Found:
    if bool(wanted.cron) == (wanted.interval is not None):
        yield "cron", said("Give a cron line or an interval, one of the two.")
        return
    if wanted.interval is not None and wanted.interval < 1:
        yield "interval", said("It must be %(ge)s or more.", ge=1)
        return
    now = datetime.now(UTC)
    schedule = Schedule(cron=wanted.cron, zone=wanted.zone, interval=wanted.interval, anchor=now)
    try:
        upcoming = slots.next_slot(schedule, now)
    except InvalidSchedule as error:
        yield "zone" if isinstance(error, UnknownZone) else "cron", said_of(error)
    else:
        if upcoming is None:
            yield "cron", said("This cron line never comes.")


def _by_slot(wanted: ScheduleDefinition, definition: JobDefinition) -> Found:
    if wanted.by_slot:
        with suppress(UnknownPipeline):
            schema = with_schema(definition).parameters_schema or {}
            for name, text in partitions.problems(wanted.by_slot, schema):
                yield f"by_slot.{name}", text


def _kept(texts: Any) -> list[str]:
    """Return the texts that the database can be asked for at all."""
    return [text for text in texts if not holds_nul(text)]
