"""Numbers and times read as if written in the reader's language."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from django.template import Context, Template
from django.utils import timezone, translation

from portal.ui import formats
from portal.ui.templatetags import desk

NOW = dt.datetime(2013, 3, 1, 12, 0, tzinfo=dt.UTC)
SEOUL = ZoneInfo("Asia/Seoul")


def plain(text):
    return text.replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("seconds", "english", "korean"),
    [
        (0, "0 s", "0초"),
        (0.4, "0.4 s", "0.4초"),
        (0.96, "1 s", "1초"),
        (1.64, "1.6 s", "1.6초"),
        (9.96, "10 s", "10초"),
        (12.4, "12 s", "12초"),
        (72, "1 min 12 s", "1분 12초"),
        (60, "1 min", "1분"),
        (9000, "2 h 30 min", "2시간 30분"),
        (3601, "1 h", "1시간"),
        (183_600, "2 d 3 h", "2일 3시간"),
        (-72, "−1 min 12 s", "−1분 12초"),
    ],
)
def test_a_duration_names_its_two_largest_units(seconds, english, korean):
    with translation.override("en"):
        assert plain(formats.duration(seconds)) == english
        assert plain(formats.duration(dt.timedelta(seconds=seconds))) == english
    with translation.override("ko"):
        assert formats.duration(seconds) == korean


def test_a_moment_is_shown_in_the_readers_zone_and_with_the_year_only_when_it_is_another():
    moment = dt.datetime(2013, 2, 28, 21, 40, tzinfo=dt.UTC)
    with timezone.override(SEOUL), translation.override("en"):
        assert formats.moment(moment, NOW) == "1 March, 06:40"
        assert formats.moment(moment.replace(year=2012), NOW) == "29 February 2012, 06:40"
        assert formats.day(moment, NOW) == "1 March"
        assert formats.clock(moment, seconds=True) == "06:40:00"
    with timezone.override(SEOUL), translation.override("ko"):
        assert formats.moment(moment, NOW) == "3월 1일 06:40"
        assert formats.moment(moment.replace(year=2012), NOW) == "2012년 2월 29일 06:40"
        assert formats.long_day(moment) == "2013년 3월 1일 금요일"


@pytest.mark.parametrize(
    ("minutes", "english", "korean"), [(-3, "3 min ago", "3분 전"), (125, "in 2 hr", "2시간 후")]
)
def test_a_moment_is_told_relative_to_now(minutes, english, korean):
    moment = NOW + dt.timedelta(minutes=minutes)
    with translation.override("en"):
        assert formats.ago(moment, NOW) == english
    with translation.override("ko"):
        assert formats.ago(moment, NOW) == korean


def test_ago_carries_the_exact_time_for_machines_and_on_hover():
    with timezone.override(SEOUL), translation.override("en"):
        shown = desk.ago(dt.datetime(2013, 2, 28, 21, 40, tzinfo=dt.UTC))
    assert 'datetime="2013-02-28T21:40:00+00:00"' in shown
    assert 'title="1 March 2013, 06:40"' in shown


@pytest.mark.parametrize(
    ("value", "shown"), [(0.762, "76.2 %"), (0, "0 %"), (1, "100 %"), (0.0004, "0.0 %"), (0.9999, "100.0 %")]
)
def test_a_share_is_shown_as_a_percentage(value, shown):
    assert plain(formats.percent(value)) == shown


def test_digits_are_grouped_and_minus_is_a_minus():
    assert formats.number(336_776) == "336,776"
    assert formats.number(-1234.5, 1) == "−1,234.5"
    assert formats.number(12.3456) == "12.35"


def test_a_metrics_value_carries_its_unit():
    assert formats.measured(0.762, kind="percent") == ("76.2", "%")
    assert formats.measured(None, kind="percent") == ("–", "")
    with translation.override("en"):
        assert plain(formats.together(*formats.measured(10.8, kind="minutes"))) == "10.8 min"
        assert plain(formats.change(-0.0031, kind="percent")) == "−0.3 pt"
        assert plain(formats.change(0.8, kind="minutes")) == "+0.8 min"
    with translation.override("ko"):
        assert formats.together(*formats.measured(10.8, kind="minutes")) == "10.8분"
        assert formats.percent(0.762) == "76.2%"
        assert formats.together(*formats.measured(0.762, kind="percent")) == "76.2%"
        assert formats.change(-0.0031, kind="percent") == "−0.3%p"
        assert formats.measured(1234.5, kind="currency", currency="KRW", decimals=0) == ("₩1,234", "")


@pytest.mark.parametrize(
    ("size", "shown"), [(0, "0 B"), (999, "999 B"), (6120, "6.1 kB"), (999_999, "1.0 MB"), (1.4e9, "1.4 GB")]
)
def test_bytes_take_the_unit_that_fits(size, shown):
    assert plain(formats.size(size)) == shown


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (0.8, {"kind": "percent", "decimals": 1}, "80 %"),
        (0.025, {"kind": "percent", "decimals": 1}, "2.5 %"),
        (12, {"kind": "minutes", "decimals": 1}, "12 min"),
        (860, {"kind": "number", "decimals": 0}, "860"),
        (None, {"kind": "number"}, "–"),
    ],
)
def test_a_goal_is_said_without_idle_zeros(value, unit, shown):
    assert plain(desk.goal(value, unit)) == shown


def test_a_distance_has_no_sign():
    assert plain(desk.distance(-0.038, {"kind": "percent", "decimals": 1})) == "3.8 pt"
    assert desk.distance(None, {"kind": "percent"}) == "–"


def test_a_missing_value_is_a_dash_in_every_filter():
    for name in ("ago", "moment", "day", "long_day", "clock", "duration", "number", "percent", "in_bytes"):
        assert getattr(desk, name)(None) == "–"


def test_a_count_is_capped():
    assert desk.capped(999) == "999"
    assert desk.capped(1000) == "999+"


def test_a_face_keeps_its_colour_and_the_cast_has_six():
    names = ("Ada Yoon", "Ben Cho", "Cleo Han", "Dan Seo", "Eun Park", "Finn Oh")
    assert len({desk.hue(name) for name in names}) == 6
    assert desk.hue(" ada yoon") == desk.hue("Ada Yoon")
    assert desk.initials("윤아다") == "윤아"
    assert desk.initials("Ada Maria Yoon") == "AM"


def test_a_data_text_is_read_in_the_readers_language():
    texts = {"name_en": "On-time rate", "name_ko": "정시율"}
    with translation.override("ko"):
        assert desk.text_of(texts, "name") == "정시율"
        assert desk.text_of({"name_en": "Only English"}, "name") == "Only English"


def test_text_from_people_cannot_become_markup():
    shown = Template("{{ points|data_block }}{% icon name %}").render(
        Context({"points": ["</script><b>"], "name": '"><b>'})
    )
    assert "<b>" not in shown
