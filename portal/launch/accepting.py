"""A web process lets in what it can answer: one request after the other, and nobody once it is told to stop.

A thread of Python that computes keeps the others waiting, so two pages at once are both later than one after
the other, and the process beside it may be idle. What waits, for a database or for the end of a run, keeps
nobody waiting: see ``_is_free``.

Gunicorn's own waits for each client to close its end of an answered connection, for two seconds at most, and
does nothing else meanwhile. Here the poller looks after these, as after everything that is waited for.

Gunicorn's own, told to stop, goes on listening until its last request is answered: the kernel takes
connections in that nobody is going to serve, and resets them in the end. One that is refused goes to another
instance.
"""

import contextlib
import socket
import threading
import time
from collections import deque
from concurrent.futures import Future
from functools import partial
from selectors import EVENT_READ
from typing import Any, Final

from gunicorn.workers.gthread import ThreadWorker

from portal import configuration as conf
from portal.launch.leaving import Leaving

DRAIN: Final = conf.integer("WEB_DRAIN", 0, most=600)
# Seconds: after LOOK it is seen whether a request computes or waits; after LONGEST it counts as waiting.
LOOK: Final = 0.02
LONGEST: Final = 0.05
# A client closes its end within so many seconds of the answer, or it is closed for them.
LINGER: Final = 2.0
# So much is read of what a client still sends, in bytes.
_DRAINED: Final = 65_536


class AcceptingWorker(ThreadWorker):  # type: ignore[misc]
    """Takes a request in when it is free, and closes the port as soon as it stops."""

    sockets: list[Any]
    nr_conns: int

    def init_process(self) -> None:
        """Begin with nothing to do."""
        self._begun: dict[Any, float] = {}
        self._looked = (0.0, 0.0)
        # Answered connections, the oldest first, and until when they are waited for.
        self._parting: deque[tuple[float, Any]] = deque()
        super().init_process()

    def handle_exit(self, sig: Any, frame: Any) -> None:
        """Begin to leave: say so by /readyz at once, and close the port after WEB_DRAIN seconds."""
        if DRAIN and not Leaving.asked:
            threading.Timer(DRAIN, super().handle_exit, (sig, frame)).start()
        else:
            super().handle_exit(sig, frame)
        Leaving.asked = True

    def accept(self, listener: Any) -> None:
        """Take a connection in; the next one is the others' until this one is answered or waits."""
        super().accept(listener)
        if self._begun:
            super().set_accept_enabled(False)

    def enqueue_req(self, conn: Any) -> None:
        """Have a request answered."""
        self._begun[conn] = now = time.monotonic()
        self._looked = (now, time.process_time())
        super().enqueue_req(conn)

    def finish_request(self, conn: Any, fs: "Future[Any]") -> None:
        """Note that a request is answered, and let its client go."""
        self._begun.pop(conn, None)
        if fs.cancelled() or fs.exception() or fs.result() is not False:
            super().finish_request(conn, fs)
            return
        # Closed at once with something unread in it, the kernel would take the end of the answer back.
        try:
            conn.sock.shutdown(socket.SHUT_WR)
            conn.sock.setblocking(False)
            self.poller.register(conn.sock, EVENT_READ, partial(self._drain, conn))
        except OSError:
            self._close(conn)
        else:
            self._parting.append((time.monotonic() + LINGER, conn))

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Wait for something to do; while the port is left to others, only until that may be over."""
        super().wait_for_and_dispatch_events(timeout if self._accepting else min(timeout, LOOK))
        now = time.monotonic()
        while self._parting and (self._parting[0][1].sock.fileno() < 0 or self._parting[0][0] < now):
            self._let_go(self._parting.popleft()[1])

    def set_accept_enabled(self, enabled: bool) -> None:
        """Look at the port, or no longer; a process that is only replaced leaves it to the others."""
        super().set_accept_enabled(enabled and self._is_free())
        if Leaving.asked and not self.alive:
            for listener in self.sockets:
                self._take_in(listener)
                listener.close()
            self.sockets = []

    def _is_free(self) -> bool:
        """Say whether nothing computes here: in the last LOOK seconds less than a quarter of a processor."""
        now, used = time.monotonic(), time.process_time()
        if not self._begun or now - max(self._begun.values()) >= LONGEST:
            return True
        since, before = self._looked
        if now - since < LOOK:
            return False
        self._looked = (now, used)
        return used - before < (now - since) / 4

    def _drain(self, conn: Any, client: Any) -> None:
        """Read what a client still sends until it closes its end."""
        read = b""
        with contextlib.suppress(OSError):
            read = client.recv(_DRAINED)
        if not read:
            self._let_go(conn)

    def _let_go(self, conn: Any) -> None:
        if conn.sock.fileno() >= 0:
            self.poller.unregister(conn.sock)
            self._close(conn)

    def _close(self, conn: Any) -> None:
        self.nr_conns -= 1
        conn.close()

    def _take_in(self, listener: Any) -> None:
        before = -1
        while self.nr_conns != before:
            before = self.nr_conns
            self.accept(listener)
