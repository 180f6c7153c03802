"""Run a short, trusted body inside the supervisor itself: no fork, and therefore no protection from it."""

import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import structlog
from django.conf import settings
from django.db import connection

from jobs.choices import ErrorClass
from jobs.engine import finish
from jobs.engine.artifacts import NotKept, Taken
from jobs.engine.claim import Claim
from jobs.engine.held import with_secrets, words_to_hide
from jobs.engine.lease import Lease
from jobs.engine.log_pump import LogPump
from jobs.engine.report import Report, failure_of
from jobs.engine.work import error_message, remove_folder, work
from jobs.exceptions import LeaseLost
from portal.database import is_away
from portal.said import said, said_of

log = structlog.get_logger(__name__)


class Cancelled(BaseException):
    """Unwind an inline body that somebody cancelled."""


class OutOfTime(BaseException):
    """Unwind an inline body that took too long; not an Exception, so that no broad except swallows it."""


class InlineReporter:
    """Take what the body tells, and keep the lease while at it."""

    def __init__(self, claim: Claim, pump: LogPump) -> None:
        self.report = Report(claim.progress, words=words_to_hide(claim.secrets.values()))
        self._stops = bool(claim.stop)
        self.lease = Lease(claim)
        self._pump = pump

    def tell(self, message: dict[str, Any]) -> None:
        """Take one message; raises Cancelled or LeaseLost where the run's row says so."""
        self.report.take(message)
        if self._pump.due_in == 0.0:
            self._pump.flush()
        if self.lease.due_in == 0.0 and self.lease.beat(self.report.progress).cancel and not self._stops:
            raise Cancelled

    def stay_alive(self) -> None:
        """Keep the lease while something takes long here."""
        if self.lease.due_in == 0.0:
            self.lease.beat(self.report.progress)

    def cancelled(self) -> bool:
        """Say whether somebody asked the run to stop."""
        return self.lease.orders.cancel


class PumpHandler(logging.Handler):
    """Put log records into the run's log."""

    def __init__(self, pump: LogPump) -> None:
        super().__init__()
        self._pump = pump

    def emit(self, record: logging.LogRecord) -> None:
        """Add one record."""
        levels = {"DEBUG": "debug", "INFO": "info", "WARNING": "warn"}
        self._pump.say(levels.get(record.levelname, "error"), self.format(record))


@contextmanager
def _limited(seconds: float) -> Iterator[None]:
    def ring(_signal: int, _frame: FrameType | None) -> None:
        raise OutOfTime

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def run_inline(claim: Claim) -> None:
    """Do the work here and end the run; a body may take two thirds of the lease, or its timeout if shorter.

    Beats come only when the body tells something, so the alarm, not a beat, keeps it within its lease.
    """
    claim = with_secrets(claim)
    pump = LogPump(claim)
    reporter = InlineReporter(claim, pump)
    logger = logging.Logger("run", logging.DEBUG)  # noqa: LOG001 - of this run alone
    logger.addHandler(PumpHandler(pump))
    report = reporter.report
    try:
        _work(claim, reporter, logger)
        pump.close()
        if report.outputs is not None and report.failure is None:
            _succeed(claim, report.outputs, reporter)
        if report.elsewhere is not None:
            finish.defer(claim, report.elsewhere, report.progress, delay=report.after)
        if report.stopped:
            finish.stopped(claim, report.progress)
        if report.failure is not None:
            finish.fail(claim, report.failure, report.progress, cancelled=False)
    except Cancelled:
        pump.close()
        finish.cancel(claim, report.progress)
    except OutOfTime:
        # The alarm may have rung in the middle of a query: nobody knows what its connection would say next.
        connection.close()
        pump.close()
        _out_of_time(claim, report)
    except LeaseLost:
        log.warning("fenced", run=claim.number, fence=claim.fence)
    finally:
        remove_folder(claim)


def _work(claim: Claim, reporter: InlineReporter, logger: logging.Logger) -> None:
    try:
        with _limited(min(claim.timeout, settings.RUN_LEASE * 2 / 3)):
            told = work(claim, reporter, logger)
        reporter.report.take(told)
    except LeaseLost:
        raise
    except (Exception, SystemExit) as error:
        message = error_message(error)
        reporter.report.take(message)


def _out_of_time(claim: Claim, report: Report) -> None:
    if claim.looks:
        # The look took too long, not the work.
        failure = failure_of(ErrorClass.CRASH, said("It took too long to look how far it is."))
        finish.fail(claim, failure, report.progress, cancelled=False)
    else:
        finish.time_out(claim, report.progress)


def _succeed(claim: Claim, outputs: dict[str, Any], reporter: InlineReporter) -> None:
    report = reporter.report
    taken = Taken(claim, report.artifacts, reporter.stay_alive)
    try:
        if not finish.succeed(claim, outputs, report.progress, taken.rows):
            taken.drop()
    except NotKept as error:
        report.failure = failure_of(error.error_class, said_of(error))
    except Exception as error:
        taken.drop()
        if is_away(error) or isinstance(error, LeaseLost):
            # The lease runs out, and the clock gives the run to somebody else.
            raise
        log.exception("record_failed", run=claim.number)
        message = error_message(error)
        report.failure = failure_of(message["class"], message["message"], message["detail"])
