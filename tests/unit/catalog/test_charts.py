"""The chart of a series: what is drawn, what it says in each language, and that it fits its numbers."""

import datetime as dt
import json
import re

import pytest

from catalog.charts import ChartPoint, line_of, nice_ticks, series_spec
from catalog.definitions import (
    Accessible,
    Actionable,
    Aggregation,
    Annotation,
    Measure,
    MetricDefinition,
    Simple,
    Target,
    Threshold,
    Unit,
)
from portal.ui import vega

FIRST = dt.date(2013, 1, 20)
STORM = Annotation(
    starts_on=dt.date(2013, 2, 8), ends_on=dt.date(2013, 2, 9), label_en="Storm", label_ko="2월 8–9일 눈보라"
)
HANGUL = re.compile("[가-힣]")


def _definition(**changes) -> MetricDefinition:
    return MetricDefinition(
        **{
            "dataset": "ops.flights",
            "time_column": "day",
            "computation": Simple(measure=Measure(aggregation=Aggregation.COUNT)),
            "unit": Unit(kind="percent"),
            "actionable": Actionable(
                targets=(Target(since=dt.date(2013, 1, 1), value=0.8),),
                thresholds=(Threshold(level="warn", operator="<", value=0.7, consecutive=2),),
            ),
            "annotations": (STORM,),
            **changes,
        }
    )


def _points(values, *, step: int = 1, samples=None) -> list[ChartPoint]:
    samples = samples or [100] * len(values)
    return [
        ChartPoint(FIRST + dt.timedelta(days=step * index), value, sample)
        for index, (value, sample) in enumerate(zip(values, samples, strict=True))
    ]


DAILY = _points([0.9 - index % 7 / 20 for index in range(40)])


def test_a_day_stands_for_the_week_up_to_it_weighed_by_its_rows() -> None:
    points = _points([1.0, 0.0, 0.5], samples=[300, 100, None])
    drawn = line_of(points, _definition(), "day")
    assert [point.value for point in drawn] == [1.0, 0.75, 0.75]


def test_days_of_an_additive_metric_count_alike() -> None:
    drawn = line_of(_points([10.0, 20.0], samples=[1, 1000]), _definition(additivity="additive"), "day")
    assert [point.value for point in drawn] == [10.0, 15.0]


def test_the_window_ends_after_seven_days() -> None:
    drawn = line_of(_points([7.0] + [0.0] * 7), _definition(), "day")
    assert drawn[6].value == 1.0
    assert drawn[7].value == 0.0


def test_weeks_are_drawn_as_they_are_and_gaps_are_left_out() -> None:
    points = _points([0.5, None, 0.7], step=7)
    assert [point.value for point in line_of(points, _definition(), "week")] == [0.5, 0.7]


@pytest.mark.parametrize(("language", "said"), [("en", ["Target 80", "Warning 70", "Storm", "20 Jan"]), ("ko", ["목표 80", "경고 70", "2월 8–9일 눈보라", "1월 20일"])])  # fmt: skip  # noqa: E501
def test_it_says_its_limits_events_and_days_in_the_language(language, said) -> None:
    svg = vega.render(
        series_spec(DAILY, _definition(), grain="day", language=language, layout="wide"), language=language
    )
    for words in said:
        assert f">{words}<" in svg, words
    assert bool(HANGUL.search(svg)) == (language == "ko")


@pytest.mark.parametrize("layout", ["wide", "narrow"])
@pytest.mark.parametrize(("grain", "step"), [("day", 1), ("week", 7), ("month", 31)])
def test_the_crosshair_finds_every_drawn_point(layout: str, grain: str, step: int) -> None:
    points = _points([0.6, 0.9, None, 0.7, 0.65], step=step)
    svg = vega.render(series_spec(points, _definition(), grain=grain, language="en", layout=layout))
    found = vega.positions(svg)
    assert found is not None
    assert len(found["xs"]) == len(line_of(points, _definition(), grain)) == 4
    assert found["xs"] == sorted(found["xs"])
    assert found["width"] <= (vega.WIDE if layout == "wide" else vega.NARROW + 12)


def test_days_beyond_the_warning_stand_out() -> None:
    spec = series_spec(_points([0.9, 0.5, 0.8]), _definition(), grain="day", language="en", layout="wide")
    (hits,) = [layer for layer in spec["layer"] if layer["mark"].get("color") == "var(--bad-mark)" and layer["mark"]["type"] == "point"]  # fmt: skip  # noqa: E501
    assert [row["value"] for row in hits["data"]["values"]] == [0.5]


def test_a_metric_without_limits_or_points_is_drawn_too() -> None:
    plain = _definition(actionable=Actionable(), annotations=(), unit=Unit())
    for points in ([], _points([None]), _points([5.0]), _points([0.0, 0.0])):
        for chart in ("line", "bar"):
            definition = plain.model_copy(update={"accessible": Accessible(chart=chart)})
            assert vega.render(
                series_spec(points, definition, grain="day", language="en", layout="wide")
            ).startswith("<svg")


def test_a_new_target_is_a_new_piece_of_line() -> None:
    targets = (Target(since=dt.date(2013, 2, 1), value=0.85), Target(since=dt.date(2013, 1, 1), value=0.8))
    spec = series_spec(
        DAILY, _definition(actionable=Actionable(targets=targets)), grain="day", language="en", layout="wide"
    )
    (rule,) = [layer for layer in spec["layer"] if layer["mark"].get("strokeDash")]
    assert [row["value"] for row in rule["data"]["values"]] == [0.8, 0.85]


def test_only_colours_of_the_tokens_are_used() -> None:
    spec = json.dumps(series_spec(DAILY, _definition(), grain="day", language="en", layout="wide"))
    assert not re.search(r"#[0-9a-fA-F]{3,6}|rgb\(", spec)


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0.42, 0.97, [0.4, 0.6, 0.8, 1.0]),
        (0.0, 1013.0, [0.0, 500.0, 1000.0, 1500.0]),
        (5.0, 5.0, [4.0, 6.0, 8.0, 10.0]),
        (-3.0, 12.0, [-5.0, 0.0, 5.0, 10.0, 15.0]),
    ],
)
def test_ticks_are_round_and_hold_all_values(low: float, high: float, ticks: list[float]) -> None:
    found = nice_ticks(low, high)
    assert found[0] <= low
    assert found[-1] >= high
    assert len(found) <= 5
    assert found == pytest.approx(ticks)


def test_labels_at_the_end_do_not_lie_on_each_other() -> None:
    limits = Actionable(
        targets=(Target(since=dt.date(2013, 1, 1), value=0.025),),
        thresholds=(Threshold(level="warn", operator=">", value=0.05),),
    )
    spec = series_spec(
        _points([0.0, 0.6]), _definition(actionable=limits), grain="day", language="en", layout="wide"
    )
    ends = {
        layer["mark"]["text"]: layer["mark"]["dy"] for layer in spec["layer"] if layer["mark"].get("dx") == 8
    }
    assert ends["Warning 5"] < 0 < ends["Target 2.5"]
    far = series_spec(DAILY, _definition(), grain="day", language="en", layout="wide")
    assert {layer["mark"]["dy"] for layer in far["layer"] if layer["mark"].get("dx") == 8} == {0}


def test_a_little_below_zero_costs_no_empty_half() -> None:
    plain = _definition(unit=Unit(kind="minutes"), actionable=Actionable())
    spec = series_spec(_points([-1.3, 84.0]), plain, grain="day", language="en", layout="wide")
    (line,) = [layer for layer in spec["layer"] if layer.get("name") == vega.SERIES]
    assert line["encoding"]["y"]["scale"]["domain"] == [-1.3, 100.0]
    assert line["encoding"]["y"]["axis"]["values"][0] == 0.0
