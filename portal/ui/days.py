"""Days of the reader's time zone as moments."""

import datetime as dt
from typing import Final

from django.utils import timezone

# Days at the ends of the calendar have no day before or behind them, in some time zone or other.
_FIRST: Final = dt.date(1, 1, 3)
_LAST: Final = dt.date(9999, 12, 28)


def begin_of(day: dt.date) -> dt.datetime:
    """Return when the day begins; the calendar's last days count as one, its first ones too."""
    return timezone.make_aware(dt.datetime.combine(min(max(day, _FIRST), _LAST), dt.time.min))


def end_of(day: dt.date) -> dt.datetime:
    """Return when the next day begins."""
    return begin_of(min(day, _LAST) + dt.timedelta(days=1))
