"""The body of a run as its supervisor sees it: something with two pipes that ends once."""

import contextlib
import json
import os
import signal
import socket
import sys
import time
from dataclasses import dataclass
from typing import Protocol

from django.conf import ENVIRONMENT_VARIABLE, settings

from jobs.engine.beside import Beside, Keeper, signal_group
from jobs.engine.claim import Claim
from jobs.engine.fork_server import CONTROL_FD

# What a new interpreter does: find what we find, load the portal, and be a fork server.
_BEGIN = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); import django; django.setup();"
    " from jobs.engine.fork_server import run_fork_server; run_fork_server(int(sys.argv[2]))"
)
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

    It stays a zombie until ``reap``: so long its number is its own. Its status is part of that word.
    """

    server: Beside
    log_fd: int
    result_fd: int
    status: int | None = None
    _pid: int = 0
    _stopped: bool = False
    _killed: bool = False
    _reaped: bool = False

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
        return self.status is not None

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
        """Have it buried after an end of whatever still works; wait for its status, if that is not known."""
        if self._reaped:
            return
        self._reaped = True
        # What the body left running in its group has no run any more.
        self._end_group()
        deadline = time.monotonic() + LONGEST_REAP
        with contextlib.suppress(OSError):
            self.server.control.sendall(b"bury")
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
        self._reaped = True
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


def start_server(control: socket.socket) -> int:
    """Start a fork server on its end of a socket pair, and return its number."""
    command = [sys.executable, "-c", _BEGIN, json.dumps(sys.path), str(os.getpid())]
    return os.posix_spawn(
        sys.executable,
        command,
        # A copy of the starter was told of its settings in another way.
        {**os.environ, ENVIRONMENT_VARIABLE: settings.SETTINGS_MODULE},
        file_actions=[(os.POSIX_SPAWN_DUP2, control.fileno(), CONTROL_FD)],
        # It is deaf to a service manager from its first moment on.
        setsigmask=[signal.SIGTERM],
    )


_keeper = Keeper(start_server, sort=socket.SOCK_SEQPACKET)


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
    """Start the server: it loads for about a second, which no run shall wait for."""
    _keeper.ahead()
