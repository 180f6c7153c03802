"""Processes that a pool child keeps beside it from one run to the next.

Each is forked from it once and then takes orders over a socket, until the socket or the pool child ends.
"""

import os
import select
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass

import structlog

log = structlog.get_logger(__name__)

# A process of ours reads its socket at once, whatever it works on; one that does not is as good as dead.
ANSWER_SECONDS = 1.0
READ_SIZE = 64 * 1024


@dataclass(slots=True)
class Beside:
    """Such a process and our end of its socket."""

    pid: int
    control: socket.socket

    @property
    def alive(self) -> bool:
        """Say whether it still listens: between two runs it says nothing, so any news is its end."""
        poll = select.poll()
        poll.register(self.control, select.POLLIN)
        return not poll.poll(0)

    def hear(self) -> bytes | None:
        """Read what it says: nothing where it is gone, None where there was nothing to read yet."""
        try:
            return self.control.recv(READ_SIZE)
        except (TimeoutError, BlockingIOError):
            return None
        except OSError:
            return b""

    def end(self) -> int:
        """End it with everything in its group, and return its status."""
        signal_group(self.pid, signal.SIGKILL)
        self.control.close()
        return os.waitpid(self.pid, 0)[1]


class Keeper:
    """The one process of its sort beside this pool child.

    ``start`` is given the process's end of its socket, starts it, and returns its number.
    """

    def __init__(
        self,
        start: Callable[[socket.socket], int],
        *,
        sort: socket.SocketKind = socket.SOCK_STREAM,
    ) -> None:
        self._start = start
        self._sort = sort
        self._process: Beside | None = None
        self._owner = 0

    def ahead(self) -> None:
        """Start the process before a run needs it."""
        try:
            self.lend()
        except OSError as error:
            # No process to be had now; the run that needs one asks again.
            log.warning("not_ahead", error=str(error))

    def lend(self) -> Beside:
        """Return the process, started now where there is none that waits for work."""
        if self._owner != os.getpid():
            # A fork of our parent's: what it keeps is not ours.
            self._process, self._owner = None, os.getpid()
        self.tidy()
        if self._process is None:
            self._process = self._begin()
        return self._process

    def send(self, data: bytes, descriptors: list[int]) -> Beside:
        """Send an order with its descriptors, and return the process that has it."""
        process = self.lend()
        try:
            _send_to(process, data, descriptors)
        except OSError as error:
            # It left between the look and the word, or does not read: nothing has begun in it.
            log.info("process_renewed", error=str(error))
            self.forget()
            process = self.lend()
            _send_to(process, data, descriptors)
        return process

    def tidy(self) -> None:
        """Bury the process where it left by itself."""
        if self._owner == os.getpid() and self._process is not None and not self._process.alive:
            self.forget()

    def forget(self) -> int:
        """End the process and return its status; the next run gets another."""
        process, self._process = self._process, None
        return process.end() if process is not None else 0

    def _begin(self) -> Beside:
        ours, theirs = socket.socketpair(socket.AF_UNIX, self._sort)
        with theirs:
            pid = self._start(theirs)
        ours.settimeout(ANSWER_SECONDS)
        return Beside(pid, ours)


def _send_to(process: Beside, data: bytes, descriptors: list[int]) -> None:
    sent = socket.send_fds(process.control, [data], descriptors)
    if sent < len(data):
        process.control.sendall(data[sent:])


def signal_group(pid: int, number: int) -> None:
    """Signal a process and everything in its group."""
    # setsid may not have happened yet in a process that was just forked: then there is no such group.
    for send in (os.killpg, os.kill):
        try:
            send(pid, number)
        except ProcessLookupError:
            continue
