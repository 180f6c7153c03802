"""Create, change, restore, switch and delete the jobs that are made in the portal."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from catalog.actions.lineage import forget
from catalog.choices import NodeKind
from catalog.models import LineageEdge
from jobs.access import shown_definition
from jobs.actions.borrowing import borrowed
from jobs.actions.jobs import definition_of, insert, lock_order, write
from jobs.actions.runs import unfit
from jobs.actions.schedules import check_params, go_on
from jobs.checks import named_problems, problems
from jobs.choices import REPORT_KIND, Isolation, Source
from jobs.definitions import JobDefinition, of_version, stated, with_schema
from jobs.engine.ordering import derived_followers
from jobs.engine.slots import database_now
from jobs.exceptions import (
    ChangedMeanwhile,
    DefinedElsewhere,
    FieldError,
    InvalidDefinition,
    StillNeeded,
    wrong,
)
from jobs.models import Job
from jobs.runners.registry import SYSTEM_KINDS
from jobs.runners.report.checking import refusals, unknown_recipients
from portal.accounts.models import User
from portal.accounts.permissions import Permission
from portal.audit.actions import Actor, record

# More history than this is not thrown away by a click.
MOST_RUNS: Final = 20_000
# What only people whose role edits jobs may change: who sees, runs and edits it.
_OF_ACCESS: Final = (
    "owner_email",
    "team_key",
    "private",
    "runners",
    "runner_teams",
    "editors",
    "editor_teams",
)


@transaction.atomic
def create(*, definition: JobDefinition, user: User, by: Actor, enabled: bool = True) -> Job:
    """Create a job; raises InvalidDefinition with what is wrong field by field, before anything is stored."""
    lock_order()
    errors = _wrong(definition, user)
    if Job.objects.filter(key=definition.key[:100]).exists():
        errors.append(FieldError(field="key", message=_("There is a job with this key already.")))
    if errors:
        raise InvalidDefinition(errors)
    return insert(definition=definition, by=by, reader=user, enabled=enabled)


@transaction.atomic
def change(
    *,
    job: Job,
    definition: JobDefinition,
    version: int,
    user: User,
    by: Actor,
    restored_from: int | None = None,
) -> Job:
    """Give a job its next version; the same definition again changes nothing.

    ``version`` is the one that was read: raises ChangedMeanwhile where it is not the newest any more. Raises
    DefinedElsewhere and InvalidDefinition. Somebody whose role does not edit jobs leaves access as it was;
    jobs before it that its editor may not know of stay.
    """
    lock_order()
    held = _held(job)
    if held.version != version:
        raise ChangedMeanwhile(held.version)
    standing = definition_of(held)
    unseen = set(standing.after) - _seen(standing.after, user)
    definition = replace(
        definition,
        key=held.key,
        kind=held.kind,
        isolation=Isolation(held.isolation),
        after=tuple(sorted({*definition.after, *unseen})),
    )
    if not user.may(Permission.EDIT_JOBS):
        definition = replace(definition, **{name: getattr(standing, name) for name in _OF_ACCESS})
    if errors := _wrong(definition, user, standing) or _unfit_starts(held, definition):
        raise InvalidDefinition(errors)
    if stated(definition) == stated(standing):
        return held
    return write(job=held, definition=definition, by=by, reader=user, restored_from=restored_from)


def _unfit_starts(job: Job, definition: JobDefinition) -> list[FieldError]:
    """Return which schedules and new data would start the job with parameters that do not fit any more."""
    schema = with_schema(definition).parameters_schema or {}
    now = database_now()
    text = _(
        "The job starts by itself ({schedule}) with parameters that would not fit: {problem}. Give the "
        "parameter a default, or pause that start first."
    )
    starts = [
        (str(schedule), check_params(schedule, schedule.next_slot or now, schema))
        for schedule in job.schedules.filter(enabled=True, from_code=False)
    ]
    starts += [
        (_("By new data"), unfit(trigger.params, schema))
        for trigger in job.data_triggers.filter(enabled=True)
    ]
    return [
        wrong("parameters_schema", text.format(schedule=start, problem=errors[0]["message"].rstrip(".")))
        for start, errors in starts
        if errors
    ]


def restore(*, job: Job, number: int, version: int, user: User, by: Actor) -> Job:
    """Make an earlier version the newest again, as a version of its own; raises as ``change`` does.

    What it came after and the person may not know of, as in the history of versions, does not come back.
    Raises JobVersion.DoesNotExist for a number that was never given.
    """
    earlier = of_version(job.versions.get(number=number))
    earlier = replace(earlier, after=tuple(sorted(_seen(earlier.after, user))))
    return change(job=job, definition=earlier, version=version, user=user, by=by, restored_from=number)


@transaction.atomic
def switch(*, job: Job, enabled: bool, by: Actor) -> Job:
    """Switch a job on or off, wherever it is defined; what already runs goes on, what was missed stays so.

    Raises DefinedElsewhere for a job whose file is gone: only a file brings it back.
    """
    held = _row(job)
    if held.is_gone and enabled:
        raise DefinedElsewhere
    if held.enabled != enabled:
        held.enabled = enabled
        held.save(update_fields=["enabled"])
        if enabled:
            go_on(held)
        record("job.switched_on" if enabled else "job.switched_off", by=by, about=_about(held))
    return held


@transaction.atomic
def delete(*, job: Job, user: User, by: Actor) -> None:
    """Delete a job with its runs, logs, versions and schedules; the audit trail stays.

    Raises StillNeeded (with the reasons) and DefinedElsewhere.
    """
    lock_order()
    held = _row(job)
    if not (held.made_here or held.is_gone):
        raise DefinedElsewhere
    if reasons := needed_by(held, user):
        raise StillNeeded(reasons)
    record("job.deleted", by=by, about=_about(held), runs=held.runs.count(), version=held.version)
    held.delete()
    forget(nodes=[(NodeKind.JOB.value, job.key)])


def needed_by(job: Job, user: User) -> list[str]:
    """Return why a job cannot be deleted, a sentence each; of what the person may not see only the number."""
    found = []
    # A model that only reads what the job fills goes on without it.
    followers = job.followers.exclude(pk__in=derived_followers(job))
    if followers:
        found.append(_("These jobs start after it: {jobs}.").format(jobs=_named(followers, user)))
    if running := job.runs.open().count():
        text = ngettext("{n} run has not ended.", "{n} runs have not ended.", running)
        found.append(text.format(n=running))
    made = LineageEdge.objects.filter(
        Q(upstream_kind=NodeKind.JOB, upstream_key=job.key, downstream_kind=NodeKind.DATASET)
    ).count()
    if made:
        text = ngettext("It publishes {n} dataset.", "It publishes {n} datasets.", made)
        found.append(text.format(n=made))
    if job.runs.all()[: MOST_RUNS + 1].count() > MOST_RUNS:
        found.append(_("Its history is longer than {n} runs.").format(n=MOST_RUNS))
    return found


def refresh_parameters() -> list[Job]:
    """Give each job that takes its pipeline's own parameters those that its code asks for now."""
    changed = []
    for job in Job.objects.filter(kind="python", source=Source.PORTAL):
        newest = job.versions.first()
        if newest is None or newest.definition.get("parameters_schema") is not None:
            continue
        schema = with_schema(of_version(newest)).parameters_schema
        # A pipeline that was taken out keeps what it asked for last: its jobs fail, and say why.
        if schema and schema != job.parameters_schema:
            Job.objects.filter(pk=job.pk).update(parameters_schema=schema)
            changed.append(job)
    return changed


def _named(jobs: Any, user: User) -> str:
    visible = set(Job.objects.visible_to(user).filter(pk__in=[job.pk for job in jobs]))
    words = [job.name for job in jobs if job in visible]
    if hidden := len(jobs) - len(visible):
        words.append(
            ngettext("{n} that you may not see", "{n} that you may not see", hidden).format(n=hidden)
        )
    return ", ".join(words)


def _held(job: Job) -> Job:
    """Return the row of a job that is changed here, held until the transaction ends."""
    held = _row(job)
    if not held.made_here:
        raise DefinedElsewhere
    return held


def _row(job: Job) -> Job:
    return Job.objects.select_for_update(of=("self",)).select_related("pool", "owner", "team").get(pk=job.pk)


def _wrong(definition: JobDefinition, user: User, standing: JobDefinition | None = None) -> list[FieldError]:
    if definition.kind in SYSTEM_KINDS:
        return [FieldError(field="kind", message=_("Jobs of this kind are the portal’s own."))]
    found = problems(definition, reader=user)
    # What stood there before was judged when it was written, by the rights of whoever wrote it.
    is_new = standing is None or standing.config != definition.config
    if is_new and not any(error["field"].startswith(("config", "kind")) for error in found):
        found += named_problems(definition.kind, definition.config, user)
    if definition.kind == REPORT_KIND and (standing is None or _reads(standing) != _reads(definition)):
        told = [
            *refusals(definition.config, _parameters(definition), user),
            *unknown_recipients(definition.config),
        ]
        found += [FieldError(field=field, message=message) for field, message in told]
    if standing is not None:
        lent = borrowed(definition, standing, user)
        found += [FieldError(field=field, message=message) for field, message in lent]
    return found


def _parameters(definition: JobDefinition) -> list[str]:
    """Return the names of the parameters; a schema that is none is told elsewhere."""
    schema = definition.parameters_schema
    properties = schema.get("properties") if isinstance(schema, dict) else None
    return sorted(properties) if isinstance(properties, dict) else []


def _reads(definition: JobDefinition) -> tuple[dict[str, Any], list[str]]:
    return definition.config, _parameters(definition)


def _seen(keys: Iterable[str], user: User) -> set[str]:
    """Return the jobs among these that the person may know of."""
    return set(shown_definition({"after": keys}, user)["after"])


def _about(job: Job) -> tuple[str, str, str]:
    return ("job", job.key, job.name_en)
