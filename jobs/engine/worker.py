"""The worker: Celery's, and beside it a poller that finds work in PostgreSQL whatever the broker does.

Celery's event loop owns its pool, and while the consumer reconnects that loop does not turn: nothing could be
handed to the pool then. So this worker does without the loop; its pool is driven by threads and takes a drain
from the poller at any time, also before the broker ever answered.
"""

import gc
import os
import threading
import time
from typing import Any

import structlog
from celery import bootsteps, signals
from celery.apps.worker import Worker as CeleryWorker
from django.conf import settings
from django.db import Error, connection, transaction
from django.db.models.functions import Now
from setproctitle import setproctitle

from jobs.choices import QUERY_KIND
from jobs.engine import bodies, warm
from jobs.engine.claim import count_claimable
from jobs.engine.drain import drain
from jobs.engine.identity import HOST, worker_name
from jobs.engine.pool import TaskPool
from jobs.engine.stopping import stop_worker
from jobs.models import Worker
from jobs.runners.registry import runner_for

log = structlog.get_logger(__name__)

# A drain that no child took for this long, although not all are busy, means that the pool is broken.
DEAF_AFTER = 60.0


class Poller(bootsteps.StartStopStep):
    """Look into PostgreSQL every RUN_POLL seconds, and hand drains to the worker's own pool."""

    requires = ("celery.worker.components:Pool",)

    def __init__(self, parent: Any, **options: Any) -> None:
        super().__init__(parent, **options)
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._handed = 0
        self._waiting_since: float | None = None
        self._silent = False

    def start(self, parent: Any) -> None:
        """Start the thread; the consumer, which may never reach its broker, starts after this."""
        self._thread = threading.Thread(target=self._run, args=(parent,), name="poller", daemon=True)
        self._thread.start()

    def stop(self, parent: Any) -> None:
        """Stop polling."""
        self._over.set()

    def terminate(self, parent: Any) -> None:
        """Stop polling at a cold shutdown too."""
        self._over.set()

    def _run(self, parent: Any) -> None:
        while not self._over.is_set():
            try:
                self._poll(parent)
                self._silent = False
            except Error as error:
                if not self._silent:
                    log.warning("poll_failed", error=str(error))
                self._silent = True
                connection.close()
            self._over.wait(settings.RUN_POLL)
        self._leave()

    def _poll(self, parent: Any) -> None:
        if self._deaf():
            log.critical("pool_is_deaf", seconds=DEAF_AFTER)
            os._exit(1)
        slots = int(parent.concurrency)
        polled = Worker.objects.filter(name=worker_name()).update(polled_at=Now(), slots=slots)
        if not polled:
            Worker.objects.create(name=worker_name(), host=HOST, pid=os.getpid(), slots=slots)
        # As many drains as there is work, but never more than there are slots: a drain goes on by itself.
        for _ in range(min(count_claimable(slots), slots - self._handed)):
            self._hand_drain(parent.pool)

    def _hand_drain(self, pool: Any) -> None:
        with self._lock:
            self._handed += 1
            if self._waiting_since is None:
                self._waiting_since = time.monotonic()
        taken = pool._pool.apply_async(
            drain,
            waitforslot=False,
            accept_callback=self._accepted,
            callback=self._done,
            error_callback=self._done,
        )
        if taken is None:
            # The pool is closing.
            self._done(None)

    def _accepted(self, *_: Any) -> None:
        self._waiting_since = None

    def _done(self, _result: Any) -> None:
        with self._lock:
            self._handed -= 1
            if self._handed == 0:
                self._waiting_since = None

    def _deaf(self) -> bool:
        """Say whether drains wait although a child is free; nobody but a new worker can help then."""
        since = self._waiting_since
        if since is None or time.monotonic() - since < DEAF_AFTER:
            return False
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM jobs_run WHERE state = 'running' AND worker = %s", [worker_name()]
            )
            idle = int(cursor.fetchone()[0]) == 0
        if not idle:
            # Its children are rightly busy: from now on, what waits has waited no time at all.
            self._waiting_since = time.monotonic()
        return idle

    def _leave(self) -> None:
        try:
            Worker.objects.filter(name=worker_name()).delete()
        except Error as error:
            log.warning("worker_row_left", error=str(error))
        connection.close()


class PollingWorker(CeleryWorker):
    """Celery's worker without its event loop, with the poller and the robust pool."""

    def should_use_eventloop(self) -> bool:
        """Never: see the module."""
        return False

    def setup_instance(self, *args: Any, **options: Any) -> None:
        """Put in our pool and the poller."""
        self.pool_cls = TaskPool
        self.app.steps["worker"].add(Poller)
        setproctitle(f"data-desk: worker {worker_name()}")
        if settings.WARM_AHEAD:
            # Before the pool is forked: its children share the code.
            runner_for(QUERY_KIND)
        # Nothing is asked of other workers, and nothing told to them.
        options |= {"without_mingle": True, "without_gossip": True, "without_heartbeat": True}
        super().setup_instance(*args, **options)
        # What is loaded now is left out of the children's garbage collections, which would copy its pages.
        gc.collect()
        gc.freeze()


@signals.setup_logging.connect
def _keep_logging(**_: Any) -> None:
    """Leave Django's logging as it is; a receiver here keeps Celery from setting up its own."""


@signals.worker_process_init.connect
def _prepare_child(**_: Any) -> None:
    bodies.ahead()
    warm.ahead()


@signals.worker_shutting_down.connect
def _stop_claiming(**_: Any) -> None:
    stop_worker()
