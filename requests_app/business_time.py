"""Arithmetic with working hours: how much of them lies between two times, and when so much has passed.

A calendar is compiled into the intervals of whole years with prefix sums, so both questions take one binary
search. ``between(a, add(a, s)) == s`` for every s ≥ 0, and ``add`` returns the earliest such time.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from django.utils.module_loading import import_string

from requests_app.exceptions import QuestionError
from requests_app.models import Calendar

_YEARS_AHEAD: Final = 60
Window = tuple[int, str, str]


class NeverOpen(QuestionError):
    """This calendar has no working hours."""


class BusinessTime:
    """The working hours of one version of a calendar; safe to share between threads."""

    def __init__(
        self,
        windows: Sequence[Window],
        zone: str,
        *,
        country: str = "",
        extra: Sequence[date] = (),
        worked: Sequence[date] = (),
    ) -> None:
        if not any(end > start for _day, start, end in windows):
            raise NeverOpen
        self._windows = sorted((int(day), start, end) for day, start, end in windows)
        self._zone = ZoneInfo(zone)
        self._country = country
        self._extra, self._worked = frozenset(extra), frozenset(worked)
        self._table = _Table(0, 0, (), (), (0,))

    def between(self, start: datetime, end: datetime) -> float:
        """Return the working seconds from ``start`` to ``end``; 0 when ``end`` is not later."""
        if end <= start:
            return 0.0
        table = self._reaching(start, end)
        return table.passed(end.timestamp()) - table.passed(start.timestamp())

    def add(self, start: datetime, seconds: float) -> datetime:
        """Return the first time by which so many working seconds have passed since ``start``."""
        if seconds <= 0:
            return start
        for ahead in (1, 3, 10, _YEARS_AHEAD):
            table = self._reaching(start, start + timedelta(days=366 * ahead))
            wanted = table.passed(start.timestamp()) + seconds
            if wanted <= table.prefix[-1]:
                return datetime.fromtimestamp(table.reached(wanted), tz=UTC)
        raise NeverOpen

    def is_open(self, at: datetime) -> bool:
        """Say whether this is a working moment; the end of a window no longer is."""
        table = self._reaching(at, at)
        index = bisect_right(table.starts, at.timestamp()) - 1
        return index >= 0 and at.timestamp() < table.ends[index]

    def _reaching(self, start: datetime, end: datetime) -> "_Table":
        """Return the table of intervals that covers both times; it grows and is replaced as a whole."""
        first, last = start.astimezone(UTC).year - 1, end.astimezone(UTC).year + 1
        table = self._table
        if table.first <= first and last <= table.last:
            return table
        if table.last:
            first, last = min(first, table.first), max(last, table.last)
        self._table = table = self._compile(first, last)
        return table

    def _compile(self, first: int, last: int) -> "_Table":
        starts: list[float] = []
        ends: list[float] = []
        for start, end in self._intervals(first, last):
            if starts and start <= ends[-1]:
                ends[-1] = max(ends[-1], end)
            else:
                starts.append(start)
                ends.append(end)
        prefix = [0.0]
        for start, end in zip(starts, ends, strict=True):
            prefix.append(prefix[-1] + end - start)
        return _Table(first, last, tuple(starts), tuple(ends), tuple(prefix))

    def _intervals(self, first: int, last: int) -> Iterator[tuple[float, float]]:
        free = self._free(first, last)
        day, end = date(first, 1, 1), date(last, 12, 31)
        while day <= end:
            if day not in free:
                for weekday, opens, closes in self._windows:
                    if weekday == day.weekday():
                        start, stop = self._moment(day, opens), self._moment(day, closes)
                        # Where clocks are put forward a window may shrink to nothing.
                        if stop > start:
                            yield start, stop
            day += timedelta(days=1)

    def _free(self, first: int, last: int) -> frozenset[date]:
        public: frozenset[date] = frozenset()
        if self._country:
            # Loaded only where working hours are counted: it knows the world's calendars.
            country_holidays = import_string("holidays.country_holidays")
            public = frozenset(country_holidays(self._country, years=range(first, last + 1)))
        return (public | self._extra) - self._worked

    def _moment(self, day: date, clock: str) -> float:
        if clock == "24:00":
            return self._moment(day + timedelta(days=1), "00:00")
        return datetime.combine(day, time.fromisoformat(clock), tzinfo=self._zone).timestamp()


class _Table:
    """Disjoint intervals in order, in POSIX seconds, and the working seconds before each."""

    __slots__ = ("ends", "first", "last", "prefix", "starts")

    def __init__(
        self,
        first: int,
        last: int,
        starts: tuple[float, ...],
        ends: tuple[float, ...],
        prefix: tuple[float, ...],
    ) -> None:
        self.first, self.last, self.starts, self.ends, self.prefix = first, last, starts, ends, prefix

    def passed(self, at: float) -> float:
        """Return the working seconds from the table's beginning to this time."""
        index = bisect_right(self.starts, at) - 1
        if index < 0:
            return 0.0
        return self.prefix[index] + min(at, self.ends[index]) - self.starts[index]

    def reached(self, seconds: float) -> float:
        """Return the first time by which so many working seconds have passed."""
        index = bisect_left(self.prefix, seconds) - 1
        return self.starts[index] + seconds - self.prefix[index]


def business_time(calendar: Calendar) -> BusinessTime:
    """Return the working hours of this version of the calendar; compiled once a process."""
    return _compiled(
        tuple((day, start, end) for day, start, end in calendar.windows),
        calendar.zone,
        calendar.country,
        tuple(calendar.extra),
        tuple(calendar.worked),
    )


@lru_cache(maxsize=64)
def _compiled(
    windows: tuple[Window, ...],
    zone: str,
    country: str,
    extra: tuple[date, ...],
    worked: tuple[date, ...],
) -> BusinessTime:
    return BusinessTime(windows, zone, country=country, extra=extra, worked=worked)
