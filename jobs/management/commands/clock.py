"""``manage.py clock``: start schedules, take over from dead workers, wake idle ones."""

import signal
import threading
import time
from types import FrameType
from typing import Any

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand
from setproctitle import setproctitle

from jobs.engine.clock import Ticker

log = structlog.get_logger(__name__)


class Command(BaseCommand):
    """Tick every second until SIGTERM; any number of clocks may run."""

    help = "Run the clock: schedules, expired leases, wake-ups. Any number may run at once."
    requires_system_checks = []

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Tick until told to stop."""
        over = threading.Event()

        def stop(_signal: int, _frame: FrameType | None) -> None:
            over.set()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        setproctitle("data-desk: clock")
        ticker = Ticker()
        log.info("clock_started")
        while not over.is_set():
            began = time.monotonic()
            ticker.tick()
            over.wait(max(0.0, settings.CLOCK_TICK - (time.monotonic() - began)))
        log.info("clock_stopped")
