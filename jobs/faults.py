"""Say in words whose fault a failure was, and what to do about it."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from jobs.choices import ErrorClass
from jobs.models import Run
from portal.accounts.models import User
from portal.accounts.permissions import Permission

_WORDS: dict[ErrorClass, tuple[Promise, Promise]] = {
    ErrorClass.USER_CODE: (
        _("The job’s own code failed"),
        _("Read the end of the log, mend the code, then run it again."),
    ),
    ErrorClass.BAD_INPUT: (
        _("The input data is not as expected"),
        _("Mend the named place, or what the job says of it. The published tables stay as they were."),
    ),
    ErrorClass.SETTINGS: (
        _("The job cannot run as it is set up"),
        _("Mend the setting, parameter, secret or right that is named, then run it again."),
    ),
    ErrorClass.CHECK_FAILED: (
        _("A check on the data failed"),
        _(
            "New data that fails its check is not published; published data that was checked stays as it is. "
            "Mend the data or the check, then run it again."
        ),
    ),
    ErrorClass.WAREHOUSE: (
        _("The warehouse refused or did not answer"),
        _("This often passes: run it again. If it stays, ask whoever runs the warehouse."),
    ),
    ErrorClass.ELSEWHERE: (
        _("The other system failed or did not answer"),
        _("This often passes: run it again. If it stays, ask whoever runs that system."),
    ),
    ErrorClass.REFUSED: (
        _("The other system refused the call"),
        _("The log shows its answer. Mend the job’s settings, its secret or the parameters, run it again."),
    ),
    ErrorClass.FAILED_THERE: (
        _("The work in the other system failed"),
        _("The link to it and the log say where. Mend it there, then run this again."),
    ),
    ErrorClass.CRASH: (
        _("The process died"),
        _("It may have run out of memory. Look at what it did last in the log, and give it less at a time."),
    ),
    ErrorClass.TIMEOUT: (
        _("It took longer than it may"),
        _("See in the steps where the time went. Give the job more time, or less to do in one run."),
    ),
    ErrorClass.WORKER_LOST: (
        _("Its worker died"),
        _("The job itself did nothing wrong: run it again. If workers die often, look at their machine."),
    ),
    ErrorClass.STORAGE: (
        _("The disk is full"),
        _("Nothing of the run's files was kept. Make space where VAR lies, then run it again."),
    ),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """A failure for people: whose fault, what was said, what to do."""

    whose: str
    message: str
    advice: str
    detail: str


def fault_of(run: Run, *, reader: User | None = None) -> Fault | None:
    """Return what went wrong with the run; None where nothing did.

    The technical details quote code and SQL: they are for a ``reader`` who may run or change the job, or who
    asked for the run. Who sees the run sees the rest of it, as its log.
    """
    if not run.error:
        return None
    kind = str(run.error.get("class", ""))
    whose, advice = _WORDS[ErrorClass(kind) if kind in ErrorClass.values else ErrorClass.USER_CODE]
    return Fault(
        whose=str(whose),
        message=run.trouble,
        advice=str(advice),
        detail=str(run.error.get("detail", "")) if reader and _mends(reader, run) else "",
    )


def _mends(reader: User, run: Run) -> bool:
    needed = (Permission.RUN_JOBS, Permission.EDIT_JOBS)
    return run.requested_by_id == reader.pk or any(run.job.allows(reader, each) for each in needed)
