"""Small drawings made by hand: sparkline, histogram, bars, ring. Widths from data are SVG attributes."""

import datetime as dt
from collections.abc import Iterable, Sequence
from functools import lru_cache
from html import escape
from typing import Final, NamedTuple, Protocol

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from portal.ui.formats import DASH, clock, here

SPARK_WIDTH, SPARK_HEIGHT = 88.0, 28.0


def scaled(
    values: Sequence[float | None], *, low: float, high: float, top: float, bottom: float
) -> list[float | None]:
    """Map values to heights, high values up; when all are equal they lie in the middle."""
    spread = high - low
    middle = (top + bottom) / 2
    return [
        None
        if value is None
        else round(bottom - (value - low) / spread * (bottom - top), 1)
        if spread
        else middle
        for value in values
    ]


def path_of(points: Sequence[tuple[float, float | None]]) -> str:
    """Return an SVG path through the points; a gap (None) lifts the pen."""
    commands: list[str] = []
    drawing = False
    for x, y in points:
        if y is None:
            drawing = False
            continue
        commands.append(f"{'L' if drawing else 'M'}{x:g} {y:g}")
        drawing = True
    return "".join(commands)


@lru_cache(512, typed=True)
def spark(
    values: tuple[float | None, ...], *, label: str, target: float | None = None, tone: str = ""
) -> SafeString:
    """Draw a line of the values, the last one marked, the target dotted across."""
    known = [value for value in values if value is not None]
    if not known:
        return SafeString("")
    reach = [*known, target] if target is not None else known
    heights = scaled(values, low=min(reach), high=max(reach), top=3, bottom=25)
    step = (SPARK_WIDTH - 4) / max(len(values) - 1, 1)
    points = [(round(1 + index * step, 1), y) for index, y in enumerate(heights)]
    last_x, last_y = next((x, y) for x, y in reversed(points) if y is not None)
    line = SafeString("")
    if target is not None:
        (at,) = scaled([target], low=min(reach), high=max(reach), top=3, bottom=25)
        line = format_html('<line x1="0" x2="88" y1="{0}" y2="{0}"/>', at)
    return format_html(
        '<svg class="spark{}" viewBox="0 0 88 28" role="img" aria-label="{}">{}'
        '<path d="{}"/><circle cx="{}" cy="{}" r="3"/></svg>',
        f" t-{tone}" if tone else "", label, line, path_of(points), last_x, last_y,
    )  # fmt: skip


def hist(values: Sequence[float]) -> SafeString:
    """Draw a distribution in 84 × 20; the highest bar fills the height, a small one keeps one pixel."""
    if not values or max(values) <= 0:
        return SafeString("")
    width = 84 / len(values)
    high = max(values)
    bars = []
    for index, value in enumerate(values):
        tall = 0 if value <= 0 else max(1, round(value / high * 20, 1))
        bars.append((round(index * width, 1), round(20 - tall, 1), round(max(width - 1, 0.5), 1), tall))
    return format_html(
        '<svg class="hist" viewBox="0 0 84 20" aria-hidden="true">{}</svg>',
        format_html_join("", '<rect x="{}" y="{}" width="{}" height="{}"/>', bars),
    )


_WARNING, _ERROR = ' class="w"', ' class="e"'
_TONES: Final = {"warning": _WARNING, "warn": _WARNING, "error": _ERROR, "critical": _ERROR}


class Line(Protocol):
    """A line of a log, as it is shown."""

    number: int
    at: dt.datetime | None
    level: str
    message: str


def log_lines(lines: Iterable[Line]) -> SafeString:
    """Write lines of a log as list items; without format_html, since a page has up to a thousand."""
    words = escape(gettext("Line %(number)s"))
    return SafeString("\n".join(_log_line(line, words) for line in lines))


def _log_line(line: Line, words: str) -> str:
    tone, number, at = _TONES.get(line.level, ""), line.number, f"<time>{DASH}</time>"
    if line.at is not None:
        at = f'<time datetime="{here(line.at).isoformat()}">{clock(line.at, seconds=True)}</time>'
    return (
        f'<li{tone} id="L{number}">'
        f'<a class="at" href="#L{number}" aria-label="{words % {"number": number}}">{number}</a>{at}'
        f'<span class="lv">{escape(line.level)}</span><span class="tx">{escape(line.message)}</span></li>'
    )


class Bar(NamedTuple):
    """One run as a bar: ``value`` is the seconds it took (so far), ``label`` says it in words."""

    value: float
    tone: str = "neutral"
    label: str = ""
    url: str = ""


def history(bars: Sequence[Bar], *, label: str, places: int = 24) -> SafeString:
    """Draw runs side by side, the length of each as its height; a bar with a url is a link."""
    if not bars:
        return SafeString("")
    high = max(bar.value for bar in bars) or 1.0
    # A handful of runs keeps its bars narrow: the drawing is as wide as so many runs at least.
    width = max(len(bars), places) * 12 - 2
    offset = width - (len(bars) * 12 - 2)
    drawn = "".join(_run(bar, offset + index * 12, high) for index, bar in enumerate(bars))
    role = "group" if any(bar.url for bar in bars) else "img"
    return format_html(
        '<svg class="history" viewBox="0 0 {} 48" preserveAspectRatio="none" role="{}" aria-label="{}">'
        "{}</svg>",
        *(width, role, label, SafeString(drawn)),
    )


def _run(bar: Bar, left: int, high: float) -> str:
    """Draw one bar; without format_html, since a page of jobs has hundreds."""
    tall = max(4.0, round(bar.value / high * 44, 1))
    tone, label, url = escape(bar.tone), escape(bar.label), escape(bar.url)
    place = f'x="{left}" y="{round(48 - tall, 1)}" width="10" height="{tall}" rx="1"'
    rect = f'<rect class="{tone}" {place}><title>{label}</title></rect>'
    return f'<a href="{url}" aria-label="{label}">{rect}</a>' if url else rect


def bar(fraction: float | None, *, tone: str = "", start: float = 0) -> SafeString:
    """Draw a bar; without a fraction it only says that something goes on."""
    if fraction is None:
        return format_html(
            '<svg class="bar unknown{}" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">'
            '<rect width="30" height="6"/></svg>',
            f" t-{tone}" if tone else "",
        )
    begin = min(max(start, 0.0), 1.0)
    wide = min(max(fraction, 0.0), 1.0 - begin)
    # A sliver keeps one hundredth, or it could not be seen.
    shown = max(wide, 0.01) if wide > 0 else 0
    return format_html(
        '<svg class="bar{}" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">'
        '<rect x="{}" width="{}" height="6"/></svg>',
        f" t-{tone}" if tone else "", round(begin * 100, 2), round(shown * 100, 2),
    )  # fmt: skip


def segments(done: int, total: int, *, tone: str = "good") -> SafeString:
    """Draw ``total`` segments in 96 × 6, the first ``done`` filled."""
    step = 96 / max(total, 1)
    rects = (
        ("on" if index < done else "off", round(index * step, 1), round(step - 2, 1))
        for index in range(total)
    )
    return format_html(
        '<svg class="segs t-{}" viewBox="0 0 96 6" preserveAspectRatio="none" aria-hidden="true">{}</svg>',
        tone,
        format_html_join("", '<rect class="{}" x="{}" width="{}" height="6" rx="1"/>', rects),
    )


def ring(fraction: float, *, tone: str = "neutral") -> SafeString:
    """Draw a ring whose stroke covers ``fraction`` of it."""
    return format_html(
        '<svg class="ring t-{}" viewBox="0 0 14 14" aria-hidden="true">'
        '<circle class="bg" cx="7" cy="7" r="5"/>'
        '<circle class="fg" cx="7" cy="7" r="5" pathLength="100" stroke-dasharray="{} 100"/></svg>',
        tone,
        round(min(max(fraction, 0.0), 1.0) * 100),
    )
