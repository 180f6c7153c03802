"""The worker's pool of processes: fed by threads, so it needs no broker, and safe from kill -9."""

import fcntl
import os
from typing import Any, Self

from billiard.pool import Pool
from celery.concurrency import prefork


class KernelLock:
    """A lock between processes that the kernel takes back from a holder that dies.

    An idle pool child waits for work inside the queue's lock. With a semaphore, kill -9 of that child would
    leave the lock taken for ever and the whole worker deaf.
    """

    def __init__(self) -> None:
        self._file = os.memfd_create("pool-lock")

    def acquire(self) -> bool:
        """Wait for the lock."""
        fcntl.lockf(self._file, fcntl.LOCK_EX)
        return True

    def release(self) -> None:
        """Give the lock back."""
        fcntl.lockf(self._file, fcntl.LOCK_UN)

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


class SlotPool(Pool):
    """billiard's thread-driven pool with locks that survive their holders."""

    def _setup_queues(self) -> None:
        super()._setup_queues()  # type: ignore[misc]
        queues: tuple[Any, Any] = (self._inqueue, self._outqueue)  # type: ignore[attr-defined]
        for queue in queues:
            queue._rlock, queue._wlock = KernelLock(), KernelLock()


class TaskPool(prefork.TaskPool):
    """Celery's prefork pool over SlotPool."""

    BlockingPool: type[Any] = SlotPool
