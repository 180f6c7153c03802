"""The body of a run as its supervisor sees it: something with two pipes that ends once."""

import contextlib
import json
import os
import signal
import socket
import time
from dataclasses import dataclass
from typing import Protocol

from jobs.engine.beside import Beside, Keeper, signal_group
from jobs.engine.claim import Claim
from jobs.engine.fork_server import run_fork_server

# A server that has not buried its dead body after so many seconds is ended itself.
LONGEST_REAP = 2.0


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
    """A process of the run's own, forked by the server beside us, which tells of its birth and of its end.

    It stays a zombie until ``reap``: so long its number is its own.
    """

    server: Beside
    log_fd: int
    result_fd: int
    status: int | None = None
    _pid: int = 0
    _stopped: bool = False
    _killed: bool = False

    @property
    def end_fd(self) -> int:
        """Return the server's socket."""
        return self.server.control.fileno()

    def ended(self) -> bool:
        """Read the server's word, or that it died and everything with it."""
        data = self.server.hear()
        if data is None:
            return False
        if not data:
            self._lose()
            return True
        word = json.loads(data)
        self._pid = word.get("pid", self._pid)
        self.status = word.get("status")
        if "pid" in word and self._stopped:
            self.stop()
        return "pid" not in word

    def stop(self) -> None:
        """Send SIGTERM to it and everything that it started, as soon as it is there."""
        self._stopped = True
        if self._pid:
            signal_group(self._pid, signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL to it and all that it started; to the server too, where that tells of no end."""
        if self.status is None:
            self._end_group()
            if self._killed or not self._pid:
                signal_group(self.server.pid, signal.SIGKILL)
            self._killed = True

    def reap(self) -> None:
        """Take the exit status, if it is not known, after an end of whatever still works."""
        if self.status is not None:
            return
        # What the body left running in its group has no run any more.
        self._end_group()
        deadline = time.monotonic() + LONGEST_REAP
        with contextlib.suppress(OSError):
            self.server.control.sendall(b"reap")
        while self.status is None:
            if time.monotonic() > deadline:
                self._lose()
            else:
                self.ended()

    def close(self) -> None:
        """Close our ends of the pipes; the server stays for the next run."""
        os.close(self.log_fd)
        os.close(self.result_fd)

    def _lose(self) -> None:
        """End the server; the body dies with its parent, what it started does not."""
        self._end_group()
        self.status = _keeper.forget()

    def _end_group(self) -> None:
        if self._pid:
            signal_group(self._pid, signal.SIGKILL)


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


_keeper = Keeper(run_fork_server, sort=socket.SOCK_SEQPACKET)


def fork_body(claim: Claim) -> ForkedBody:
    """Have the body of a claim forked; the claim goes by a file in memory that only the body reads."""
    pipes = Pipes.open()
    order = json.dumps({"kind": claim.kind}).encode()
    claim_fd = os.memfd_create("claim")
    try:
        with open(claim_fd, "wb", closefd=False) as file:
            file.write(claim.as_json())
        os.lseek(claim_fd, 0, os.SEEK_SET)
        server = _keeper.send(order, [claim_fd, pipes.log_write, pipes.result_write])
    finally:
        os.close(claim_fd)
        pipes.close_writers()
    return ForkedBody(server, pipes.log_read, pipes.result_read)


def ahead() -> None:
    """Fork the server while this process has written little: later there is more to copy."""
    _keeper.ahead()
