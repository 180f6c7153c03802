"""Keep a claim: renew the lease by the database's clock, and notice when it is gone."""

import json
import time
from typing import Any, NamedTuple

import structlog
from django.conf import settings
from django.db import Error, connection

from jobs.engine.claim import Claim
from jobs.engine.statements import Statement
from jobs.exceptions import LeaseLost

log = structlog.get_logger(__name__)

_BEAT = Statement("""
    UPDATE jobs_run SET
        lease_until = clock_timestamp() + make_interval(secs => %(lease)s), progress = %(progress)s
    WHERE id = %(run)s AND fence = %(fence)s AND state = 'running'
    RETURNING cancel_requested_at IS NOT NULL, timeout_at <= clock_timestamp()
""")


class Orders(NamedTuple):
    """What the run's row asks of its holder."""

    cancel: bool = False
    time_out: bool = False


class Lease:
    """The right to write for a run; ends for good when a beat finds another fence on the row."""

    def __init__(self, claim: Claim) -> None:
        self._claim = claim
        self._good = self._asked = claim.asked_at
        self._due = self._asked + settings.RUN_BEAT
        self.orders = Orders()

    @property
    def due_in(self) -> float:
        """Return the seconds until the next beat."""
        return max(0.0, self._due - time.monotonic())

    @property
    def fenced(self) -> bool:
        """Say whether two thirds of the lease went by without a beat: the holder must stop by itself."""
        return self.expires_in <= 0

    @property
    def expires_in(self) -> float:
        """Return the seconds until the holder must stop by itself unless a beat succeeds."""
        return self._good + settings.RUN_LEASE * 2 / 3 - time.monotonic()

    def hasten(self, pause: float) -> None:
        """Make the next beat come after this pause since the last one, for news that a page waits for."""
        self._due = min(self._due, self._asked + pause)

    def beat(self, progress: dict[str, Any]) -> Orders:
        """Renew the lease and learn what is asked; raises LeaseLost where the row has another holder.

        While the database does not answer, the last orders stand and ``expires_in`` runs down.
        """
        # The lease runs from before the question: an answer that came late must not prolong it.
        asked = time.monotonic()
        self._asked, self._due = asked, asked + settings.RUN_BEAT
        claim = self._claim
        try:
            row = _BEAT.alone(
                lease=settings.RUN_LEASE,
                progress=json.dumps(progress),
                run=claim.run_id,
                fence=claim.fence,
            )
        except Error as error:
            log.warning("beat_failed", run=claim.number, error=str(error))
            connection.close()
            return self.orders
        if row is None:
            raise LeaseLost
        self._good = asked
        self.orders = Orders(*row)
        return self.orders
