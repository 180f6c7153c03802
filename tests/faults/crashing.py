"""A worker that dies at a named point: ``celery -A tests.faults.crashing worker``, for tests only.

The first attempt of the job ``crash-<point>`` ends its supervisor there as kill -9 does. None of this is in
the worker that users start: this module wraps what the supervisor calls, in each new pool child.
"""

import os
import signal
from collections.abc import Callable, Iterator
from typing import Any, Final

import django
from celery import signals
from django.apps import apps

from portal.celery import app

if not apps.ready:
    # In the worker this is the first module of ours that is loaded.
    django.setup()

from django.db.backends.base.base import BaseDatabaseWrapper

from jobs.engine import drain, finish, patience, supervise
from jobs.engine.artifacts import Taken
from jobs.engine.claim import Claim
from jobs.engine.lease import Lease
from jobs.engine.statements import Execute

__all__ = ["POINTS", "app"]

POINTS: Final = (
    "after-claim",
    "before-body",
    "after-body-began",
    "before-heartbeat",
    "after-heartbeat",
    "in-the-middle-of-a-file",
    "after-the-file",
    "after-the-row",
    "before-commit",
    "during-commit",
    "after-commit",
    "before-tidying",
)
PREFIX: Final = "crash-"

# What is wrapped is theirs, and not meant for others.
_DRAIN: Any = drain
_TAKEN: Any = Taken
_DATABASE: Any = BaseDatabaseWrapper

_finishing: list[Claim] = []
_committing: list[Claim] = []


def _at(point: str, claim: Claim | None) -> None:
    if claim is not None and claim.fence == 1 and claim.job_key == PREFIX + point:
        os.kill(os.getpid(), signal.SIGKILL)


def _wrap(
    owner: object,
    name: str,
    claim_of: Callable[..., Claim | None],
    *,
    before: str = "",
    after: str = "",
) -> None:
    inner = getattr(owner, name)

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if before:
            _at(before, claim_of(*args))
        answer = inner(*args, **kwargs)
        if after:
            _at(after, claim_of(*args) if args else answer)
        return answer

    setattr(owner, name, wrapped)


def _first(claim: Claim, *_: Any) -> Claim:
    return claim


@signals.worker_process_init.connect
def _arm(**_: Any) -> None:
    inner_claim = _DRAIN.claim

    def claimed(worker: str) -> Claim | None:
        held: Claim | None = inner_claim(worker)
        _at("after-claim", held)
        return held

    _DRAIN.claim = claimed
    _wrap(supervise, "fork_body", _first, before="before-body", after="after-body-began")
    _wrap(Lease, "beat", lambda lease, *_: lease._claim, before="before-heartbeat", after="after-heartbeat")
    _wrap(supervise, "remove_folder", _first, before="before-tidying")
    _wrap_files()
    _wrap_the_end()


def _wrap_files() -> None:
    inner = _TAKEN._chunks

    def chunks(taken: Taken, file: Any) -> Iterator[bytes]:
        for chunk in inner(taken, file):
            yield chunk
            _at("in-the-middle-of-a-file", taken._claim)

    _TAKEN._chunks = chunks


def _wrap_the_end() -> None:
    succeed, end, commit, wait = (
        finish.succeed,
        finish._execute,
        _DATABASE._commit,
        patience._wait,
    )

    def succeeding(claim: Claim, *args: Any) -> bool:
        _at("after-the-file", claim)
        _finishing.append(claim)
        try:
            return succeed(claim, *args)
        finally:
            _finishing.clear()

    def executed(execute: Execute, claim: Claim, **values: Any) -> Any:
        answer = end(execute, claim, **values)
        _at("after-the-row", claim)
        return answer

    def committed(self: Any) -> Any:
        ends = _finishing[:1]
        for claim in ends:
            _at("before-commit", claim)
        _committing.extend(ends)
        try:
            answer = commit(self)
        finally:
            _committing.clear()
        for claim in ends:
            _at("after-commit", claim)
        return answer

    def waited(connection: Any) -> None:
        # psycopg2 has sent COMMIT when it begins to wait for the answer.
        for claim in _committing:
            connection.poll()
            _at("during-commit", claim)
        wait(connection)

    finish.succeed = succeeding  # type: ignore[assignment]
    finish._execute = executed
    _DATABASE._commit = committed
    patience._wait = waited
