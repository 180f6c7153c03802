"""Work through what is claimable, in a pool child of the worker."""

import time

import structlog
from django.db import Error, close_old_connections, connection
from django.db.models.functions import Now

from jobs.choices import Isolation
from jobs.engine import patience, warm
from jobs.engine.claim import claim
from jobs.engine.identity import worker_name
from jobs.engine.inline import run_inline
from jobs.engine.stopping import stoppable
from jobs.engine.supervise import Supervisor
from jobs.models import Worker

log = structlog.get_logger(__name__)

# After this long the child goes back to its pool, so that it can be replaced; what is left is found again.
LONGEST = 30.0


def drain(*, woken: bool = False) -> int:
    """Take runs until nothing is claimable, the worker stops, or 30 s are over; return how many.

    ``woken`` says that the broker asked for it, not the worker's own look into the database. A database that
    does not answer ends it too: the poller asks again.
    """
    patience.install()
    close_old_connections()
    warm.tidy()
    done = 0
    end = time.monotonic() + LONGEST
    with stoppable() as stopping:
        try:
            if woken:
                _note(woken_at=Now())
            while not stopping.requested and time.monotonic() < end:
                held = claim(worker_name())
                if held is None:
                    break
                done += 1
                if done == 1 and not woken:
                    _note(found_at=Now())
                if held.isolation == Isolation.INLINE:
                    run_inline(held)
                else:
                    Supervisor(held, stopping).supervise()
                    if held.isolation == Isolation.WARM and not stopping.requested:
                        # It may have been the last run of its process.
                        warm.ahead()
        except Error as error:
            log.warning("drain_stopped", error=str(error))
            connection.close()
    return done


def _note(**moment: Now) -> None:
    """Keep when work came in which way: the difference tells of a consumer that has gone silent."""
    Worker.objects.filter(name=worker_name()).update(**moment)
