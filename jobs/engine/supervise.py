"""Supervise one run: fork its body, carry its output, keep the lease, end it once."""

import os
import select
import signal
import time
from typing import Any

import structlog
from django.db import Error, connection

from jobs.choices import ErrorClass, Isolation
from jobs.engine import finish, patience
from jobs.engine.artifacts import NotKept, Taken
from jobs.engine.bodies import Body, fork_body
from jobs.engine.claim import Claim
from jobs.engine.held import with_secrets, words_to_hide
from jobs.engine.lease import Lease, Orders
from jobs.engine.log_pump import LogPump
from jobs.engine.report import Report, failure_of
from jobs.engine.stopping import Stopping
from jobs.engine.warm import warm_body
from jobs.engine.work import error_message, remove_folder
from jobs.exceptions import LeaseLost
from portal.database import is_away
from portal.said import said, said_of

log = structlog.get_logger(__name__)

READ_SIZE = 64 * 1024
# The loop looks at its clocks at least this often, in seconds.
LONGEST_WAIT = 0.5
# Between SIGTERM and SIGKILL: long enough to roll back, short enough for «cancelled within three seconds».
KILL_AFTER = 1.5
# A step that changed is shown this soon after the last beat.
STEP_PAUSE = 0.5
# A body that stops work in another system may take so many seconds.
LONGEST_STOP = 60.0
# Tries of the transaction that ends the run while the database does not answer.
FINISH_PAUSE = 0.5


class Supervisor:
    """The single loop around one body."""

    def __init__(self, claim: Claim, stopping: Stopping) -> None:
        claim = self._claim = with_secrets(claim)
        self._stopping = stopping
        self._lease = Lease(claim)
        self._pump = LogPump(claim)
        self._report = Report(claim.progress, words=words_to_hide(claim.secrets.values()))
        self._taken = Taken(claim, self._report.artifacts, self._stay_alive)
        self._stop_reason = ""
        self._began = time.monotonic()
        self._kill_at: float | None = None
        warm = claim.isolation == Isolation.WARM
        self._body: Body = warm_body(claim) if warm else fork_body(claim)

    def supervise(self) -> None:
        """Stay until the body has ended and the run's row says how; writes nothing once the lease is lost."""
        body = self._body
        patience.guard(self._fence_if_silent)
        try:
            self._loop()
            body.reap()
            self._read_everything()
            self._end()
        except LeaseLost:
            log.warning("fenced", run=self._claim.number, fence=self._claim.fence)
        finally:
            patience.guard(None)
            body.reap()
            body.close()
            remove_folder(self._claim)

    def _loop(self) -> None:
        body = self._body
        poll = select.poll()
        for number in (body.log_fd, body.result_fd, body.end_fd):
            poll.register(number, select.POLLIN)
        while True:
            for number, _ in poll.poll(self._wait() * 1000):
                if number == body.end_fd:
                    if body.ended():
                        return
                    continue
                if not self._read(number):
                    poll.unregister(number)
            self._keep_time()

    def _wait(self) -> float:
        waits = [LONGEST_WAIT, self._lease.due_in]
        if self._pump.due_in is not None:
            waits.append(self._pump.due_in)
        if self._kill_at is not None:
            waits.append(max(0.0, self._kill_at - time.monotonic()))
        return min(waits)

    def _keep_time(self) -> None:
        if self._pump.due_in == 0.0:
            self._pump.flush()
        if self._report.changed_step:
            self._report.changed_step = False
            self._lease.hasten(STEP_PAUSE)
        if self._lease.due_in == 0.0:
            self._obey(self._lease.beat(self._report.progress))
        self._fence_if_silent()
        if self._stopping.overdue:
            self._stop("hand_over")
        if self._kill_at is not None and time.monotonic() >= self._kill_at:
            self._body.kill()
            self._kill_at = time.monotonic() + KILL_AFTER

    def _obey(self, orders: Orders) -> None:
        if self._claim.stop:
            # That is what this body is about; it has its own time.
            if time.monotonic() - self._began >= LONGEST_STOP:
                self._stop("too_slow")
        elif orders.cancel:
            self._stop("cancel")
        elif orders.time_out:
            self._stop("time_out")

    def _stop(self, reason: str) -> None:
        if self._stop_reason:
            return
        self._stop_reason = reason
        self._kill_at = time.monotonic() + KILL_AFTER
        self._body.stop()

    def _fence_if_silent(self) -> None:
        """Stop by ourselves before another worker may start the run: nobody could tell us that it did."""
        if self._lease.fenced:
            self._body.kill()
            raise LeaseLost

    def _stay_alive(self) -> None:
        """Keep the lease while something takes long here."""
        if self._lease.due_in == 0.0:
            self._lease.beat(self._report.progress)
        self._fence_if_silent()

    def _read(self, number: int) -> bool:
        try:
            data = os.read(number, READ_SIZE)
        except BlockingIOError:
            return True
        if number == self._body.log_fd:
            self._pump.feed(data)
        else:
            self._report.feed(data)
        return bool(data)

    def _read_everything(self) -> None:
        """Read what is left; a process that outlived the body may hold the pipes open: await no end."""
        for number in (self._body.log_fd, self._body.result_fd):
            poll = select.poll()
            poll.register(number, select.POLLIN)
            while any(event & select.POLLIN for _, event in poll.poll(0)):
                if not self._read(number):
                    break

    def _end(self) -> None:
        self._pump.close()
        while True:
            try:
                self._pump.flush()
                self._finish()
            except Error as error:
                if not is_away(error):
                    raise
                # Ending the run again is safe: the fence lets it happen once.
                log.warning("finish_failed", run=self._claim.number, error=str(error))
                connection.close()
                self._fence_if_silent()
                time.sleep(FINISH_PAUSE)
                if self._lease.beat(self._report.progress).time_out and not self._claim.stop:
                    self._report.outputs, self._stop_reason = None, "time_out"
            else:
                return

    def _finish(self) -> None:
        claim, report = self._claim, self._report
        well = report.failure is None and self._body.status == 0
        if well and report.elsewhere is not None:
            finish.defer(claim, report.elsewhere, report.progress, delay=report.after)
        elif well and report.stopped:
            finish.stopped(claim, report.progress)
        elif not (well and report.outputs is not None and self._succeed(report.outputs)):
            self._finish_badly()

    def _succeed(self, outputs: dict[str, Any]) -> bool:
        """End the run as succeeded; return False where what it brought could not be kept."""
        claim, report = self._claim, self._report
        try:
            if not finish.succeed(claim, outputs, report.progress, self._taken.rows):
                self._taken.drop()
        except NotKept as error:
            report.failure = failure_of(error.error_class, said_of(error))
        except Exception as error:
            if is_away(error) or isinstance(error, LeaseLost):
                raise
            self._taken.drop()
            log.exception("record_failed", run=claim.number)
            told = error_message(error)
            report.failure = failure_of(told["class"], told["message"], told["detail"])
        return report.failure is None

    def _finish_badly(self) -> None:
        claim, report = self._claim, self._report
        if self._stop_reason == "hand_over":
            finish.hand_over(claim, report.progress)
        elif self._stop_reason == "time_out":
            finish.time_out(claim, report.progress)
        else:
            failure = report.failure or failure_of(ErrorClass.CRASH, self._how_it_died())
            finish.fail(claim, failure, report.progress, cancelled=self._stop_reason == "cancel")

    def _how_it_died(self) -> str:
        status = self._body.status or 0
        if os.WIFSIGNALED(status):
            name = signal.Signals(os.WTERMSIG(status)).name
            return said("The process was ended by %(signal)s.", signal=name)
        return said("The process left with status %(status)s and no result.", status=os.WEXITSTATUS(status))
