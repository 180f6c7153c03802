"""The body of a run as its supervisor sees it: something with two pipes that ends once."""

import os
import signal
from dataclasses import dataclass
from typing import Protocol

from jobs.engine.body import run_body
from jobs.engine.claim import Claim


class Body(Protocol):
    """Where a run is worked on; ``status`` is set when it has ended, as ``os.waitpid`` tells it."""

    log_fd: int
    result_fd: int
    status: int | None

    @property
    def end_fd(self) -> int:
        """Return the descriptor that becomes readable when there is news of the end."""

    def ended(self) -> bool:
        """Read that news; say whether the body has ended."""

    def stop(self) -> None:
        """Ask it to stop by itself."""

    def kill(self) -> None:
        """End it, whatever it does."""

    def reap(self) -> None:
        """Take its status; what still works then is ended first."""

    def close(self) -> None:
        """Close our ends."""


@dataclass(slots=True)
class ForkedBody:
    """A process of the run's own: its exit is the end."""

    pid: int
    pidfd: int
    log_fd: int
    result_fd: int
    status: int | None = None

    @property
    def end_fd(self) -> int:
        """Return the process's own descriptor: it is readable when the process has ended."""
        return self.pidfd

    def ended(self) -> bool:
        """Say that it has ended: nothing else makes the descriptor readable."""
        return True

    def stop(self) -> None:
        """Send SIGTERM to it and everything that it started."""
        signal_group(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL to it and everything that it started."""
        signal_group(self.pid, signal.SIGKILL)

    def reap(self) -> None:
        """Take the exit status."""
        if self.status is None:
            # What the body left running in its group has no run any more. Before the wait: until then the
            # number is ours, afterwards it may be another process's.
            self.kill()
            _, self.status = os.waitpid(self.pid, 0)

    def close(self) -> None:
        """Close our ends."""
        for number in (self.pidfd, self.log_fd, self.result_fd):
            os.close(number)


@dataclass(slots=True)
class Pipes:
    """The two pipes of a body: we read, it writes."""

    log_read: int
    log_write: int
    result_read: int
    result_write: int

    @classmethod
    def open(cls) -> "Pipes":
        """Open them; our ends do not block."""
        pipes = cls(*os.pipe(), *os.pipe())
        for number in (pipes.log_read, pipes.result_read):
            os.set_blocking(number, False)
        return pipes

    def close_writers(self) -> None:
        """Close the body's ends on our side, so that its end is seen."""
        os.close(self.log_write)
        os.close(self.result_write)


def signal_group(pid: int, number: int) -> None:
    """Signal a process and everything in its group."""
    # setsid may not have happened yet in a body that was just forked: then there is no such group.
    for send in (os.killpg, os.kill):
        try:
            send(pid, number)
        except ProcessLookupError:
            continue


def fork_body(claim: Claim) -> ForkedBody:
    """Fork the body of a claim; the child never returns from here."""
    pipes = Pipes.open()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        run_body(claim, parent=parent, log_fd=pipes.log_write, result_fd=pipes.result_write)
    pipes.close_writers()
    return ForkedBody(pid, os.pidfd_open(pid), pipes.log_read, pipes.result_read)
