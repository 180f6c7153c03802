"""What can go wrong with jobs and runs, each a sentence; the docstring is the message."""

from typing import TypedDict


class FieldError(TypedDict):
    """What is wrong with one parameter; ``field`` is its dotted path, empty for the whole."""

    field: str
    message: str


class JobsError(Exception):
    """Something about a job or a run is not as it must be."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or "").strip().splitlines()[0])


class InvalidParameters(JobsError):
    """The parameters do not fit the job."""

    def __init__(self, errors: list[FieldError]) -> None:
        super().__init__(
            "; ".join(f"{error['field'] or 'parameters'}: {error['message']}" for error in errors)
        )
        self.errors = errors


class JobDisabled(JobsError):
    """This job is switched off."""


class IdempotencyConflict(JobsError):
    """This Idempotency-Key was already used with other parameters."""


class RunAlreadyEnded(JobsError):
    """This run has already ended."""


class TooManyVerifications(JobsError):
    """This person has as many verifications waiting as anybody may."""


class UnknownKind(JobsError):
    """No runner is registered for this kind of job."""


class UnknownPipeline(JobsError):
    """No pipeline is registered under this key."""


class InvalidDefinition(JobsError):
    """The job's definition contradicts itself."""


class InvalidSchedule(JobsError):
    """The schedule's cron line or zone cannot be read."""


class WakeUpCarriesArguments(JobsError):
    """A wake-up carries no arguments; somebody else put this message into the broker."""


class LeaseLost(JobsError):
    """Another attempt holds this run now; this one may write nothing."""
