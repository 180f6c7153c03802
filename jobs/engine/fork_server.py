"""The fork server of a pool child: it forks the bodies of runs and does nothing else.

What a body costs is what the kernel notes down of the forking process's memory, and forgets again at the
body's end. So this is a new interpreter, which holds the portal's models and what its bodies run, and nothing
of the web or of Celery; it cuts its ties once for all bodies, and between two of them it only waits. One body
is forked ahead: a trigger shall not wait for that.
"""

import gc
import json
import logging
import os
import select
import signal
import socket
import sys
import traceback
from dataclasses import dataclass
from typing import Any, NoReturn, Self

from jobs.engine import large_pages
from jobs.engine.body import EXIT_FAILED, EXIT_OK, Ties, cut_ties, run_body
from jobs.runners.registry import runner_for

TITLE = "data-desk: forks bodies"
# Where the new interpreter finds its socket: no number that anything of ours is given.
CONTROL_FD = 20
_WORD = 1024


def run_fork_server(parent: int) -> NoReturn:
    """Be the fork server of the pool child with this number."""
    status = EXIT_FAILED
    try:
        # Words of modules that are being loaded go where the worker's go.
        log_fd, null = os.dup(2), os.open(os.devnull, os.O_RDWR)
        kept = frozenset({CONTROL_FD, log_fd, null})
        # A service manager signals every process; the supervisor decides what becomes of the run.
        blocked = frozenset({signal.SIGTERM})
        ties = Ties.look()
        logger = cut_ties(
            TITLE, ties=ties, parent=parent, log_fd=log_fd, result_fd=null, kept=kept, blocked=blocked
        )
        ForkServer(socket.socket(fileno=CONTROL_FD), logger).serve()
        status = EXIT_OK
    except BaseException:
        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(status)


@dataclass(frozen=True, slots=True)
class Forked:
    """A process that waits to become a run's body, or is one."""

    pid: int
    pidfd: int
    control: socket.socket

    @classmethod
    def now(cls, logger: logging.Logger) -> Self:
        """Fork it; the child never returns from here, and speaks by this logger."""
        ours, theirs = socket.socketpair()
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            run_body(theirs, logger, parent=parent)
        theirs.close()
        return cls(pid, os.pidfd_open(pid), ours)

    def begin(self, descriptors: list[int]) -> bool:
        """Hand it the claim and the pipes; False where it is not there any more."""
        try:
            socket.send_fds(self.control, [b"claim"], descriptors)
        except OSError:
            return False
        return True

    def status(self) -> int:
        """Return the status that it ended with, as ``os.waitpid`` does, and leave it unburied."""
        end = os.waitid(os.P_PIDFD, self.pidfd, os.WEXITED | os.WNOWAIT)
        assert end is not None  # noqa: S101 - for the type checker: it has ended
        return end.si_status << 8 if end.si_code == os.CLD_EXITED else end.si_status

    def bury(self) -> int:
        """Wait for its end, and return its status."""
        self.control.close()
        os.close(self.pidfd)
        return os.waitpid(self.pid, 0)[1]


class ForkServer:
    """Take an order, begin a body, tell its number and its end, bury it when told to, and again."""

    def __init__(self, control: socket.socket, logger: logging.Logger) -> None:
        self._control = control
        self._logger = logger
        self._loaded: set[str] = set()
        self._next: Forked | None = None

    def serve(self) -> None:
        """Go on until the supervisor is gone."""
        self._settle()
        while True:
            data, descriptors, _, _ = socket.recv_fds(self._control, _WORD, 3)
            if not data:
                return
            self._load(json.loads(data)["kind"])
            body = self._begin(descriptors)
            for number in descriptors:
                os.close(number)
            self._tell(pid=body.pid)
            # While this one works: where runs come one after the other, the next one's is waiting then.
            self._next = Forked.now(self._logger)
            if not self._watch(body):
                # What is left of it goes with us.
                return

    def _begin(self, descriptors: list[int]) -> Forked:
        """Give the order to the process that waits for one, or to a new one."""
        waiting, self._next = self._next, None
        if waiting is not None:
            if waiting.begin(descriptors):
                return waiting
            waiting.bury()
        body = Forked.now(self._logger)
        body.begin(descriptors)
        return body

    def _watch(self, body: Forked) -> bool:
        """Tell the status that the body ends with, and bury it; False when nobody is left to tell.

        Until the supervisor says that it may be buried, its number is its own.
        """
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        poll.register(body.pidfd, select.POLLIN)
        told = False
        while True:
            ready = {number for number, _ in poll.poll()}
            if body.pidfd in ready:
                poll.unregister(body.pidfd)
                self._tell(status=body.status())
                told = True
            if self._control.fileno() in ready:
                if not self._control.recv(_WORD):
                    return False
                status = body.bury()
                if not told:
                    self._tell(status=status)
                return True

    def _tell(self, **word: Any) -> None:
        self._control.sendall(json.dumps(word).encode())

    def _load(self, kind: str) -> None:
        """Load a kind's runner for all bodies to come; one that cannot be loaded is the body's to tell of."""
        if kind in self._loaded:
            return
        try:
            runner_for(kind)
        except Exception as error:
            sys.stderr.write(f"{kind} not loaded ahead: {error}\n")
        else:
            self._loaded.add(kind)
        self._settle()
        if self._next is not None:
            # It was forked without.
            os.kill(self._next.pid, signal.SIGKILL)
            self._next.bury()
            self._next = None

    @staticmethod
    def _settle() -> None:
        """Make what lives here cheap to fork: few pages, and none that a body's garbage collector touches."""
        gc.collect()
        gc.freeze()
        large_pages.gather()
