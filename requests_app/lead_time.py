"""Where a question's time went: working hours by what it waited for."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from portal.accounts.prepared import Prepared
from requests_app import moment
from requests_app.business_time import BusinessTime, business_time
from requests_app.choices import Category
from requests_app.models import Calendar, SlaClock, StateSpan

_SHOWN: Final = (
    Category.TRIAGE,
    Category.BACKLOG,
    Category.ACTIVE,
    Category.REVIEW,
    Category.REQUESTER,
    Category.OTHER,
)
_FIRST: Final = Prepared(lambda: Calendar.objects.current().order_by("key")[:1])
_TONES: Final = {
    Category.TRIAGE: "a",
    Category.BACKLOG: "b",
    Category.ACTIVE: "c",
    Category.REVIEW: "d",
    Category.REQUESTER: "e",
    Category.OTHER: "f",
}


@dataclass(frozen=True, slots=True)
class Part:
    """Working seconds spent in one category; ``start`` and ``share`` (0–1) place it in the bar."""

    category: Category
    seconds: float
    start: float
    share: float

    @property
    def hue(self) -> str:
        """The class of its colour."""
        return _TONES[self.category]

    @property
    def x(self) -> float:
        """Where it begins in a bar 100 wide."""
        return round(self.start * 100, 2)

    @property
    def width(self) -> float:
        """How wide it is in a bar 100 wide."""
        return round(self.share * 100, 2)


@dataclass(frozen=True, slots=True)
class LeadTime:
    """All parts in the order of work, and their sum in working seconds."""

    parts: list[Part]
    total: float


def lead_time_of(
    spans: Iterable[StateSpan], clocks: Sequence[SlaClock], now: datetime | None = None
) -> LeadTime:
    """Split the time from asking to the answer, or till now; without a calendar every hour counts.

    ``clocks`` are the question's deadlines, the first one first, with their calendars.
    """
    now = now or moment.now()
    hours = _hours(clocks)
    spent = dict.fromkeys(_SHOWN, 0.0)
    for span in spans:
        category = Category(span.category)
        if category in spent:
            end = span.to_at or now
            spent[category] += (
                hours.between(span.from_at, end) if hours else max(0.0, (end - span.from_at).total_seconds())
            )
    total = sum(spent.values())
    parts, start = [], 0.0
    for category, seconds in spent.items():
        if seconds <= 0:
            continue
        parts.append(Part(category, seconds, start, seconds / total))
        start += seconds / total
    return LeadTime(parts, total)


def _hours(clocks: Sequence[SlaClock]) -> BusinessTime | None:
    """Return the working hours that the deadlines run by, else the first calendar's."""
    calendar = clocks[0].calendar if clocks else _FIRST.first()
    return business_time(calendar) if calendar else None
