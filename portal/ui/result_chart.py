"""The chart of a query's result: bars or lines over columns that somebody chose."""

import datetime as dt
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, Literal

from django.utils.translation import gettext_noop
from pydantic import BaseModel, ConfigDict, Field

from portal.ui import vega

LANGUAGES = ("en", "ko")
# The plot beside its labels.
_SIZES = {"wide": (vega.WIDE - 90, 260), "narrow": (vega.NARROW - 70, 220)}
MOST_POINTS = 1000
MOST_BARS = 60
MOST_SERIES = 6
# Pixels of a sign of 11 pixels' height, and between two labels.
_WIDE, _SLIM, _GAP = 11, 7, 8
_KINDS = {"none": gettext_noop("No chart"), "bar": gettext_noop("Bars"), "line": gettext_noop("Lines")}


class ChartChoice(BaseModel):
    """What is drawn: up to four columns over one, or one column as a line for each value of ``series``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["none", "bar", "line"] = Field(
        default="none", title=gettext_noop("Kind"), json_schema_extra={"labels": dict(_KINDS)}
    )
    x: str = Field(default="", max_length=200, title=gettext_noop("Along"))
    y: list[str] = Field(
        default=[],
        max_length=4,
        title=gettext_noop("Values"),
        description=gettext_noop("Up to four columns, one a line."),
    )
    series: str = Field(default="", max_length=200, title=gettext_noop("One line for each"))


NO_CHART: Final = ChartChoice()


class ChartRefused(Exception):
    """The chosen chart cannot be drawn from this result; ``code`` says why, ``column`` where."""

    def __init__(self, code: str, column: str = "") -> None:
        super().__init__(f"{code} {column}".strip())
        self.code, self.column = code, column


def draw(
    columns: Sequence[str], rows: Sequence[Sequence[Any]], choice: ChartChoice
) -> dict[str, dict[str, str]]:
    """Return the SVG by language and layout, {} for no chart; raises ChartRefused."""
    if choice.kind == "none":
        return {}
    points = _points(columns, rows, choice)
    return {
        language: {
            layout: vega.render(_spec(points, choice, layout=layout), language=language) for layout in _SIZES
        }
        for language in LANGUAGES
    }


def _points(
    columns: Sequence[str], rows: Sequence[Sequence[Any]], choice: ChartChoice
) -> list[dict[str, Any]]:
    if not choice.y:
        raise ChartRefused("no_y")
    for name in (choice.x, *choice.y, *([choice.series] if choice.series else [])):
        if name not in columns:
            raise ChartRefused("no_column", name)
    if choice.series and len(choice.y) > 1:
        raise ChartRefused("series_and_many")
    place = {name: index for index, name in enumerate(columns)}
    points = []
    for row in rows:
        for name in choice.y:
            value = row[place[name]]
            if value is None or row[place[choice.x]] is None:
                continue
            series = str(row[place[choice.series]]) if choice.series else name
            points.append({"x": _place(row[place[choice.x]]), "y": _number(value, name), "s": series})
    _refuse_too_much(points, choice)
    return points


def _refuse_too_much(points: Sequence[Mapping[str, Any]], choice: ChartChoice) -> None:
    if not points:
        raise ChartRefused("nothing")
    if len(points) > MOST_POINTS:
        raise ChartRefused("too_many_points")
    if len({point["s"] for point in points}) > MOST_SERIES:
        raise ChartRefused("too_many_series", choice.series)
    if choice.kind == "bar" and len({point["x"] for point in points}) > MOST_BARS:
        raise ChartRefused("too_many_bars", choice.x)


def _number(value: Any, column: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ChartRefused("not_numeric", column)
    return float(value)


def _place(value: Any) -> Any:
    if isinstance(value, dt.date):
        return value.isoformat()
    return (
        float(value)
        if isinstance(value, Decimal)
        else value
        if isinstance(value, int | float)
        else str(value)
    )


def _fit_beside(labels: Collection[str], width: int) -> bool:
    """Say whether labels fit side by side, upright, below a plot of so many pixels."""
    widest = max(
        sum(_WIDE if unicodedata.east_asian_width(sign) in "WF" else _SLIM for sign in label)
        for label in labels
    )
    return widest + _GAP <= width / len(labels)


def _spec(points: list[dict[str, Any]], choice: ChartChoice, *, layout: str) -> dict[str, Any]:
    width, height = _SIZES[layout]
    many = len({point["s"] for point in points}) > 1
    scale = {"type": "utc"} if _kind_of_x(points, choice) == "temporal" else {}
    x: dict[str, Any] = {"field": "x", "type": _kind_of_x(points, choice), "title": choice.x, "sort": None}
    if x["type"] in {"nominal", "ordinal"} and _fit_beside({str(point["x"]) for point in points}, width):
        x["axis"] = {"labelAngle": 0}
    y: dict[str, Any] = {"field": "y", "type": "quantitative", "title": None if many else choice.y[0]}
    encoding = {"x": {**x, **({"scale": scale} if scale else {})}, "y": y}
    if many:
        encoding["color"] = {"field": "s", "type": "nominal", "title": None, "sort": None}
        if choice.kind == "bar":
            encoding["xOffset"] = {"field": "s", "sort": None}
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "width": width,
        "height": height,
        "name": vega.SERIES,
        "data": {"values": points},
        "mark": {"type": choice.kind},
        "encoding": encoding,
        "config": {"legend": {"orient": "top", "labelColor": "var(--ink-2)", "symbolType": "circle"}},
    }


def _kind_of_x(points: Sequence[Mapping[str, Any]], choice: ChartChoice) -> str:
    values = [point["x"] for point in points]
    if choice.kind == "bar":
        return "ordinal"
    if all(isinstance(value, int | float) for value in values):
        return "quantitative"
    return "temporal" if all(_is_day(value) for value in values) else "ordinal"


def _is_day(value: Any) -> bool:
    try:
        dt.datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return False
    return True
