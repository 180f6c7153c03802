"""Tell a worker to stop: take nothing new at once, give bodies their grace, hand over the rest."""

import mmap
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from django.conf import settings

# One byte that the main process shares with every pool child it forks: no signal and no table is needed to
# reach a child that is just being born.
_SHARED = mmap.mmap(-1, 1)


class Stopping:
    """Whether this supervisor was told to stop, and whether the grace of its body is over."""

    def __init__(self) -> None:
        self._signalled = False
        self._since: float | None = None

    @property
    def requested(self) -> bool:
        """Say whether to take no more runs; the grace begins when this is first seen."""
        if self._since is None and (self._signalled or _SHARED[0] == 1):
            self._since = time.monotonic()
        return self._since is not None

    @property
    def overdue(self) -> bool:
        """Say whether the body had its grace."""
        return self.requested and time.monotonic() - (self._since or 0.0) >= settings.RUN_GRACE

    def _remember(self, _signal: int, _frame: FrameType | None) -> None:
        self._signalled = True


def stop_worker() -> None:
    """Tell all supervisors of this worker to stop (called in its main process)."""
    _SHARED[0] = 1


@contextmanager
def stoppable() -> Iterator[Stopping]:
    """Turn a SIGTERM to this process into a request to stop while it supervises.

    Service managers signal every process of a group: the default would end the supervisor, and with it its
    body, in the middle of a run. The signal is passed on when the work is done.
    """
    stopping = Stopping()
    before = signal.signal(signal.SIGTERM, stopping._remember)
    try:
        yield stopping
    finally:
        signal.signal(signal.SIGTERM, before)
        if stopping._signalled:
            os.kill(os.getpid(), signal.SIGTERM)
