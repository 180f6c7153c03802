"""Wake workers without waiting for the broker: a bounded queue and one sender thread in each process.

A wake-up is a hint. Losing one costs seconds, because workers and clocks poll PostgreSQL; waiting for a hung
broker inside a request would cost the request.
"""

import os
import queue
import threading

import structlog
from django.utils.module_loading import import_string

TASK = "jobs.tasks.look_for_work"
QUEUES = frozenset({"default", "etl", "reports"})
LIMIT = 100

log = structlog.get_logger(__name__)


class Sender:
    """Send wake-ups from one daemon thread, started by the first wake-up of a process.

    It is never started at import: gunicorn and Celery load the application before they fork, and a thread
    does not survive a fork.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pid = 0
        self._waiting: queue.Queue[str] = queue.Queue(LIMIT)

    def wake(self, pool_key: str) -> bool:
        """Hand over one wake-up; return False where the queue is full and it was dropped."""
        self._start()
        try:
            self._waiting.put_nowait(pool_key if pool_key in QUEUES else "default")
        except queue.Full:
            return False
        return True

    def _start(self) -> None:
        if self._pid == os.getpid():
            return
        with self._lock:
            if self._pid == os.getpid():
                return
            self._waiting = queue.Queue(LIMIT)
            threading.Thread(target=self._send, args=(self._waiting,), name="wake-ups", daemon=True).start()
            self._pid = os.getpid()

    def _send(self, waiting: "queue.Queue[str]") -> None:
        # Whatever the broker's client raises, this thread must live.
        broken = False
        while True:
            name = waiting.get()
            try:
                # Loaded by who wakes: a process that only works is half as large without it.
                app = import_string("portal.celery.app")
                app.send_task(TASK, queue=name, retry=False, ignore_result=True)
            except Exception as error:
                if not broken:
                    log.warning("wake_up_failed", error=str(error))
                broken = True
            else:
                broken = False

    def _after_fork(self) -> None:
        """Forget what is the parent's; a lock held there at the fork would never be released here."""
        self._lock = threading.Lock()
        self._pid = 0


_sender = Sender()
os.register_at_fork(after_in_child=_sender._after_fork)


def wake(pool_key: str) -> bool:
    """Ask the workers to look for work; never waits for the broker."""
    return _sender.wake(pool_key)
