"""The chart of a metric's series: a Vega-Lite spec with target, threshold band and known events.

Days are drawn as dots under a line of their 7-day average; weeks and months as they are. Every text is made
here, in the reader's language, so that the drawing library's locales do not matter.
"""

import datetime as dt
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from catalog.choices import ChartLayout, Grain
from catalog.definitions import Annotation, MetricDefinition, Threshold
from portal.ui import vega

Language = Literal["en", "ko"]
WINDOW = dt.timedelta(days=7)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# The height that a label needs for itself.
_LABEL = 14.0
_WORDS = {"target": {"en": "Target", "ko": "목표"}, "warn": {"en": "Warning", "ko": "경고"}}


@dataclass(frozen=True, slots=True)
class ChartPoint:
    """The value over the period that begins on a day, and how many rows it rests on."""

    starts_on: dt.date
    value: float | None
    sample: int | None = None


@dataclass(frozen=True, slots=True)
class _Size:
    width: int
    height: int
    dot: int
    ticks: int


# The plot itself; its labels stand outside, so that the whole is some 800 and 340 wide (vega.WIDE, NARROW).
_SIZES = {
    ChartLayout.WIDE: _Size(width=vega.WIDE - 96, height=222, dot=12, ticks=8),
    ChartLayout.NARROW: _Size(width=vega.NARROW - 92, height=180, dot=7, ticks=3),
}


def line_of(points: Sequence[ChartPoint], definition: MetricDefinition, grain: str) -> list[ChartPoint]:
    """Return the points of the drawn line, those without a value left out: the crosshair follows them.

    A day stands for the seven days up to it, weighed by their samples (days of an additive metric count
    alike), so that a quiet Sunday does not weigh as much as a busy Friday.
    """
    known = sorted((point for point in points if point.value is not None), key=lambda one: one.starts_on)
    if grain != Grain.DAY:
        return known
    drawn, begins = [], 0
    for index, point in enumerate(known):
        while known[begins].starts_on <= point.starts_on - WINDOW:
            begins += 1
        value = _average(known[begins : index + 1], definition)
        drawn.append(ChartPoint(point.starts_on, value, point.sample))
    return drawn


def series_spec(
    points: Sequence[ChartPoint],
    definition: MetricDefinition,
    *,
    grain: str,
    language: Language,
    layout: str,
) -> dict[str, Any]:
    """Return the Vega-Lite spec of a series, in points of its own size; ``vega.render`` draws it."""
    known = sorted((point for point in points if point.value is not None), key=lambda point: point.starts_on)
    frame = _Frame(known, definition, grain=grain, language=language, size=_SIZES[ChartLayout(layout)])
    bars = definition.accessible.chart == "bar"
    layers = [
        *frame.band(),
        *frame.events(),
        *(frame.dots() if grain == Grain.DAY and not bars else []),
        *frame.target(),
        *(frame.bars() if bars else frame.line()),
        *frame.time_labels(),
    ]
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "width": frame.size.width,
        "height": frame.size.height,
        "layer": layers,
    }


class _Frame:
    """The scales of one drawing, and the layers that are put on them."""

    def __init__(
        self,
        points: Sequence[ChartPoint],
        definition: MetricDefinition,
        *,
        grain: str,
        language: Language,
        size: _Size,
    ) -> None:
        self.points, self.definition, self.grain = points, definition, grain
        self.language, self.size = language, size
        self.warn = _threshold(definition)
        self.percent = definition.unit.kind == "percent"
        self.ticks, self.low, self.high = self._value_range()

    @property
    def first(self) -> dt.date:
        return self.points[0].starts_on if self.points else dt.date(2000, 1, 1)

    @property
    def last(self) -> dt.date:
        return self.points[-1].starts_on if self.points else dt.date(2000, 1, 2)

    def line(self) -> list[dict[str, Any]]:
        drawn = line_of(self.points, self.definition, self.grain)
        rows = _rows(drawn)
        series = {"name": vega.SERIES, "data": _data(rows), "mark": {"type": "line"}, "encoding": self._xy()}
        dot = {"type": "point", "size": 64, "opacity": 1, "color": "var(--accent)"}
        ring = {"stroke": "var(--surface)", "strokeWidth": 2}
        return [series, {"data": _data(rows[-1:]), "mark": {**dot, **ring}, "encoding": self._xy()}]

    def bars(self) -> list[dict[str, Any]]:
        rows = _rows(self.points)
        wide = max(1.0, min(24.0, self.size.width / max(len(rows), 1) * 0.7))
        mark = {"type": "bar", "size": wide}
        return [{"name": vega.SERIES, "data": _data(rows), "mark": mark, "encoding": self._xy()}]

    def dots(self) -> list[dict[str, Any]]:
        def layer(hit: bool, mark: Mapping[str, Any]) -> dict[str, Any]:
            rows = _rows([point for point in self.points if self._is_hit(point.value) is hit])
            return {"data": _data(rows), "mark": {"type": "point", **mark}, "encoding": self._xy()}

        usual = {"size": self.size.dot, "color": "var(--neutral-mark)", "opacity": 0.5}
        hit = {"size": self.size.dot + 2, "color": "var(--bad-mark)", "opacity": 1}
        return [layer(False, usual), layer(True, hit)]

    def band(self) -> list[dict[str, Any]]:
        if self.warn is None or not self.points:
            return []
        below = self.warn.operator in {"<", "<="}
        edge = self.low if below else self.high
        row = {
            "from": _instant(self.first),
            "to": _instant(self.last),
            "value": self.warn.value,
            "edge": edge,
        }
        x, y = self._x("from"), self._y("value")
        return [
            {
                "data": _data([row]),
                "mark": {"type": "rect", "color": "var(--bad-mark)", "opacity": 0.07},
                "encoding": {"x": x, "x2": {"field": "to"}, "y": y, "y2": {"field": "edge"}},
            },
            {
                "data": _data([row]),
                "mark": {"type": "rule", "color": "var(--bad-mark)", "opacity": 0.55},
                "encoding": {"x": x, "x2": {"field": "to"}, "y": y},
            },
            self._end_label(self._named("warn", self.warn.value), self.warn.value, "var(--bad-ink)"),
        ]

    def target(self) -> list[dict[str, Any]]:
        held = [part for part in _targets(self.definition, self.first, self.last) if self.points]
        if not held:
            return []
        rows = [
            {"from": _instant(since), "to": _instant(until), "value": value} for since, until, value in held
        ]
        rule = {"type": "rule", "color": "var(--good-mark)", "strokeDash": [5, 4], "strokeWidth": 1.5}
        last = held[-1][2]
        return [
            {
                "data": _data(rows),
                "mark": rule,
                "encoding": {"x": self._x("from"), "x2": {"field": "to"}, "y": self._y("value")},
            },
            self._end_label(self._named("target", last), last, "var(--good-ink)"),
        ]

    def events(self) -> list[dict[str, Any]]:
        shown = self.definition.annotations if self.grain != Grain.MONTH else ()
        return [
            layer
            for event in shown
            if self.first <= event.ends_on <= self.last
            for layer in self._event(event)
        ]

    def _event(self, event: Annotation) -> list[dict[str, Any]]:
        begins = max(event.starts_on, self.first)
        ends = min(event.ends_on, self.last - dt.timedelta(days=1)) + dt.timedelta(days=1)
        middle = begins + (ends - begins) / 2
        share = (middle - self.first) / max(self.last - self.first, dt.timedelta(days=1))
        # Near an edge a centred label would leave the drawing.
        align = "left" if share < 0.3 else "right" if share > 0.7 else "center"
        row = {"from": _instant(begins), "to": _instant(ends), "day": _instant(middle)}
        text = event.label_ko if self.language == "ko" else event.label_en
        label = {
            "type": "text",
            "text": text,
            "fontWeight": 600,
            "align": align,
            "baseline": "bottom",
            "dy": -5,
        }
        box = {"type": "rect", "color": "var(--ink-3)", "opacity": 0.16}
        return [
            {"data": _data([row]), "mark": box, "encoding": {"x": self._x("from"), "x2": {"field": "to"}}},
            {
                "data": _data([row]),
                "mark": label,
                "encoding": {"x": self._x("day"), "y": {"value": 0}},
            },
        ]

    def time_labels(self) -> list[dict[str, Any]]:
        ticks = _time_ticks(self.first, self.last, self.language, most=self.size.ticks) if self.points else []
        layers = []
        for align in ("left", "center", "right"):
            rows = [{"day": _instant(day), "label": text} for day, text in ticks if self._align(day) == align]
            layers.append(
                {
                    "data": _data(rows),
                    "mark": {
                        "type": "text",
                        "align": align,
                        "baseline": "top",
                        "dy": 9,
                        "color": "var(--ink-3)",
                    },
                    "encoding": {
                        "x": self._x("day"),
                        "y": {"value": self.size.height},
                        "text": {"field": "label"},
                    },
                }
            )
        return layers

    def _align(self, day: dt.date) -> str:
        share = (day - self.first) / max(self.last - self.first, dt.timedelta(days=1))
        return "left" if share < 0.02 else "right" if share > 0.97 else "center"

    def _xy(self) -> dict[str, Any]:
        return {"x": self._x("day"), "y": self._y("value")}

    def _x(self, field: str) -> dict[str, Any]:
        scale = {"type": "utc", "domain": [_instant(self.first), _instant(self.last)]}
        return {"field": field, "type": "temporal", "axis": None, "scale": scale}

    def _y(self, field: str) -> dict[str, Any]:
        shown = "format(datum.value * 100, '~f')" if self.percent else "format(datum.value, ',~f')"
        axis = {"values": self.ticks, "labelExpr": shown, "title": None}
        scale = {"domain": [self.low, self.high], "zero": False, "nice": False}
        return {"field": field, "type": "quantitative", "axis": axis, "scale": scale}

    def _end_label(self, text: str, value: float, colour: str) -> dict[str, Any]:
        mark = {"type": "text", "text": text, "align": "left", "dx": 8, "dy": self._aside(value)}
        encoding = {"x": {"value": self.size.width}, "y": self._y("value")}
        return {
            "data": _data([{"value": value}]),
            "mark": {**mark, "color": colour, "fontWeight": 500},
            "encoding": encoding,
        }

    def _aside(self, value: float) -> float:
        """Return how far a label at the end moves away from the other one, where both would overlap."""
        targets = _targets(self.definition, self.first, self.last)
        if self.warn is None or not targets:
            return 0
        other = self.warn.value if value == targets[-1][2] else targets[-1][2]
        apart = abs(value - other) / (self.high - self.low) * self.size.height
        return math.copysign(max(0.0, _LABEL - apart) / 2, other - value)

    def _named(self, word: str, value: float) -> str:
        shown = f"{value * 100:g}" if self.percent else f"{value:,g}"
        return f"{_WORDS[word][self.language]} {shown}"

    def _is_hit(self, value: float | None) -> bool:
        if self.warn is None or value is None:
            return False
        return _COMPARE[self.warn.operator](value, self.warn.value)

    def _value_range(self) -> tuple[list[float], float, float]:
        values = [point.value for point in self.points if point.value is not None] or [0.0, 1.0]
        values += [target.value for target in self.definition.actionable.targets]
        values += [self.warn.value] if self.warn else []
        low, high = min(values), max(values)
        # Bars must begin at 0; a line may show its own range, unless 0 is near anyway.
        bars = self.definition.accessible.chart == "bar"
        from_zero = (bars or abs(low) < high * 0.15) and high > 0
        ticks = nice_ticks(min(low, 0.0) if bars and low < 0 else 0.0 if from_zero else low, high)
        if self.percent and high <= 1.0:
            # A share never leaves 0 to 1, however the dots lie.
            ticks = [tick for tick in ticks if tick <= 1.0]
        return ticks, min(ticks[0], low), max(ticks[-1], high)


_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def nice_ticks(low: float, high: float, *, wanted: int = 4) -> list[float]:
    """Return round values from at most ``low`` to at least ``high``, in at most ``wanted`` steps."""
    if high <= low:
        high = low + (abs(low) or 1.0)
    power = 10.0 ** math.floor(math.log10((high - low) / wanted))
    for factor in (1.0, 2.0, 2.5, 5.0, 10.0, 20.0):
        step = factor * power
        begin, end = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
        if end - begin <= wanted:
            break
    return [round(index * step, 10) for index in range(begin, end + 1)]


def _average(window: Sequence[ChartPoint], definition: MetricDefinition) -> float:
    weights = [1 if definition.additivity == "additive" else (point.sample or 0) for point in window]
    if not sum(weights):
        weights = [1] * len(window)
    total = sum((point.value or 0.0) * weight for point, weight in zip(window, weights, strict=True))
    return total / sum(weights)


def _threshold(definition: MetricDefinition) -> Threshold | None:
    warnings = [each for each in definition.actionable.thresholds if each.level == "warn"]
    return next(iter(warnings or definition.actionable.thresholds), None)


def _targets(
    definition: MetricDefinition, first: dt.date, last: dt.date
) -> list[tuple[dt.date, dt.date, float]]:
    dated = sorted(definition.actionable.targets, key=lambda target: target.since)
    ends = [*(target.since for target in dated[1:]), last]
    return [
        (max(target.since, first), min(until, last), target.value)
        for target, until in zip(dated, ends, strict=False)
        if target.since <= last and until >= first
    ]


def _time_ticks(first: dt.date, last: dt.date, language: Language, *, most: int) -> list[tuple[dt.date, str]]:
    """Return the days to name on the time axis: on a long one firsts of months, else every few weeks."""
    days = (last - first).days
    if days < 62:
        step = max(7, 7 * math.ceil(days / 7 / most))
        chosen = [first + dt.timedelta(days=offset) for offset in range(0, days + 1, step)]
        return [
            (day, _day_label(day, index == 0 or day.day <= step, language))
            for index, day in enumerate(chosen)
        ]
    months = []
    day = first if first.day == 1 else (first.replace(day=28) + dt.timedelta(days=4)).replace(day=1)
    while day <= last:
        months.append(day)
        day = (day.replace(day=28) + dt.timedelta(days=4)).replace(day=1)
    chosen = months[:: max(1, math.ceil(len(months) / most))]
    return [
        (day, _month_label(day, index == 0 or day.month == 1, language)) for index, day in enumerate(chosen)
    ]


def _day_label(day: dt.date, with_month: bool, language: Language) -> str:
    if language == "ko":
        return f"{day.month}월 {day.day}일" if with_month else f"{day.day}일"
    return f"{day.day} {_MONTHS[day.month - 1]}" if with_month else str(day.day)


def _month_label(day: dt.date, with_year: bool, language: Language) -> str:
    if language == "ko":
        return f"{day.year}년 {day.month}월" if with_year else f"{day.month}월"
    return f"{_MONTHS[day.month - 1]} {day.year}" if with_year else _MONTHS[day.month - 1]


def _instant(day: dt.date) -> int:
    """Return the day's midnight in UTC as milliseconds: the machine's own zone must not move a point."""
    return int(dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC).timestamp() * 1000)


def _rows(points: Sequence[ChartPoint]) -> list[dict[str, Any]]:
    return [{"day": _instant(point.starts_on), "value": point.value} for point in points]


def _data(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {"values": [dict(row) for row in rows]}
