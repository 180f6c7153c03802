"""What can go wrong with jobs and runs, each a sentence; the docstring is the message."""

from collections.abc import Iterable
from typing import TypedDict

from portal.said import Said, said


class FieldError(TypedDict):
    """What is wrong with one parameter; ``field`` is its dotted path, empty for the whole."""

    field: str
    message: str


def wrong(field: str, message: str) -> FieldError:
    """Say what is wrong with one field."""
    return FieldError(field=field, message=message)


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

    @property
    def below_params(self) -> list[FieldError]:
        """The errors as those of the field ``params`` of something larger."""
        return [
            FieldError(field=f"params.{each['field']}".rstrip("."), message=each["message"])
            for each in self.errors
        ]


class JobDisabled(JobsError):
    """This job is switched off."""


class IdempotencyConflict(JobsError):
    """This Idempotency-Key was already used with other parameters."""


class RunAlreadyEnded(JobsError):
    """This run has already ended."""


class CancelMissed(JobsError):
    """This run went from hand to hand while it was to be cancelled; cancel it again."""


class TooManyVerifications(JobsError):
    """This person has as many verifications waiting as anybody may."""


class TooManyQueries(JobsError):
    """This person has as many queries waiting or running as anybody may."""


class UnknownKind(JobsError):
    """No runner is registered for this kind of job."""

    error_class = "settings"


class SecretNotNamed(JobsError):
    """The job's configuration does not name this secret."""

    error_class = "settings"

    def __init__(self, name: str) -> None:
        super().__init__(
            said(
                "The job's configuration does not name the secret «%(name)s»: put it under «secrets» first.",
                name=name,
            )
        )


class SecretMissing(JobsError):
    """The job names a secret that cannot be had."""

    error_class = "settings"

    def __init__(self, name: str) -> None:
        super().__init__(
            said(
                "There is no secret «%(name)s», or the key that sealed it is gone: store its value again "
                "on the page of secrets.",
                name=name,
            )
        )


class SecretStays(JobsError):
    """The secret may not go where the job would send it."""

    error_class = "settings"

    def __init__(self, name: str, host: str | None, hosts: Iterable[str]) -> None:
        super().__init__(secret_stays(name, host, hosts))


def secret_stays(name: str, host: str | None, hosts: Iterable[str]) -> Said:
    """Return why a secret may not go to a host (None: to code that names none), and what to do."""
    known = ", ".join(hosts)
    if host is None:
        return said(
            "The secret «%(name)s» goes to %(hosts)s only: the code that asks for it names the host.",
            name=name,
            hosts=known,
        )
    if not known:
        return said(
            "The secret «%(name)s» may not be sent to any host yet. Store its value again under Secrets and "
            "name %(host)s there.",
            name=name,
            host=host,
        )
    return said(
        "The secret «%(name)s» goes to %(hosts)s only. To send it to %(host)s too, store its value again "
        "under Secrets and name that host there.",
        name=name,
        hosts=known,
        host=host,
    )


class SecretInUse(JobsError):
    """Jobs name this secret."""


class FileRefused(JobsError):
    """The file is not taken; the message says why."""


class NameTaken(FileRefused):
    """There is already something of this name."""


class TooManyPeeks(JobsError):
    """So many of your looks into files are still open; wait for one."""


class UnknownPipeline(JobsError):
    """No pipeline is registered under this key."""

    error_class = "settings"


class InvalidDefinition(JobsError):
    """The job's definition contradicts itself.

    ``errors`` says so field by field: ``config.dataset``, ``after``.
    """

    def __init__(self, errors: list[FieldError]) -> None:
        super().__init__("; ".join(f"{error['field'] or 'the job'}: {error['message']}" for error in errors))
        self.errors = errors


class DefinedElsewhere(JobsError):
    """This job is defined in code or in a file; it is changed there."""


class ChangedMeanwhile(JobsError):
    """Somebody changed this job since it was read."""

    def __init__(self, version: int) -> None:
        super().__init__(f"The job is at version {version} by now.")
        self.version = version


class StillNeeded(JobsError):
    """Something depends on this job."""

    def __init__(self, reasons: list[str]) -> None:
        super().__init__(" ".join(reasons))
        self.reasons = reasons


class InvalidSchedule(JobsError):
    """The schedule's cron line or zone cannot be read."""


class UnknownZone(InvalidSchedule):
    """The schedule's time zone is none."""


class RefusedTrigger(JobsError):
    """The schedule or trigger does not fit."""

    def __init__(self, errors: list[FieldError]) -> None:
        super().__init__("; ".join(error["message"] for error in errors))
        self.errors = errors


class WrittenInCode(JobsError):
    """The job's definition states this; change it there."""


class WakeUpCarriesArguments(JobsError):
    """A wake-up carries no arguments; somebody else put this message into the broker."""


class LeaseLost(JobsError):
    """Another attempt holds this run now; this one may write nothing."""
