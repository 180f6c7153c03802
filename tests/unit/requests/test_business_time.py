"""Working hours: adding and measuring are inverse in any zone, over holidays and clock changes."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from requests_app.business_time import BusinessTime, NeverOpen

OFFICE = [(day, "09:00", "18:00") for day in range(5)]
SEOUL = ZoneInfo("Asia/Seoul")
ZONES = ("Asia/Seoul", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "UTC")
SHAPES = (
    OFFICE,
    [(day, "09:00", "12:00") for day in range(5)] + [(day, "13:00", "18:00") for day in range(5)],
    [(day, "00:00", "24:00") for day in range(7)],
    [(5, "22:00", "24:00"), (6, "00:00", "03:30")],
    [(2, "01:30", "02:30"), (6, "01:30", "03:30")],
)
HOURS = {
    (zone, index): BusinessTime(shape, zone, country="KR" if zone == "Asia/Seoul" else "")
    for zone in ZONES
    for index, shape in enumerate(SHAPES)
}
SPAN = int((datetime(2029, 1, 1, tzinfo=UTC) - datetime(2019, 1, 1, tzinfo=UTC)).total_seconds())
moments = st.integers(0, SPAN).map(lambda s: datetime(2019, 1, 1, tzinfo=UTC) + timedelta(seconds=s))
calendars = st.sampled_from(list(HOURS.values()))
lengths = st.integers(min_value=0, max_value=60 * 60 * 24 * 20)


def seoul(text):
    return datetime.fromisoformat(text).replace(tzinfo=SEOUL)


@given(hours=calendars, start=moments, seconds=lengths)
@settings(max_examples=400, deadline=None)
def test_adding_and_measuring_are_inverse(hours, start, seconds):
    end = hours.add(start, seconds)
    assert hours.between(start, end) == pytest.approx(seconds, abs=1e-3)
    if seconds:
        # And it is the first such time: a moment earlier less has passed.
        assert hours.between(start, end - timedelta(seconds=1)) < seconds


@given(hours=calendars, times=st.lists(moments, min_size=3, max_size=3).map(sorted))
@settings(max_examples=200, deadline=None)
def test_measuring_adds_up_and_never_exceeds_plain_time(hours, times):
    first, second, third = times
    whole = hours.between(first, third)
    assert whole == pytest.approx(hours.between(first, second) + hours.between(second, third), abs=1e-3)
    assert 0 <= whole <= (third - first).total_seconds() + 1e-3
    assert hours.between(third, first) == 0


@given(hours=calendars, start=moments, first=lengths, second=lengths)
@settings(max_examples=200, deadline=None)
def test_adding_in_two_steps_is_adding_at_once(hours, start, first, second):
    at_once = hours.add(start, first + second)
    in_steps = hours.add(hours.add(start, first), second)
    assert abs((at_once - in_steps).total_seconds()) < 1e-3


@given(start=moments, days=st.integers(min_value=0, max_value=20))
@settings(max_examples=100, deadline=None)
def test_measuring_agrees_with_counting_minutes(start, days):
    hours = HOURS["America/New_York", 4]
    start = start.replace(second=0, microsecond=0)
    end = start + timedelta(days=days)
    counted = sum(hours.is_open(start + timedelta(minutes=minute)) for minute in range(days * 24 * 60))
    assert hours.between(start, end) == counted * 60


def test_a_weekend_does_not_count():
    hours = HOURS["Asia/Seoul", 0]
    friday = seoul("2026-03-06T17:00")
    assert hours.add(friday, 2 * 3600) == seoul("2026-03-09T10:00")


def test_koreas_holidays_do_not_count():
    hours = HOURS["Asia/Seoul", 0]
    # 1 March 2026 is a Sunday: the Monday after it is free too. Seollal 2026 is 16 to 18 February.
    assert hours.between(seoul("2026-03-02T09:00"), seoul("2026-03-02T18:00")) == 0
    assert hours.between(seoul("2026-02-16T09:00"), seoul("2026-02-18T18:00")) == 0
    assert hours.between(seoul("2026-02-19T09:00"), seoul("2026-02-19T18:00")) == 9 * 3600


def test_own_free_days_and_worked_holidays():
    founding, liberation = date(2026, 11, 25), date(2026, 8, 17)
    hours = BusinessTime(OFFICE, "Asia/Seoul", country="KR", extra=[founding], worked=[liberation])
    assert hours.between(seoul("2026-11-25T00:00"), seoul("2026-11-26T00:00")) == 0
    assert hours.between(seoul("2026-08-17T00:00"), seoul("2026-08-18T00:00")) == 9 * 3600


def test_an_hour_that_clocks_skip_does_not_count():
    hours = HOURS["America/New_York", 4]
    # On 8 March 2026 there is no 02:00 to 03:00 in New York.
    day = datetime(2026, 3, 8, tzinfo=ZoneInfo("America/New_York"))
    assert hours.between(day, day + timedelta(hours=12)) == 3600


def test_a_calendar_that_never_opens_is_refused():
    with pytest.raises(NeverOpen):
        BusinessTime([], "UTC")
    with pytest.raises(NeverOpen):
        BusinessTime([(0, "18:00", "09:00")], "UTC")
    always_free = BusinessTime(
        [(0, "09:00", "10:00")], "UTC", extra=[date(2000, 1, 3) + timedelta(days=7 * n) for n in range(8000)]
    )
    with pytest.raises(NeverOpen):
        always_free.add(datetime(2026, 1, 1, tzinfo=UTC), 60)
