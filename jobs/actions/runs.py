"""Start and stop runs."""

import hashlib
import json
from functools import partial
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.db.models.functions import Now
from jsonschema import Draft202012Validator

from jobs.chains import failed_after, newest_after
from jobs.choices import FOLLOWING_KINDS, RunState, Trigger
from jobs.engine.wake import wake
from jobs.exceptions import (
    CancelMissed,
    FieldError,
    IdempotencyConflict,
    InvalidParameters,
    JobDisabled,
    RunAlreadyEnded,
)
from jobs.models import Job, Run, RunEvent
from jobs.schemas import with_defaults
from portal.accounts.models import User
from portal.accounts.permissions import Permission
from portal.audit.actions import Actor, record

NO_PARAMETERS: dict[str, Any] = {"type": "object", "additionalProperties": False}
# A run may be claimed and queued again between two conditional updates, but hardly this often in a row.
CANCEL_ROUNDS = 5


class Triggered(NamedTuple):
    """A run, and whether this trigger made it or an earlier one with the same key."""

    run: Run
    created: bool


@transaction.atomic
def trigger(
    *,
    job: Job,
    params: dict[str, Any],
    by: Actor,
    trigger: Trigger,
    requested_by: User | None,
    principal: str,
    idempotency_key: str | None = None,
    rerun_of: Run | None = None,
) -> Triggered:
    """Queue a run of a job; with a key, once for each principal whatever is sent how often.

    ``principal`` says whose key it is (``user:1``, ``token:2``). Raises JobDisabled, InvalidParameters
    (with ``errors`` field by field) and IdempotencyConflict (the key was used with other parameters).
    """
    key = {"principal": principal, "idempotency_key": idempotency_key, "asked": _asked(params, rerun_of)}
    try:
        params = _startable(job, params)
    except (JobDisabled, InvalidParameters):
        # Who lost the first answer and asks again still gets that run, whatever became of the job since.
        earlier = Run.objects.in_place_of(Run(job=job, **key)) if idempotency_key is not None else None
        if earlier is None:
            raise
        run, created = earlier, False
    else:
        run, created = Run.objects.insert_once(
            Run.of(job, params=params, trigger=trigger, rerun_of=rerun_of, requested_by=requested_by, **key)
        )
    if not created:
        if run.asked not in {"", key["asked"]}:
            raise IdempotencyConflict
        return Triggered(run, created=False)
    RunEvent.objects.create(run=run, kind="queued", data={"trigger": trigger, "by": by.label})
    record("run.triggered", by=by, about=("run", str(run.number), job.key), params=params, trigger=trigger)
    pool_key = job.pool.key
    transaction.on_commit(lambda: wake(pool_key))
    return Triggered(run, created=True)


def again(
    *,
    run: Run,
    changes: dict[str, Any] | None = None,
    by: Actor,
    how: Trigger,
    requested_by: User,
    principal: str,
    idempotency_key: str | None,
) -> Triggered:
    """Start the job of a run again with its parameters, some changed if wanted; raises as ``trigger``.

    One with other parameters repeats nothing: only one with the same names the earlier run.
    """
    params = {**run.params, **(changes or {})}
    return trigger(
        job=run.job,
        params=params,
        by=by,
        trigger=how,
        requested_by=requested_by,
        principal=principal,
        idempotency_key=idempotency_key,
        rerun_of=run if params == run.params else None,
    )


@transaction.atomic
def run_failed_again(
    *, after: Run, by: Actor, how: Trigger, requested_by: User, principal: str, once: str | None = None
) -> list[Run]:
    """Start again what failed further on in the chain that this run began; what succeeded stays as it is.

    Where a repetition succeeds the jobs behind it follow by themselves. The same failure is repeated once,
    however often this is asked; what was started under the key ``once`` is returned under it again. A job
    that was switched off, takes other parameters by now, or may not be started by this person is left out.
    """
    started = _started_under(once, principal, after, requested_by) if once else []
    known = {run.idempotency_key for run in started}
    for failed in to_run_again(after=after, by=requested_by):
        key = _again_under(once, failed) if once else f"chain:{failed.pk}"
        if key in known:
            continue
        try:
            again = trigger(
                job=failed.job,
                params=failed.params,
                by=by,
                trigger=how,
                requested_by=requested_by,
                principal=principal,
                idempotency_key=key,
                # Of the run that stands in the chain, so that its newest repetition is found from there.
                rerun_of=failed.rerun_of or failed,
            )
        except (JobDisabled, InvalidParameters):
            continue
        started.append(again.run)
    return started


def _again_under(once: str, run: Run) -> str:
    """Return the key of a repetition: of the place in the chain, whichever run stands there by now."""
    return f"chain:{run.rerun_of_id or run.pk}:{hashlib.sha256(once.encode()).hexdigest()[:32]}"


def _started_under(once: str, principal: str, after: Run, user: User) -> list[Run]:
    newest = list(newest_after(after, user))
    keys = {_again_under(once, run) for run in newest}
    known = Run.objects.visible_to(user).filter(principal=principal, idempotency_key__in=keys)
    return list(known.filter(job__in={run.job_id for run in newest}).select_related("job").order_by("id"))


def to_run_again(*, after: Run, by: User) -> list[Run]:
    """Return the failed runs further on in the chain whose jobs this person may start."""
    failed = failed_after(after, by)
    jobs = Job.objects.filter(pk__in={run.job_id for run in failed})
    allowed = set(jobs.allowing(by, Permission.RUN_JOBS).values_list("pk", flat=True)) if failed else set()
    return [run for run in failed if run.job_id in allowed]


def has_room(*, job: Job, asker: User, most: int) -> bool:
    """Say whether somebody has fewer than ``most`` runs of this job open; others wait for our commit."""
    # Of two that come at once neither would count the other: the second waits here until the first is stored.
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"{job.key} of {asker.pk}"])
    return Run.objects.open().filter(job=job, requested_by=asker).count() < most


@transaction.atomic
def cancel(*, run: Run, by: Actor) -> Run:
    """Cancel a queued run at once, or ask one that began to stop (within seconds); raises RunAlreadyEnded.

    Where its work goes on in another system, a worker tells that one to stop before the run ends. Raises
    CancelMissed for one that was faster each time.
    """
    own = Run.objects.filter(pk=run.pk)
    for _ in range(CANCEL_ROUNDS):
        asked = {"cancel_requested_at": Now(), "cancel_requested_by": by.label}
        if own.ended_by_word(run.job).update(state=RunState.CANCELLED, finished_at=Now(), **asked):
            RunEvent.objects.create(run=run, kind="cancelled", data={"by": by.label})
            break
        if own.stopped_by_holder(run.job).update(**asked, available_at=Now()):
            RunEvent.objects.create(run=run, kind="cancel_requested", data={"by": by.label})
            if run.job.kind in FOLLOWING_KINDS:
                transaction.on_commit(partial(wake, run.pool.key))
            break
        run.refresh_from_db()
        if not run.is_open:
            raise RunAlreadyEnded
        if run.cancel_requested_at:
            return run
    else:
        raise CancelMissed
    record("run.cancelled", by=by, about=("run", str(run.number), run.job.key))
    run.refresh_from_db()
    return run


def checked(params: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters with the schema's top-level defaults filled in; raises InvalidParameters."""
    schema = schema or NO_PARAMETERS
    if not isinstance(params, dict):
        raise InvalidParameters([{"field": "", "message": "parameters are an object"}])
    filled = with_defaults(params, schema)
    validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    errors = [
        FieldError(field=_field_of(error), message=error.message)
        for error in sorted(
            validator.iter_errors(filled), key=lambda error: list(map(str, error.absolute_path))
        )
    ]
    if errors:
        raise InvalidParameters(errors)
    return filled


def unfit(params: dict[str, Any], schema: dict[str, Any]) -> list[FieldError]:
    """Return what is wrong with the parameters, below the field ``params``; nothing where they fit."""
    try:
        checked(params, schema)
    except InvalidParameters as error:
        return error.below_params
    return []


def _startable(job: Job, params: dict[str, Any]) -> dict[str, Any]:
    if not job.enabled:
        raise JobDisabled
    return checked(params, job.parameters_schema)


def _asked(params: dict[str, Any], rerun_of: Run | None) -> str:
    """Return the digest of what was sent: the defaults filled in may be others the next time."""
    sent = {"params": params, "rerun_of": str(rerun_of.pk) if rerun_of else None}
    return hashlib.sha256(json.dumps(sent, sort_keys=True).encode()).hexdigest()


def _field_of(error: Any) -> str:
    path = [str(part) for part in error.absolute_path]
    if error.validator == "required":
        # The schema's error stands on the object; the reader looks for the field that is missing.
        path += [
            name
            for name in error.validator_value
            if name not in error.instance and f"'{name}'" in error.message
        ]
    if error.validator == "additionalProperties":
        known = error.schema.get("properties", {})
        path += [name for name in error.instance if name not in known][:1]
    return ".".join(path)
