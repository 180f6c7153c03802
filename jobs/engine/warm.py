"""Keep one warm process beside this pool child, and lend it to one run after another.

A supervisor must never load an engine: its threads would not survive the next fork. Loading one for each run
would cost half a second. So the engine lives in a process of its own that is forked once, before it loads
anything, and then takes claim after claim over a socket, each with two fresh pipes.
"""

import contextlib
import json
import os
import signal
import socket
from dataclasses import dataclass

import structlog
from django.conf import settings

from jobs.engine.beside import Beside, Keeper, signal_group
from jobs.engine.bodies import Pipes
from jobs.engine.body import Ties
from jobs.engine.claim import Claim
from jobs.engine.warm_process import run_warm

log = structlog.get_logger(__name__)


def _fork_warm(control: socket.socket) -> int:
    parent, ties = os.getpid(), Ties.look()
    pid = os.fork()
    if pid == 0:
        run_warm(control, ties, parent)
    return pid


_keeper = Keeper(_fork_warm)


def ahead() -> None:
    """Have a process load the engine before a run needs it."""
    if settings.WARM_AHEAD:
        _keeper.ahead()


def tidy() -> None:
    """Bury a warm process that left by itself."""
    _keeper.tidy()


@dataclass(slots=True)
class WarmBody:
    """A run in the warm process: its word is the end, or its death."""

    process: Beside
    key: str
    log_fd: int
    result_fd: int
    status: int | None = None
    _heard: bytes = b""

    @property
    def end_fd(self) -> int:
        """Return the socket: the word that the run is over comes there, or the end of everything."""
        return self.process.control.fileno()

    def ended(self) -> bool:
        """Read whether the run is over; the process is let go where it said so, or died."""
        data = self.process.hear()
        if data is None:
            return False
        self._heard += data
        if not data:
            self.status = _keeper.forget()
            return True
        if not self._heard.endswith(b"\n"):
            return False
        word = json.loads(self._heard)
        # As a process that leaves with this status would be told.
        self.status = int(word["status"]) << 8
        if word["last"]:
            _keeper.forget()
        return True

    def stop(self) -> None:
        """Ask for the end of this very run; one that comes too late finds another one and harms nothing."""
        order = json.dumps({"stop": self.key}).encode() + b"\n"
        with contextlib.suppress(OSError):
            self.process.control.sendall(order)

    def kill(self) -> None:
        """End the process; its socket tells."""
        if self.status is None:
            signal_group(self.process.pid, signal.SIGKILL)

    def reap(self) -> None:
        """End the process where the run is not over: nothing of it may go on."""
        if self.status is None:
            self.status = _keeper.forget()

    def close(self) -> None:
        """Close our ends of the pipes; the process stays for the next run."""
        os.close(self.log_fd)
        os.close(self.result_fd)


def warm_body(claim: Claim) -> WarmBody:
    """Hand a claim to the warm process, which is forked where there is none."""
    pipes = Pipes.open()
    data = json.dumps({"claim": claim.as_json().decode()}).encode() + b"\n"
    try:
        process = _keeper.send(data, [pipes.log_write, pipes.result_write])
    finally:
        pipes.close_writers()
    return WarmBody(process, f"{claim.run_id}:{claim.fence}", pipes.log_read, pipes.result_read)
