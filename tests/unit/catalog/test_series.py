"""Which period is complete, what it is compared with, and how it stands to its target."""

import datetime as dt

import pytest

from catalog.choices import Grain
from catalog.models import MetricPoint
from catalog.series import complete, figure_of, headline_grain, known_until, last_day_of, period
from tests.factories.catalog import definition

NOW = dt.datetime(2013, 3, 10, 3, tzinfo=dt.UTC)


def day(text):
    return dt.date.fromisoformat(text)


def points(*pairs):
    return [MetricPoint(starts_on=day(starts_on), value=value) for starts_on, value in pairs]


@pytest.mark.parametrize(
    ("starts_on", "grain", "last"),
    [
        ("2013-02-01", "month", "2013-02-28"),
        ("2012-02-01", "month", "2012-02-29"),
        ("2013-12-01", "month", "2013-12-31"),
        ("2013-12-30", "week", "2014-01-05"),
        ("2013-12-31", "day", "2013-12-31"),
    ],
)
def test_a_period_ends_with_its_last_day(starts_on, grain, last):
    assert last_day_of(day(starts_on), grain) == day(last)


def test_a_period_without_its_last_day_is_not_complete():
    months = points(("2013-01-01", 1.0), ("2013-02-01", 2.0))
    assert complete(months, grain="month", known_until=day("2013-02-27")) == months[:1]
    assert complete(months, grain="month", known_until=day("2013-02-28")) == months
    assert complete(months, grain="month", known_until=None) == []


def test_today_is_never_complete_where_the_metric_lives():
    seoul = definition(time_zone="Asia/Seoul")
    new_york = definition(time_zone="America/New_York")
    assert known_until(seoul, day("2013-03-10"), NOW) == day("2013-03-09")
    # In New York it is still the 9th.
    assert known_until(new_york, day("2013-03-10"), NOW) == day("2013-03-08")
    assert known_until(seoul, day("2013-02-28"), NOW) == day("2013-02-28")
    assert known_until(seoul, None, NOW) == day("2013-03-09")


def figure(*pairs, grain="month", until="2013-12-31", **changes):
    return figure_of(definition(**changes), points(*pairs), grain=grain, until=day(until))


def test_the_figure_is_compared_with_the_period_just_before():
    found = figure(("2013-01-01", 0.9), ("2013-02-01", 0.7))
    assert (found.value, found.change) == (0.7, pytest.approx(-0.2))
    assert found.change_tone == "bad"


def test_a_gap_is_not_bridged_by_an_older_period():
    assert figure(("2012-12-01", 0.9), ("2013-02-01", 0.7)).change is None


def test_it_may_be_compared_with_the_year_before():
    year_ago = {"accessible": {"comparison": "year_ago"}}
    found = figure(("2012-02-01", 0.5), ("2013-01-01", 0.9), ("2013-02-01", 0.7), **year_ago)
    assert found.change == pytest.approx(0.2)


def test_a_period_without_a_value_is_passed_over():
    assert figure(("2013-01-01", 0.9), ("2013-02-01", None)).value == 0.9
    assert figure(("2013-01-01", None)) is None


@pytest.mark.parametrize(
    ("direction", "value", "met", "tone"),
    [
        ("up_good", 0.8, True, "good"),
        ("up_good", 0.79, False, "warn"),
        ("down_good", 0.8, True, "good"),
        ("down_good", 0.81, False, "warn"),
        ("band", 0.5, None, "neutral"),
    ],
)
def test_the_target_is_met_in_the_good_direction(direction, value, met, tone):
    found = figure(("2013-02-01", value), direction=direction)
    assert (found.is_met, found.tone) == (met, tone)


def test_the_target_is_the_one_that_held_at_the_periods_end():
    targets = [{"since": "2013-01-01", "value": 0.5}, {"since": "2013-02-15", "value": 0.9}]
    acts = {"actionable": {"targets": targets}}
    assert figure(("2013-01-01", 0.7), **acts).target == 0.5
    assert figure(("2013-02-01", 0.7), **acts).target == 0.9
    assert figure(("2012-12-01", 0.7), **acts).target is None


def test_the_headline_is_the_coarsest_grain():
    assert headline_grain(definition()) is Grain.MONTH
    assert headline_grain(definition(grains=["day", "week"])) is Grain.WEEK


def test_periods_have_names():
    assert period(day("2013-02-01"), "month") == "February 2013"
    assert period(day("2013-02-04"), "week") == "week of 4 February 2013"
