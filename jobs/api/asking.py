"""What the views share: who asks, what the address says, and the answers that refuse."""

from collections.abc import Callable, Iterable
from typing import TypeVar, cast
from uuid import UUID

from django.core.exceptions import PermissionDenied
from rest_framework.request import Request

from jobs.access import access_run
from jobs.exceptions import (
    FieldError,
    IdempotencyConflict,
    InvalidParameters,
    JobDisabled,
    RefusedTrigger,
    WrittenInCode,
)
from jobs.models import Job, Run
from portal.accounts.models import ApiToken, User
from portal.api.permissions import token_may_run
from portal.api.problems import Problem

T = TypeVar("T")


def user_of(request: Request) -> User:
    """Return the token's owner."""
    return cast("User", request.user)


def token_for(request: Request, job: Job) -> ApiToken:
    """Return the token when it may run this very job; a scope may name another one."""
    token = cast("ApiToken", request.auth)
    if not token_may_run(token, job.key):
        raise PermissionDenied
    return token


def run_for(request: Request, run_id: UUID | int) -> Run:
    """Return a run that the token may follow: with ``jobs:read`` any, else one of a job that it may start."""
    run = access_run(user_of(request), run_id)
    if "jobs:read" not in cast("ApiToken", request.auth).scopes:
        token_for(request, run.job)
    return run


def whole_number(request: Request, name: str, *, default: int, least: int = 0, most: int) -> int:
    """Return a whole number of the query string; raises a 400 for what is none within bounds."""
    raw = request.query_params.get(name, str(default))
    if not raw.isascii() or not raw.isdigit() or len(raw) > 10 or not least <= int(raw) <= most:
        message = f"It takes a whole number from {least} to {most}."
        raise Problem(400, kind="problem-validation", errors=[{"field": name, "message": message}])
    return int(raw)


def unfit(
    errors: Iterable[FieldError], title: str = "It does not fit", detail: str = "Nothing was changed."
) -> Problem:
    """Return the answer that says field by field what does not fit."""
    told = [{"field": each["field"], "message": each["message"]} for each in errors]
    return Problem(422, title, detail, kind="problem-validation", errors=told)


def or_problem(act: Callable[[], T]) -> T:
    """Turn what an action refuses into the answer that says so."""
    try:
        return act()
    except RefusedTrigger as error:
        raise unfit(error.errors) from error
    except InvalidParameters as error:
        raise unfit(
            error.below_params,
            "The parameters do not fit the job",
            "Compare them with parameters_schema of the job.",
        ) from error
    except IdempotencyConflict as error:
        raise Problem(422, "The key was used before", str(error), kind="problem-idempotency") from error
    except JobDisabled as error:
        raise Problem(409, "The job is switched off", str(error), kind="problem-disabled") from error
    except WrittenInCode as error:
        raise Problem(409, "Written in code", str(error), kind="problem-written-in-code") from error
