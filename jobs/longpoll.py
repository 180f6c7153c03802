"""Wait for a run to end, a bounded number of callers at a time."""

import threading
import time
from uuid import UUID

from django.db.models import QuerySet

from jobs.choices import RunState
from jobs.models import Run

LONGEST = 20
AT_ONCE = 4
PAUSE = 0.2

# Each waiting call keeps a thread of the web process; beyond this number callers are answered at once.
_places = threading.BoundedSemaphore(AT_ONCE)


def wait_for_end(run_id: UUID, seconds: float) -> None:
    """Return when the run has ended, after ``seconds``, or at once when too many wait already.

    The run is read again and again outside any transaction, so that nothing is held meanwhile.
    """
    if not _places.acquire(blocking=False):
        return
    try:
        open_run: QuerySet[Run] = Run.objects.filter(pk=run_id, state__in=RunState.open())
        until = time.monotonic() + min(seconds, LONGEST)
        while open_run.exists() and (left := until - time.monotonic()) > 0:
            time.sleep(min(PAUSE, left))
    finally:
        _places.release()
