"""What time it is for questions: now, unless history is being written (demonstration, imports, tests)."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.utils import timezone

_told: ContextVar[datetime | None] = ContextVar("requests_moment", default=None)


@contextmanager
def at(when: datetime) -> Iterator[None]:
    """Let everything inside happen at this time."""
    mark = _told.set(when)
    try:
        yield
    finally:
        _told.reset(mark)


def now() -> datetime:
    """Return the time at which things happen."""
    return _told.get() or timezone.now()


def is_past() -> bool:
    """Say whether history is being written: nobody is told of what happened long ago."""
    return _told.get() is not None


def today(zone: str) -> date:
    """Return the day it is in this time zone."""
    return now().astimezone(ZoneInfo(zone)).date()
