"""The fork server of a pool child: it forks the bodies of runs and does nothing else.

A fork makes every page dear that the forking process or its child writes afterwards. A supervisor works with
the database between two forks and would pay for thousands; this process only waits. It has cut its ties once
for all bodies, and loaded what they run. One body is forked ahead: a trigger shall not wait for that.
"""

import gc
import json
import os
import select
import signal
import socket
import sys
import traceback
from dataclasses import dataclass
from typing import Any, NoReturn, Self

from jobs.engine.body import EXIT_FAILED, EXIT_OK, Ties, cut_ties, run_body
from jobs.runners.registry import runner_for

TITLE = "data-desk: forks bodies"
_WORD = 1024


def run_fork_server(control: socket.socket, ties: Ties, parent: int) -> NoReturn:
    """Become the fork server of a pool child; never returns into the supervisor's code."""
    status = EXIT_FAILED
    try:
        # Words of modules that are being loaded go where the worker's go.
        log_fd, null = os.dup(2), os.open(os.devnull, os.O_RDWR)
        kept = frozenset({control.fileno(), log_fd, null})
        cut_ties(TITLE, ties=ties, parent=parent, log_fd=log_fd, result_fd=null, kept=kept)
        # A service manager signals every process; the supervisor decides what becomes of the run.
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        ForkServer(control).serve()
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
    def now(cls) -> Self:
        """Fork it; the child never returns from here."""
        ours, theirs = socket.socketpair()
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            run_body(theirs, parent=parent)
        theirs.close()
        return cls(pid, os.pidfd_open(pid), ours)

    def begin(self, descriptors: list[int]) -> bool:
        """Hand it the claim and the pipes; False where it is not there any more."""
        try:
            socket.send_fds(self.control, [b"claim"], descriptors)
        except OSError:
            return False
        return True

    def bury(self) -> int:
        """Wait for its end, and return its status."""
        self.control.close()
        os.close(self.pidfd)
        return os.waitpid(self.pid, 0)[1]


class ForkServer:
    """Take an order, begin a body, tell its number and its end, bury it when asked to, and again."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._loaded: set[str] = set()
        self._next: Forked | None = None

    def serve(self) -> None:
        """Go on until the supervisor is gone."""
        self._leave_out_of_collections()
        while True:
            data, descriptors, _, _ = socket.recv_fds(self._control, _WORD, 3)
            if not data:
                return
            self._load(json.loads(data)["kind"])
            body = self._begin(descriptors)
            for number in descriptors:
                os.close(number)
            self._tell(pid=body.pid)
            if not self._watch(body):
                # What is left of it goes with us.
                return
            self._next = Forked.now()

    def _begin(self, descriptors: list[int]) -> Forked:
        """Give the order to the process that waits for one, or to a new one."""
        waiting, self._next = self._next, None
        if waiting is not None:
            if waiting.begin(descriptors):
                return waiting
            waiting.bury()
        body = Forked.now()
        body.begin(descriptors)
        return body

    def _watch(self, body: Forked) -> bool:
        """Tell the body's end and, when asked for, its status; False when nobody is left to tell."""
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        poll.register(body.pidfd, select.POLLIN)
        while True:
            ready = {number for number, _ in poll.poll()}
            if body.pidfd in ready:
                poll.unregister(body.pidfd)
                self._tell(ended=True)
            if self._control.fileno() in ready:
                if not self._control.recv(_WORD):
                    return False
                self._tell(status=body.bury())
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
        self._leave_out_of_collections()
        if self._next is not None:
            # It was forked without.
            os.kill(self._next.pid, signal.SIGKILL)
            self._next.bury()
            self._next = None

    @staticmethod
    def _leave_out_of_collections() -> None:
        """Keep the garbage collectors of bodies from touching, and so copying, what lives here."""
        gc.collect()
        gc.freeze()
