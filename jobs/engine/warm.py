"""Keep one warm process beside this pool child, and lend it to one run after another.

A supervisor must never load an engine: its threads would not survive the next fork. Loading one for each run
would cost half a second. So the engine lives in a process of its own that is forked once, before it loads
anything, and then takes claim after claim over a socket, each with two fresh pipes.
"""

import contextlib
import json
import os
import select
import signal
import socket
from dataclasses import asdict, dataclass

import structlog
from django.conf import settings

from jobs.engine.bodies import Pipes, signal_group
from jobs.engine.claim import Claim
from jobs.engine.warm_process import run_warm

log = structlog.get_logger(__name__)

# The process reads its socket at once, whatever it works on; one that does not is as good as dead.
SEND_SECONDS = 1.0
READ_SIZE = 64 * 1024


@dataclass(slots=True)
class WarmProcess:
    """The process and our end of its socket."""

    pid: int
    control: socket.socket

    @classmethod
    def fork(cls) -> "WarmProcess":
        """Fork it; the child never returns from here."""
        ours, theirs = socket.socketpair()
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            run_warm(theirs, parent=parent)
        theirs.close()
        ours.settimeout(SEND_SECONDS)
        return cls(pid, ours)

    @property
    def alive(self) -> bool:
        """Say whether it still listens: between two runs it says nothing, so any news is its end."""
        poll = select.poll()
        poll.register(self.control, select.POLLIN)
        return not poll.poll(0)

    def end(self) -> int:
        """End it with everything in its group, and return its status."""
        signal_group(self.pid, signal.SIGKILL)
        self.control.close()
        return os.waitpid(self.pid, 0)[1]


class Keeper:
    """The one warm process of this pool child."""

    def __init__(self) -> None:
        self._process: WarmProcess | None = None
        self._owner = 0

    def tidy(self) -> None:
        """Bury the process where it left by itself since the last run."""
        if self._owner == os.getpid() and self._process is not None and not self._process.alive:
            self.forget()

    def lend(self) -> WarmProcess:
        """Return a process that waits for a claim."""
        if self._owner != os.getpid():
            # A fork of our parent's: what it keeps is not ours.
            self._process, self._owner = None, os.getpid()
        self.tidy()
        if self._process is None:
            self._process = WarmProcess.fork()
        return self._process

    def forget(self) -> int:
        """End the process and return its status; the next run gets another."""
        process, self._process = self._process, None
        return process.end() if process is not None else 0


_keeper = Keeper()


def ahead() -> None:
    """Have a process load the engine before a run needs it."""
    if settings.WARM_AHEAD:
        try:
            _keeper.lend()
        except OSError as error:
            # No process to be had now; the run that needs one asks again.
            log.warning("not_warm_ahead", error=str(error))


def tidy() -> None:
    """Bury a warm process that left by itself."""
    _keeper.tidy()


@dataclass(slots=True)
class WarmBody:
    """A run in the warm process: its word is the end, or its death."""

    process: WarmProcess
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
        try:
            data = self.process.control.recv(READ_SIZE)
        except (TimeoutError, BlockingIOError):
            return False
        except OSError:
            data = b""
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
    data = json.dumps({"claim": asdict(claim)}, default=str).encode() + b"\n"
    try:
        process = _send(data, [pipes.log_write, pipes.result_write])
    finally:
        pipes.close_writers()
    return WarmBody(process, f"{claim.run_id}:{claim.fence}", pipes.log_read, pipes.result_read)


def _send(data: bytes, descriptors: list[int]) -> WarmProcess:
    process = _keeper.lend()
    try:
        _send_to(process, data, descriptors)
    except OSError as error:
        # It left between the look and the word, or does not read: nothing has begun in it.
        log.info("warm_process_renewed", error=str(error))
        _keeper.forget()
        process = _keeper.lend()
        _send_to(process, data, descriptors)
    return process


def _send_to(process: WarmProcess, data: bytes, descriptors: list[int]) -> None:
    sent = socket.send_fds(process.control, [data], descriptors)
    process.control.sendall(data[sent:])
