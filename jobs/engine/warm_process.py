"""The warm process itself: it loads the engine once and works on one claim after another.

It never forks, so threads do no harm here: one listens to the supervisor while the main one works.
"""

import json
import os
import queue
import signal
import socket
import sys
import threading
import time
import traceback
from dataclasses import dataclass
from types import FrameType
from typing import Any, NoReturn

from django.conf import settings
from django.db import close_old_connections, connection
from setproctitle import setproctitle

from jobs.choices import QUERY_KIND
from jobs.engine.body import (
    EXIT_FAILED,
    EXIT_OK,
    Cancelled,
    PipeReporter,
    Ties,
    cut_ties,
    direct_output,
    do_work,
)
from jobs.engine.claim import Claim
from jobs.engine.confined import confine_body
from jobs.runners import pipelines
from jobs.runners.base import Kept
from jobs.runners.registry import runner_for

IDLE_TITLE = "data-desk: warm"
# An interrupt that comes before the engine began is forgotten by it, so it is said again.
INTERRUPT_PAUSE = 0.05
# While it is not warm yet it tries again after so many seconds.
WARM_PAUSE = 15.0
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Order:
    """A claim with its two pipes."""

    claim: Claim
    log_fd: int
    result_fd: int

    @property
    def key(self) -> str:
        """Return what a stop names it by."""
        return f"{self.claim.run_id}:{self.claim.fence}"


def run_warm(control: socket.socket, ties: Ties, parent: int) -> NoReturn:
    """Become the warm process of a pool child; never returns into the supervisor's code."""
    status = EXIT_FAILED
    try:
        # Between two runs words go where the worker's go.
        log_fd, null = os.dup(2), os.open(os.devnull, os.O_RDWR)
        kept = frozenset({control.fileno(), log_fd, null})
        logger = cut_ties(IDLE_TITLE, ties=ties, parent=parent, log_fd=log_fd, result_fd=null, kept=kept)
        # A service manager signals every process; the supervisor decides what becomes of the run.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        server = Server(control, idle_fds=(log_fd, null))
        _load_pipelines()
        # Before the first thread: one that runs already would keep its rights.
        confine_body(write=[])
        signal.signal(signal.SIGUSR1, server.unwind)
        server.listen()
        server.serve(logger)
        status = EXIT_OK
    except BaseException:
        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(status)


class Server:
    """Take orders until nobody gives any more."""

    def __init__(self, control: socket.socket, *, idle_fds: tuple[int, int]) -> None:
        self._control = control
        self._idle_fds = idle_fds
        self._kept = Kept()
        self._orders: queue.SimpleQueue[Order | None] = queue.SimpleQueue()
        self._stopped: set[str] = set()
        self._key = ""
        self._reporter: PipeReporter | None = None
        self._leaving = self._warm = False
        self._at_rest = 0.0
        self._cold_because = ""
        self._runs = 0
        self._main = threading.main_thread().ident or 0
        # Opened while it may be: the process is going to be confined.
        self._memory = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)

    def listen(self) -> None:
        """Begin to read the socket."""
        threading.Thread(target=self._listen, name="orders", daemon=True).start()

    def serve(self, logger: Any) -> None:
        """Load the engine, then work until the socket ends or no order came for long."""
        self._warm_up()
        while (order := self._next()) is not None:
            if self._work(order, logger):
                return

    def unwind(self, _signal: int, _frame: FrameType | None) -> None:
        """Leave what the main thread does for a run that was stopped; once, and in no other run."""
        reporter = self._reporter
        if reporter is not None and self._key in self._stopped and not reporter.stopped:
            reporter.stopped = True
            raise Cancelled

    def _warm_up(self) -> None:
        try:
            runner_for(QUERY_KIND)
            connection.ensure_connection()
            self._kept.warm_up()
        except Exception as error:
            # The lake may be empty yet; the run that needs it will say so.
            if str(error) != self._cold_because:
                self._cold_because = str(error)
                sys.stderr.write(f"not warm: {error}\n")
        else:
            self._warm, self._at_rest = True, self._megabytes

    def _next(self) -> Order | None:
        end = time.monotonic() + settings.WARM_IDLE
        while (left := end - time.monotonic()) > 0:
            try:
                return self._orders.get(timeout=left if self._warm else min(left, WARM_PAUSE))
            except queue.Empty:
                if not self._warm:
                    self._warm_up()
        # From here on a sender gets an error. An order that was sent before is still read, and kept.
        self._leaving = True
        self._control.shutdown(socket.SHUT_RD)
        return self._orders.get()

    def _work(self, order: Order, logger: Any) -> bool:
        """Do one run; say whether it was the last of this process."""
        direct_output(order.log_fd, order.result_fd)
        os.close(order.log_fd)
        os.close(order.result_fd)
        setproctitle(f"{IDLE_TITLE}: run {order.claim.number} {order.claim.job_key}")
        reporter = PipeReporter()
        self._key, self._reporter = order.key, reporter
        try:
            if order.key in self._stopped:
                reporter.stopped, status = True, EXIT_FAILED
            else:
                close_old_connections()
                status = do_work(order.claim, reporter, logger, self._kept)
        except Cancelled:
            status = EXIT_FAILED
        finally:
            self._reporter, self._key = None, ""
        sys.stdout.flush()
        log_fd, null = self._idle_fds
        direct_output(log_fd, null)
        setproctitle(IDLE_TITLE)
        self._runs += 1
        last = self._leaving or self._used_up
        word = {"status": status, "last": last}
        self._control.sendall(json.dumps(word).encode() + b"\n")
        self._stopped.discard(order.key)
        return last

    @property
    def _used_up(self) -> bool:
        large = self._megabytes > _most_kept(self._at_rest)
        return self._kept.broken or large or self._runs >= settings.WARM_RUNS

    @property
    def _megabytes(self) -> float:
        return int(os.pread(self._memory, 100, 0).split()[1]) * _PAGE / 1024**2

    def _listen(self) -> None:
        rest, descriptors = b"", []
        while True:
            data, received, _, _ = socket.recv_fds(self._control, 64 * 1024, 8)
            if not data:
                break
            descriptors += received
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                message = json.loads(line)
                if "stop" in message:
                    self._stop(message["stop"])
                else:
                    log_fd, result_fd = descriptors[:2]
                    del descriptors[:2]
                    self._orders.put(Order(Claim.from_json(message["claim"]), log_fd, result_fd))
        if not self._leaving:
            # The supervisor is gone: nobody may end the run any more, so it must not go on.
            os._exit(EXIT_FAILED)
        self._orders.put(None)

    def _stop(self, key: str) -> None:
        self._stopped.add(key)
        threading.Thread(target=self._interrupt, args=(key,), daemon=True).start()

    def _interrupt(self, key: str) -> None:
        while self._key == key:
            self._kept.interrupt()
            signal.pthread_kill(self._main, signal.SIGUSR1)
            time.sleep(INTERRUPT_PAUSE)


def _most_kept(at_rest: float) -> float:
    """Return the MB that may stay from one run to the next, of a process that has so many when it is warm.

    An engine that ran out of memory gives only a part of it back: the next run would have the rest of the
    process's limit, and fail for what another one did.
    """
    most = float(settings.WARM_MEMORY_MB)
    limit = settings.RUN_MEMORY_MB
    return min(most, at_rest + (limit - at_rest) / 4) if limit else most


def _load_pipelines() -> None:
    """Load the pipelines while they can be read, wherever they lie."""
    try:
        pipelines.pipelines()
    except Exception as error:
        # Whoever runs one of them is told; a query needs none.
        sys.stderr.write(f"pipelines not loaded: {error}\n")
