"""Charts: a Vega-Lite spec, built by the server and never by a person, becomes an SVG that suits our pages.

The drawing takes its colours from the stylesheet's tokens by ``var(--…)``, so one drawing serves light and
dark. A view or layer named ``series`` (``SERIES``) is the one that the crosshair follows.
"""

import hashlib
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from django.utils.module_loading import import_string

SVG: Final = "http://www.w3.org/2000/svg"
SERIES: Final = "series"
WIDE, NARROW = 800, 340

_TAGS: Final = frozenset(
    {
        "svg",
        "g",
        "path",
        "line",
        "rect",
        "circle",
        "text",
        "tspan",
        "defs",
        "clipPath",
        "linearGradient",
        "stop",
    }
)
_GEOMETRY: Final = (
    "viewBox d x y x1 x2 y1 y2 cx cy r rx ry dx dy width height points transform clip-path id class"
)
_PAINT: Final = (
    "fill fill-opacity stroke stroke-width stroke-opacity stroke-dasharray stroke-linecap stroke-linejoin "
    "stroke-miterlimit opacity text-anchor font-size font-weight font-style offset stop-color stop-opacity"
)
_ATTRIBUTES: Final = frozenset(f"{_GEOMETRY} {_PAINT}".split())
_LOCALES: Final = {"en": "en-GB", "ko": "ko-KR"}
_FORBIDDEN: Final = frozenset({"signals", "expr", "url", "href", "usermeta", "params", "signal", "loader"})
_NUMBER: Final = r"-?\d+(?:\.\d+)?(?:e-?\d+)?"
_LONG: Final = re.compile(r"(-?\d+\.\d\d)\d+(?![\de])")
_MOVE: Final = re.compile(rf"translate\(\s*({_NUMBER})\s*(?:,\s*({_NUMBER}))?\s*\)")
_POINT: Final = re.compile(rf"[ML]\s*({_NUMBER})[ ,]({_NUMBER})")
_BAR: Final = re.compile(rf"M\s*({_NUMBER})[ ,]({_NUMBER})h({_NUMBER})")


def theme() -> dict[str, Any]:
    """Return the Vega-Lite config of every chart: hairlines, quiet axes, one accent."""
    quiet = "var(--ink-3)"
    labels = {"labelColor": quiet, "labelFontSize": 11, "labelPadding": 8}
    titles = {"titleColor": quiet, "titleFontSize": 11, "titleFontWeight": "normal"}
    lines = {"gridColor": "var(--line)", "gridWidth": 1, "domain": False, "ticks": False}
    return {
        "background": None,
        "font": "sans-serif",
        "padding": {"left": 2, "right": 2, "top": 4, "bottom": 2},
        "view": {"stroke": None},
        "axis": labels | titles | lines,
        "axisX": {"grid": False, "labelFlush": True, "labelOverlap": True},
        "axisY": {"tickCount": 4},
        "line": {"color": "var(--accent)", "strokeWidth": 2, "strokeJoin": "round", "strokeCap": "round"},
        "point": {"color": "var(--neutral-mark)", "filled": True, "size": 14, "opacity": 0.55},
        "bar": {"color": "var(--accent)"},
        "rule": {"color": "var(--line-field)"},
        "text": {"color": "var(--ink)", "fontSize": 11},
        "range": {"category": [f"var(--{name})" for name in _SERIES_COLOURS]},
        "legend": {"disable": True},
    }


_SERIES_COLOURS: Final = ("accent", "warn-mark", "good-mark", "info-mark", "bad-mark", "neutral-mark")


def render(spec: Mapping[str, Any], *, language: str = "en") -> str:
    """Return the chart as an SVG for inline use: scales with its box, carries no style, script, link or name.

    The first call in a process takes about 0.4 s, since the drawing library is loaded by it; never call it in
    a process that forks afterwards.
    """
    _refuse(spec)
    themed = {**spec, "config": {**theme(), **spec.get("config", {})}}
    draw = import_string("vl_convert.vegalite_to_svg")
    drawn: str = draw(json.dumps(themed, default=str), time_format_locale=_LOCALES.get(language, "en-GB"))
    # Two charts on one page must not share the ids of their clip paths.
    prefix = "c" + hashlib.sha256(drawn.encode()).hexdigest()[:8]
    return clean(drawn, prefix)


def clean(drawn: str, prefix: str) -> str:
    """Keep the drawing's known elements and attributes only; the rest is dropped, whatever it is."""
    ET.register_namespace("", SVG)
    root = ET.fromstring(drawn)  # noqa: S314 - made by vl-convert in this process
    width, height = root.get("width"), root.get("height")
    _keep(root, prefix)
    if root.get("viewBox") is None:
        root.set("viewBox", f"0 0 {width} {height}")
    for name in ("width", "height", "class"):
        root.attrib.pop(name, None)
    return ET.tostring(root, encoding="unicode")


def _keep(element: ET.Element, prefix: str) -> None:
    for child in list(element):
        if _local(child.tag) not in _TAGS or _is_nothing(child):
            element.remove(child)
            continue
        _keep(child, prefix)
        if _local(child.tag) in {"g", "defs"} and not len(child):
            element.remove(child)
    for name, value in list(element.attrib.items()):
        kept = _attribute(name, value, prefix)
        if kept is None:
            del element.attrib[name]
        else:
            element.attrib[name] = kept


def _attribute(name: str, value: str, prefix: str) -> str | None:
    if name not in _ATTRIBUTES:
        return None
    if name == "class":
        # Vega names a mark's group after its view: «mark-line role-mark series_marks».
        named = [word.removesuffix("_marks") for word in value.split() if word.endswith("_marks")]
        return " ".join(named) or None
    if name == "id":
        return f"{prefix}-{value}"
    if name in {"d", "transform"}:
        # A hundredth of a unit is less than anybody sees; fifteen digits a number are half of the page.
        return _LONG.sub(r"\1", value)
    if "url(" in value:
        inner = re.fullmatch(r"url\(#([\w-]+)\)", value)
        return f"url(#{prefix}-{inner[1]})" if inner else None
    return value


def _is_nothing(element: ET.Element) -> bool:
    """Say whether it shows nothing: labels hidden for want of room, frames round each group."""
    if element.get("display") == "none" or element.get("opacity") == "0":
        return True
    frame = _local(element.tag) == "path" and element.get("class") in {"background", "foreground"}
    return frame and {element.get("stroke"), element.get("fill")} <= {None, "transparent"}


def _local(tag: object) -> str:
    return str(tag).rpartition("}")[2]


def _refuse(part: Any) -> None:
    """Raise if the spec could reach outside the drawing: a defect of ours, never a reader's doing."""
    if isinstance(part, Mapping):
        for name, value in part.items():
            if name in _FORBIDDEN:
                message = f"a chart's spec may not hold «{name}»"
                raise ValueError(message)
            # Rows of data may have any names and hold no instructions.
            if name != "values":
                _refuse(value)
    elif isinstance(part, list | tuple):
        for value in part:
            _refuse(value)


def positions(svg: str) -> dict[str, Any] | None:
    """Return where the series' points lie in the drawing's own units; None when it has no series.

    The result holds ``width``, ``top``, ``bottom``, ``xs`` and ``ys``.
    """
    root = ET.fromstring(svg)  # noqa: S314 - our own cleaned drawing
    found = list(_series(root, 0.0, 0.0))
    if not found:
        return None
    _, _, width, height = (float(part) for part in (root.get("viewBox") or "0 0 0 0").split())
    return {
        "width": width,
        "top": 0,
        "bottom": height,
        "xs": [round(x, 1) for x, _ in found],
        "ys": [round(y, 1) for _, y in found],
    }


def _series(element: ET.Element, x: float, y: float) -> Iterator[tuple[float, float]]:
    """Yield the points of the groups named «series», adding up the moves on the way down."""
    moved = _MOVE.search(element.get("transform", ""))
    if moved:
        x, y = x + float(moved[1]), y + float(moved[2] or 0)
    if SERIES in (element.get("class") or "").split():
        for path in element.iter(f"{{{SVG}}}path"):
            yield from ((x + dx, y + dy) for dx, dy in _points_of(path))
        return
    for child in element:
        yield from _series(child, x, y)


def _points_of(path: ET.Element) -> list[tuple[float, float]]:
    drawn = path.get("d", "")
    bar = _BAR.match(drawn)
    if bar:
        return [(float(bar[1]) + float(bar[3]) / 2, float(bar[2]))]
    return [(float(found[1]), float(found[2])) for found in _POINT.finditer(drawn)]


def points(
    *, wide: str, narrow: str, names: Sequence[str], values: Sequence[Sequence[str]]
) -> dict[str, Any] | None:
    """Return the data block of the chart component: what the crosshair says at each point of the series.

    ``names`` and ``values`` are shown texts, one for each point that is drawn (periods without a value have
    none). None when they do not fit the drawings: no crosshair is better than a wrong one.
    """
    layouts = {"wide": positions(wide) if wide else None, "narrow": positions(narrow) if narrow else None}
    known = {layout: place for layout, place in layouts.items() if place is not None}
    if (
        not known
        or any(len(place["xs"]) != len(names) for place in known.values())
        or len(names) != len(values)
    ):
        return None
    return {**known, "names": list(names), "values": [list(texts) for texts in values]}
