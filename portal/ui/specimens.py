"""What the gallery shows: one example of each component in each state."""

import datetime as dt
import re
from dataclasses import dataclass
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

from django import forms
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.ui import drawings, formats, vega
from portal.ui.paging import Page

TONES = ("neutral", "info", "good", "warn", "bad")
# On-time rate by day, January 2013, from the flights data.
ON_TIME = (
    0.792, 0.838, 0.736, 0.850, 0.847, 0.819, 0.875, 0.841, 0.897, 0.651, 0.757, 0.792,
    0.430, 0.745, 0.801, 0.887, 0.794, 0.717, 0.655, 0.748, 0.621, 0.581, 0.769, 0.794,
)  # fmt: skip
CARRIERS = (
    ("UA", "United Air Lines", 8983, 0.795, ""),
    ("B6", "JetBlue Airways", 8530, 0.730, "selected"),
    ("EV", "ExpressJet Airlines", 7998, 0.608, "focus"),
    ("OO", "SkyWest Airlines", 1, None, "off"),
)
PEOPLE = ("Ada Yoon", "Ben Cho", "Cleo Han", "Dan Seo", "Eun Park", "Finn Oh", "윤아다")
SHARE = {"kind": "percent", "decimals": 1}
MINUTES = {"kind": "minutes", "decimals": 1}


@dataclass(frozen=True, slots=True)
class Node:
    """A node of the lineage example."""

    label: str
    icon: str
    url: str = "#"
    tone: str = ""


class SpecimenForm(forms.Form):
    """One field of each kind."""

    decision = forms.CharField(
        label=gettext_lazy("What will you decide with it?"),
        help_text=gettext_lazy("One sentence. It sets the priority."),
    )
    day = forms.DateField(label=gettext_lazy("By when?"))
    kind = forms.ChoiceField(
        label=gettext_lazy("Kind"),
        choices=[("number", gettext_lazy("A number")), ("data", gettext_lazy("Data"))],
        required=False,
    )
    more = forms.CharField(label=gettext_lazy("What else?"), widget=forms.Textarea, required=False)
    tell = forms.BooleanField(label=gettext_lazy("Tell me when the number changes"), required=False)
    grains = forms.MultipleChoiceField(
        label=gettext_lazy("Grains"),
        choices=[("day", gettext_lazy("Day")), ("week", gettext_lazy("Week"))],
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )
    events = forms.MultipleChoiceField(
        label=gettext_lazy("Hears of"),
        choices=[
            (
                gettext_lazy("Runs"),
                [("failed", gettext_lazy("Failed")), ("succeeded", gettext_lazy("Succeeded"))],
            ),
            (gettext_lazy("Datasets"), [("stale", gettext_lazy("Stale"))]),
        ],
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )


def everything() -> dict[str, Any]:
    """Return the gallery's context."""
    now = timezone.now()
    return {
        "tones": list(
            zip(TONES, (_("Ready"), _("Running"), _("Verified"), _("Stale"), _("Failed")), strict=True)
        ),
        "icons": _icons(),
        "people": PEOPLE,
        "form": SpecimenForm(
            {"decision": "EWR → LGA", "day": "28 February", "kind": "number", "tell": "1", "grains": ["day"]}
        ),
        "carriers": CARRIERS,
        "pages": Page([], "next", None),
        "share": SHARE,
        "minutes": MINUTES,
        "on_time": ON_TIME,
        "shares": [4, 20, 17, 6, 2, 1, 1, 1, 0, 1],
        "runs": _runs(),
        "steps": _steps(),
        "lines": _lines(now),
        "events": _events(now),
        "moments": [now, now - dt.timedelta(minutes=3), now - dt.timedelta(days=400)],
        "facts": _facts(),
        "crumbs": [{"label": _("Catalog"), "url": "/catalog/"}, {"label": _("Datasets")}],
        "tabs": [
            {"label": _("Overview"), "url": "#", "current": True},
            {"label": _("Columns"), "url": "#", "count": 19},
            {"label": _("Preview"), "url": "#"},
            {"label": _("Lineage"), "url": "#"},
        ],
        "grains": [
            {"label": _("Day"), "url": "#", "current": True},
            {"label": _("Week"), "url": "#"},
            {"label": _("Month"), "url": "#"},
        ],
        "up": [Node("load-flights", "play"), Node("airlines", "data"), Node("planes", "data")],
        "node": Node("flights", "data", tone="good"),
        "down": [
            Node("flights_daily", "data"),
            Node(_("On-time rate"), "metric"),
            Node(_("Cancelled flights"), "metric"),
        ],
        "chart": _chart(formats.language()),
        "proofs": _proofs(now),
        "columns": [_("Day"), _("On-time rate")],
        "legend": [
            {"kind": "line", "label": _("On-time rate")},
            {"kind": "dash", "tone": "good", "label": _("Target 80 %")},
            {"kind": "band", "tone": "bad", "label": _("Below the limit of 70 %")},
        ],
    }


def _proofs(now: dt.datetime) -> list[dict[str, Any]]:
    """Return blocks as portal.evidence.blocks makes them: one whose data has changed, one that is hidden."""
    rows = [[(carrier, False), (name, False), (flights, True)] for carrier, name, flights, *_ in CARRIERS]
    names = (("carrier", "VARCHAR", False), ("name", "VARCHAR", False), ("flights", "BIGINT", True))
    judged = {
        "tone": "warn",
        "label": _("The data has changed"),
        "verdict": "input_changed",
        "moved_on": True,
        "verification": {
            "checked_at": now - dt.timedelta(minutes=3),
            "snapshot": 12,
            "by": {"name": "Ada Yoon"},
        },
        "tables": [{"name": "ops.flights", "rows_before": 336_776, "rows_after": 337_012}],
        "rows": {
            "headings": [(name, number) for name, _kind, number in names],
            "gone": [[("OO", False), ("SkyWest Airlines", False), (1, True)]],
            "came": [[("OO", False), ("SkyWest Airlines", False), (29, True)]],
            "before_count": 1,
            "after_count": 1,
        },
    }
    evidence = {
        "computed_at": now - dt.timedelta(days=40),
        "snapshot": 7,
        "engine": "duckdb 1.5.5",
        "row_count": len(rows),
        "duration_ms": 31,
        "sql": (
            "SELECT carrier, name, count(*) AS flights\nFROM ops.flights\n"
            "WHERE month = $month\nGROUP BY carrier, name"
        ),
    }
    shown = {
        "citation": {"pk": 1, "title": _("Flights by carrier, January 2013")},
        "evidence": evidence,
        "url": "#",
        "table": {
            "columns": [{"name": name, "type": kind, "numeric": number} for name, kind, number in names],
            "head": rows,
            "kept": len(rows),
        },
        "reads": [{"name": "ops.flights", "node": Node("flights", "data")}],
        "parameters": [("month", "1")],
        "judged": judged,
    }
    hidden = {"citation": {"pk": 2, "title": _("Salaries by team")}, "evidence": evidence, "hidden": True}
    return [shown, hidden]


def _icons() -> list[str]:
    """Read the symbols' names from the sprite, so that a new one shows up by itself."""
    return re.findall(r'<symbol id="i-([a-z]+)"', render_to_string("parts/sprite.html"))


def _runs() -> list[drawings.Bar]:
    lengths = (22, 24, 21, 23, 26, 22, 20, 25, 31, 29, 24, 22, 23, 21, 22, 24, 20, 23, 25, 22, 44, 18)
    tones = ["good"] * 20 + ["bad", "info"]
    return [
        drawings.Bar(length, tone, formats.duration(length * 3))
        for length, tone in zip(lengths, tones, strict=True)
    ]


def _steps() -> list[dict[str, Any]]:
    so_far = _("%(time)s so far")
    usually = _("usually %(time)s")
    return [
        {"label": _("Extract"), "tone": "good", "note": formats.duration(41)},
        {"label": _("Stage"), "tone": "good", "note": formats.duration(3)},
        {
            "label": _("Check"),
            "tone": "info",
            "note": so_far % {"time": formats.duration(17)},
            "current": True,
        },
        {"label": _("Publish"), "tone": "neutral", "note": usually % {"time": formats.duration(6)}},
    ]


def _lines(now: dt.datetime) -> list[drawings.Line]:
    said = (
        ("info", "claimed by worker-2, fence 2, lease 30 s"),
        ("info", "flights.csv: 336,776 rows, 19 columns"),
        ("warning", "EWR: station answered 503, again in 5 s"),
        ("info", "check no_duplicates     336,776 rows        passed"),
        ("error", "flights.csv, line 48,213, column dep_time: 'abc' is not a number"),
    )
    return [
        SimpleNamespace(number=index, at=now + dt.timedelta(seconds=index), level=level, message=message)
        for index, (level, message) in enumerate(said, start=1)
    ]


def _events(now: dt.datetime) -> list[dict[str, Any]]:
    return [
        {"tone": "good", "who": "Ben Cho", "text": _("certified it"), "at": now - dt.timedelta(minutes=12)},
        {
            "tone": "info", "who": "Ada Yoon", "text": _("replied"), "at": now - dt.timedelta(hours=2),
            "quote": _("Only departures, please. Arrivals can wait."),
        },
        {"tone": "neutral", "text": _("Definition changed"), "at": now - dt.timedelta(days=9)},
    ]  # fmt: skip


def _facts() -> list[dict[str, Any]]:
    return [
        {"label": _("Owner"), "value": "Dan Seo", "who": True},
        {"label": _("State"), "value": _("Fresh"), "mark": "good"},
        {"label": _("Lives in"), "value": "lake.flights", "code": True},
        {"label": _("Filled by"), "value": "load-flights", "url": "#"},
    ]


@lru_cache(maxsize=4)
def _chart(language: str) -> dict[str, Any]:
    """Draw the chart once a language; the first drawing of a process takes a moment."""
    first = dt.date(2013, 1, 1)
    days = [first + dt.timedelta(days=index) for index in range(len(ON_TIME))]
    wide, narrow = (
        vega.render(_spec(days, width, language), language=language) for width in (vega.WIDE, vega.NARROW)
    )
    names = [formats.day(day) for day in days]
    values = [formats.together(*formats.measured(value, kind="percent")) for value in ON_TIME]
    return {
        "wide": SafeString(wide),
        "narrow": SafeString(narrow),
        "points": vega.points(wide=wide, narrow=narrow, names=names, values=[[value] for value in values]),
        "rows": list(zip(names, values, strict=True)),
    }


def _spec(days: list[dt.date], width: int, language: str) -> dict[str, Any]:
    # Without data of its own a layer is drawn once for each row.
    once: dict[str, Any] = {"data": {"values": [{}]}}
    target = {**once, "mark": {"type": "rule", "color": "var(--good-mark)", "strokeDash": [5, 4]}}
    limit = {**once, "mark": {"type": "rect", "color": "var(--bad-mark)", "opacity": 0.07}}
    form = "%-m월 %-d일" if language == "ko" else "%-d %b"
    axis = {"format": form, "tickCount": width // 90}
    x = {"field": "day", "type": "temporal", "title": None, "axis": axis}
    y = {
        "field": "value",
        "type": "quantitative",
        "title": None,
        "axis": {"format": ".0%"},
        "scale": {"zero": False},
    }
    return {
        "width": width,
        "height": 200,
        "autosize": {"type": "fit", "contains": "padding"},
        "data": {
            "values": [
                {"day": day.isoformat(), "value": value} for day, value in zip(days, ON_TIME, strict=True)
            ]
        },
        "layer": [
            {**limit, "encoding": {"y": {"datum": 0.4}, "y2": {"datum": 0.7}}},
            {**target, "encoding": {"y": {"datum": 0.8}}},
            {"name": vega.SERIES, "mark": "line", "encoding": {"x": x, "y": y}},
        ],
    }
