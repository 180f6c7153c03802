"""Plan, start and steer backfills: one job over the partitions of a range of days."""

from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from jobs.actions.runs import checked
from jobs.choices import FOLLOWING_KINDS, PartitionUnit, RunState, Trigger
from jobs.engine.wake import wake
from jobs.exceptions import (
    FieldError,
    IdempotencyConflict,
    InvalidParameters,
    JobDisabled,
    RefusedTrigger,
    wrong,
)
from jobs.models import Backfill, Job, Run, RunEvent
from jobs.partitions import begin_of, begins, parameters_for, written
from portal.accounts.models import User
from portal.audit.actions import Actor, record

MOST_PARTITIONS = 1000
MOST_PARALLEL = 100
EARLIEST, LATEST = 1900, 2200
# After the job's other runs, so that a backfill delays nobody by more than the run that is going.
_BEHIND = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A backfill as somebody wants it; ``parameter`` of the job takes each partition's value."""

    parameter: str
    unit: str
    first: date
    last: date
    parallel: int = 1
    params: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Partition:
    """One run of the plan: its value as the job gets it, and all the parameters of its run."""

    value: str
    params: dict[str, Any]


class Started(NamedTuple):
    """A backfill, and whether this start made it or an earlier one with the same ``once``."""

    backfill: Backfill
    created: bool


def plan(*, job: Job, wish: Wish) -> list[Partition]:
    """Return what would run, the oldest first, and store nothing; raises RefusedTrigger."""
    errors: list[FieldError] = []
    if wish.parameter not in parameters_for(job.parameters_schema):
        text = _("The job has no parameter {name} that takes a day.")
        errors.append(wrong("parameter", text.format(name=wish.parameter or "–")))
    if wish.unit not in PartitionUnit.values:
        errors.append(wrong("unit", _("There is no such choice.")))
    if wish.first > wish.last:
        errors.append(wrong("last", _("The last day is before the first.")))
    if not (wish.first.year >= EARLIEST and wish.last.year <= LATEST):
        text = _("The days lie between {first} and {last}.")
        errors.append(wrong("first", text.format(first=EARLIEST, last=LATEST)))
    if not 1 <= wish.parallel <= MOST_PARALLEL:
        errors.append(wrong("parallel", _("At least one and at most a hundred go at a time.")))
    if not errors and _count(wish) > MOST_PARTITIONS:
        text = _("These are {n} partitions; a backfill has at most {most}. Choose a shorter range.")
        errors.append(wrong("last", text.format(n=_count(wish), most=MOST_PARTITIONS)))
    if errors:
        raise RefusedTrigger(errors)
    schema = job.parameters_schema["properties"][wish.parameter]
    found = []
    for begin in begins(PartitionUnit(wish.unit), wish.first, wish.last):
        value = written(begin, wish.unit, schema)
        try:
            params = checked({**wish.params, wish.parameter: value}, job.parameters_schema)
        except InvalidParameters as error:
            raise RefusedTrigger(error.below_params) from error
        found.append(Partition(value, params))
    return found


@transaction.atomic
def start(*, job: Job, wish: Wish, once: str, by: Actor, requested_by: User | None) -> Started:
    """Queue a run for each partition; the same ``once`` again is the same backfill.

    Raises JobDisabled, RefusedTrigger and IdempotencyConflict (the same ``once`` for something else).
    """
    # Locked, so that a double click starts one.
    job = Job.objects.select_for_update(no_key=True, of=("self",)).select_related("pool").get(pk=job.pk)
    if standing := Backfill.objects.filter(once=once).first():
        names = ("parameter", "unit", "first", "last", "parallel", "params")
        if standing.job_id != job.pk or any(getattr(standing, name) != getattr(wish, name) for name in names):
            raise IdempotencyConflict
        return Started(standing, created=False)
    if not job.enabled:
        raise JobDisabled
    partitions = plan(job=job, wish=wish)
    backfill = Backfill.objects.create(
        job=job,
        parameter=wish.parameter,
        unit=wish.unit,
        first=wish.first,
        last=wish.last,
        params=wish.params,
        parallel=wish.parallel,
        requested_by=requested_by,
        once=once,
    )
    runs = Run.objects.bulk_create(
        _run(backfill, job, partition.value, partition.params) for partition in partitions
    )
    _tell_queued(runs, by)
    _record("backfill.started", backfill, by, partitions=len(runs), parallel=wish.parallel)
    _wake(job)
    return Started(backfill, created=True)


@transaction.atomic
def pause(*, backfill: Backfill, by: Actor) -> None:
    """Let no more of its runs start; what runs goes on."""
    if Backfill.objects.filter(pk=backfill.pk, paused=False, cancelled_at=None).update(paused=True):
        _record("backfill.paused", backfill, by)


@transaction.atomic
def resume(*, backfill: Backfill, by: Actor) -> None:
    """Let its runs start again."""
    if Backfill.objects.filter(pk=backfill.pk, paused=True).update(paused=False):
        _record("backfill.resumed", backfill, by)
        _wake(backfill.job)


@transaction.atomic
def cancel(*, backfill: Backfill, by: Actor) -> int:
    """End what waits and ask what runs to stop; return how many runs that concerns."""
    own = Run.objects.filter(backfill=backfill.pk)
    asked = {"cancel_requested_at": Now(), "cancel_requested_by": by.label}
    # All are held before anybody asks what they do: one that goes from running to waiting meanwhile would be
    # seen as neither, and go on.
    list(own.open().select_for_update().values_list("pk"))
    waiting = own.ended_by_word(backfill.job).select_for_update()
    ended = list(waiting.values_list("pk", flat=True))
    own.filter(pk__in=ended).update(state=RunState.CANCELLED, finished_at=Now(), **asked)
    going = own.stopped_by_holder(backfill.job).select_for_update()
    stopping = list(going.values_list("pk", flat=True))
    own.filter(pk__in=stopping).update(**asked, available_at=Now())
    data = {"by": by.label}
    RunEvent.objects.bulk_create(
        [RunEvent(run_id=pk, kind="cancelled", data=data) for pk in ended]
        + [RunEvent(run_id=pk, kind="cancel_requested", data=data) for pk in stopping]
    )
    Backfill.objects.filter(pk=backfill.pk).update(cancelled_at=Now(), paused=False)
    if ended or stopping:
        if backfill.job.kind in FOLLOWING_KINDS:
            _wake(backfill.job)
        _record("backfill.cancelled", backfill, by, runs=len(ended) + len(stopping))
    return len(ended) + len(stopping)


@transaction.atomic
def run_failed_again(*, backfill: Backfill, by: Actor) -> int:
    """Queue each partition again whose newest run did not succeed; return how many. Raises JobDisabled."""
    backfill = (
        Backfill.objects.select_for_update(of=("self",)).select_related("job__pool").get(pk=backfill.pk)
    )
    if not backfill.job.enabled:
        raise JobDisabled
    ended = RunState.ends() - {RunState.SUCCEEDED}
    failed = [run for run in newest_runs(backfill) if run.state in ended]
    runs = Run.objects.bulk_create(
        _run(backfill, backfill.job, run.partition, run.params, rerun_of=run, pool_id=run.pool_id)
        for run in failed
    )
    if runs:
        _tell_queued(runs, by)
        Backfill.objects.filter(pk=backfill.pk).update(paused=False, cancelled_at=None)
        _record("backfill.rerun", backfill, by, partitions=len(runs))
        _wake(backfill.job)
    return len(runs)


def newest_runs(backfill: Backfill) -> QuerySet[Run]:
    """Return the newest run of each partition, the oldest partition first."""
    return Run.objects.filter(backfill=backfill.pk).order_by("partition", "-id").distinct("partition")


def _run(backfill: Backfill, job: Job, value: str, params: dict[str, Any], **fields: Any) -> Run:
    return Run.of(
        job,
        trigger=Trigger.BACKFILL,
        backfill=backfill,
        partition=value,
        principal=f"backfill:{backfill.pk}",
        requested_by_id=backfill.requested_by_id,
        params=params,
        priority=max(job.priority - _BEHIND, -(2**15)),
        **fields,
    )


def _tell_queued(runs: list[Run], by: Actor) -> None:
    data = {"trigger": Trigger.BACKFILL, "by": by.label}
    RunEvent.objects.bulk_create(RunEvent(run=run, kind="queued", data=data) for run in runs)


def _count(wish: Wish) -> int:
    """Count the partitions without making them: a range may be of centuries."""
    unit = PartitionUnit(wish.unit)
    begin = begin_of(unit, wish.first)
    if unit == PartitionUnit.MONTH:
        return (wish.last.year - begin.year) * 12 + wish.last.month - begin.month + 1
    return (wish.last - begin).days // (7 if unit == PartitionUnit.WEEK else 1) + 1


def _wake(job: Job) -> None:
    pool_key = job.pool.key
    transaction.on_commit(lambda: wake(pool_key))


def _record(action: str, backfill: Backfill, by: Actor, **data: Any) -> None:
    about = ("job", backfill.job.key, backfill.job.key)
    span = {"first": backfill.first.isoformat(), "last": backfill.last.isoformat(), "unit": backfill.unit}
    record(action, by=by, about=about, backfill=backfill.pk, **span, **data)
