"""Tags and filters of every template (they are builtins: no ``{% load %}``)."""

import datetime as dt
import hashlib
from collections.abc import Hashable, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any, cast

from django import template
from django.conf import settings
from django.forms import BoundField, ChoiceField, ModelChoiceField, MultipleChoiceField
from django.forms.boundfield import BoundWidget
from django.middleware.csrf import get_token
from django.template.loader import render_to_string
from django.utils.html import conditional_escape, format_html, format_html_join, json_script
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from portal.languages import spoken
from portal.ui import drawings, formats
from portal.ui.lineage import layout

register = template.Library()
# Small drawings are made again and again from the same few words, so they are kept; «typed», since a safe
# string equals an unsafe one and must never be answered with its drawing.
SELECTED = SafeString(" selected")
TONES = frozenset({"neutral", "info", "good", "warn", "bad"})


@register.simple_tag
@lru_cache(512, typed=True)
def icon(name: str, size: str = "") -> SafeString:
    """Draw a symbol of the sprite; it says nothing to a screen reader, so words must stand beside it."""
    return format_html(
        '<svg class="i{}" aria-hidden="true"><use href="#i-{}"/></svg>', f" {size}" if size else "", name
    )


@register.simple_tag
def same(part: str) -> SafeString:
    """Draw a part that is the same on every page in a language: it uses nothing of the context."""
    # While it is being written it is read anew each time, as all templates are.
    drawn = _same.__wrapped__ if settings.DEBUG else _same
    return drawn(part, get_language())


@lru_cache(64)
def _same(part: str, _language: str | None) -> SafeString:
    return render_to_string(part)


@register.simple_tag
def kept(part: str, **given: Any) -> SafeString:
    """Draw a part that uses nothing but what is given and the language; drawn once for the same values.

    Lists are compared item by item; nothing may be given that equals something it is not drawn as.
    """
    drawn = _kept.__wrapped__ if settings.DEBUG else _kept
    return drawn(part, get_language(), **{name: _fixed(value) for name, value in given.items()})


@lru_cache(512, typed=True)
def _kept(part: str, _language: str | None, **given: Hashable) -> SafeString:
    return render_to_string(part, given)


def _fixed(value: Any) -> Hashable:
    """Return what a lazy list stands for, which itself would hold on to its request."""
    return value if isinstance(value, str) else tuple(value)


@register.simple_tag
def options(choices: Iterable[tuple[Any, Any]], chosen: Any = "") -> SafeString:
    """Draw the choices (value, label) of a select, the chosen one marked."""
    wanted = str(chosen)
    rows = ((str(value), SELECTED if str(value) == wanted else "", label) for value, label in choices)
    return format_html_join("", '<option value="{}"{}>{}</option>', rows)


@register.simple_tag
@lru_cache(16, typed=True)
def mark(tone: str) -> SafeString:
    """Draw the shape of a tone: dashed ring, half disc, disc, triangle, octagon."""
    known = tone if tone in TONES else "neutral"
    return format_html('<svg class="m t-{}" aria-hidden="true"><use href="#m-{}"/></svg>', known, known)


@register.simple_tag
@lru_cache(2048, typed=True)
def state(tone: str, label: str, loud: bool = False) -> SafeString:
    """Draw a state: the shape of its tone and its word; ``loud`` colours the word too."""
    return format_html(
        '<span class="state t-{}{}">{}{}</span>', tone, " loud" if loud else "", mark(tone), label
    )


@register.simple_tag
@lru_cache(2048, typed=True)
def avatar(name: str, big: bool = False) -> SafeString:
    """Draw a face: two letters in a colour that stays with the name."""
    return format_html(
        '<span class="avatar h{}{}" aria-hidden="true">{}</span>',
        hue(name), " big" if big else "", initials(name),
    )  # fmt: skip


@register.simple_tag
@lru_cache(2048, typed=True)
def who(name: str, note: str = "") -> SafeString:
    """Draw somebody: a face and a name, and a word after it."""
    more = format_html('<span class="muted">{}</span>', note) if note else ""
    return format_html('<span class="who">{}{}{}</span>', avatar(name), name, more)


@register.filter
def ticked(text: str) -> SafeString:
    """Show what stands between double backticks as code, as the texts of the API have it."""
    parts = [SafeString(part) for part in conditional_escape(text).split("``")]
    shown = [
        format_html("<code>{}</code>", part) if number % 2 else part for number, part in enumerate(parts)
    ]
    return format_html_join("", "{}", ((part,) for part in shown))


@register.simple_tag
def log_lines(lines: Iterable[drawings.Line]) -> SafeString:
    """Show lines of a log as list items."""
    return drawings.log_lines(lines)


@register.filter
def ago(value: dt.datetime | None) -> str:
    """Show a moment relative to now, with the exact time on hover."""
    if value is None:
        return formats.DASH
    exact, words = formats.moment(value), formats.ago(value)
    at = value.isoformat(timespec="seconds")
    # Without format_html, since lists have hundreds; nothing in it was written by people.
    return SafeString(f'<time datetime="{at}" title="{exact}" data-ago>{words}</time>')


@register.filter
def moment(value: dt.datetime | None) -> str:
    """Show a moment exactly: «1 March, 06:40», «3월 1일 06:40»."""
    return formats.DASH if value is None else formats.moment(value)


@register.filter
def day(value: dt.date | None) -> str:
    """Show a day: «1 March», «3월 1일»."""
    return formats.DASH if value is None else formats.day(value)


@register.filter
def long_day(value: dt.date | None) -> str:
    """Show a day with its weekday: «Friday 1 March 2013»."""
    return formats.DASH if value is None else formats.long_day(value)


@register.filter
def clock(value: dt.datetime | None, precision: str = "") -> str:
    """Show the time of day; ``clock:"seconds"`` with seconds."""
    return formats.DASH if value is None else formats.clock(value, seconds=precision == "seconds")


@register.filter
def duration(value: dt.timedelta | float | None) -> str:
    """Show a length of time (timedelta or seconds): «1 min 12 s», «1분 12초»."""
    return formats.DASH if value is None else formats.duration(value)


@register.filter
def number(value: formats.Number | None, decimals: int | None = None) -> str:
    """Show a number with grouped digits."""
    return formats.DASH if value is None else formats.number(value, decimals)


@register.filter
def percent(value: formats.Number | None, decimals: int = 1) -> str:
    """Show a share of 0–1 as a percentage."""
    return formats.DASH if value is None else formats.percent(value, decimals)


@register.filter(name="bytes")
def in_bytes(value: formats.Number | None) -> str:
    """Show a number of bytes with a fitting unit."""
    return formats.DASH if value is None else formats.size(value)


@register.filter
def capped(value: int, most: int = 999) -> str:
    """Show a count, capped: «999+»."""
    return f"{formats.number(most)}+" if value > most else formats.number(value)


def _words(unit: Any) -> dict[str, Any]:
    """Read a unit (an object or mapping of kind, label_en, label_ko, decimals, currency)."""
    get = unit.get if isinstance(unit, Mapping) else lambda name, default=None: getattr(unit, name, default)
    label = get(f"label_{formats.language()}", "") or get("label_en", "") or ""
    decimals = get("decimals", 1)
    return {
        "kind": str(get("kind", "number")),
        "label": label,
        "decimals": 1 if decimals is None else decimals,
        "currency": get("currency", None),
    }


@register.simple_tag
def metric_value(value: formats.Number | None, unit: Any) -> SafeString:
    """Show a metric's value with its unit in small: «76.2 <small>%</small>»."""
    figure, word = formats.measured(value, **_words(unit))
    return (
        format_html("{}{}<small>{}</small>", figure, formats.NBSP, word)
        if word
        else format_html("{}", figure)
    )


@register.filter
def measured(value: formats.Number | None, unit: Any) -> str:
    """Show a metric's value and unit as plain text: «76.2 %», «10.8분»."""
    return formats.together(*formats.measured(value, **_words(unit)))


@register.filter
def goal(value: formats.Number | None, unit: Any) -> str:
    """Show a target or limit as people say it, without idle zeros: «80 %», «2.5 %», «12 min»."""
    if value is None:
        return formats.DASH
    words = _words(unit)
    shown = float(value) * 100 if words["kind"] == "percent" else float(value)
    needed = next(
        (places for places in range(words["decimals"]) if round(shown, places) == round(shown, 6)), None
    )
    words["decimals"] = words["decimals"] if needed is None else needed
    return formats.together(*formats.measured(value, **words))


@register.filter
def change(value: formats.Number | None, unit: Any) -> str:
    """Show a difference of two values with its sign, shares in percentage points: «−0.3 pt»."""
    return formats.change(value, **_words(unit))


@register.filter
def distance(value: formats.Number | None, unit: Any) -> str:
    """Show how far apart two values are, without a sign: «missed by 3.8 pt»."""
    return formats.change(value, **_words(unit)).lstrip("+−±")


@register.filter
def hue(name: object) -> int:
    """Return a stable number of 0–11 for a name: the colour of a face."""
    return hashlib.sha256(str(name).strip().casefold().encode()).digest()[9] % 12


@register.filter
def initials(name: object) -> str:
    """Return two letters for a face: «Ada Yoon» → AY, «윤아다» → 윤아."""
    words = str(name).split()
    if len(words) > 1:
        return (words[0][0] + words[1][0]).upper()
    return str(name).strip()[:2].upper()


@register.filter
def text_of(value: Any, field: str) -> str:
    """Return a data text in the reader's language: ``asset|text_of:"name"`` reads name_ko or name_en."""
    return spoken(value, field)


@register.simple_tag
def spark(
    values: Sequence[float | None], label: str, target: float | None = None, tone: str = ""
) -> SafeString:
    """Draw a small line of numbers with its target; ``label`` says the same in words."""
    return drawings.spark(tuple(values), label=label, target=target, tone=tone)


@register.simple_tag
def hist(values: Sequence[float]) -> SafeString:
    """Draw a column's distribution as small bars; the numbers stand beside it."""
    return drawings.hist(values)


@register.simple_tag
def history(bars: Sequence[Any], label: str, places: int = 24) -> SafeString:
    """Draw past runs as bars; each has ``tone``, ``value`` and may have ``url`` and ``label``."""
    return drawings.history(bars, label=label, places=places)


@register.simple_tag
def bar(fraction: float | None, tone: str = "", start: float = 0) -> SafeString:
    """Draw a bar filled from ``start`` over ``fraction`` (both 0–1); None is unknown progress."""
    return drawings.bar(fraction, tone=tone, start=start)


@register.simple_tag
def segments(done: int, total: int, tone: str = "good") -> SafeString:
    """Draw a row of segments, some filled: a score."""
    return drawings.segments(done, total, tone=tone)


@register.simple_tag
def ring(fraction: float, tone: str = "neutral") -> SafeString:
    """Draw a clock ring, filled to ``fraction``: how much of a due time has passed."""
    return drawings.ring(fraction, tone=tone)


@register.filter
def control(field: BoundField) -> SafeString:
    """Draw a form field's control in our look, tied to its help and error text."""
    widget = field.field.widget
    kind = getattr(widget, "input_type", "")
    described = [f"{field.auto_id}-help"] if field.help_text else []
    described += [f"{field.auto_id}-error"] if field.errors else []
    own = str(widget.attrs.get("class", ""))
    attrs: dict[str, Any] = (
        {} if kind in {"checkbox", "radio", "hidden"} else {"class": f"input {own}".strip()}
    )
    if described:
        attrs["aria-describedby"] = " ".join(described)
    return field.as_widget(attrs=attrs)


@register.filter
def may_stay_empty(field: BoundField) -> bool:
    """Say whether nothing may be given; a list in which something always stands chosen asks for no more."""
    if field.field.required:
        return False
    if isinstance(field.field, ModelChoiceField) or not isinstance(field.field, ChoiceField):
        return True
    offered = cast("Iterable[tuple[Any, Any]]", field.field.choices)
    return isinstance(field.field, MultipleChoiceField) or any(not key for key, _name in offered)


@register.filter
def groups(field: BoundField) -> list[tuple[Any, list[BoundWidget]]]:
    """Return the boxes of a field by the groups of its choices; those without one under an empty name."""
    boxes = iter(field.subwidgets)
    if isinstance(field.field, ModelChoiceField):
        # Its choices are rows: to look at them would read them once more.
        return [("", list(boxes))]
    found: list[tuple[Any, list[BoundWidget]]] = []
    for name, within in cast("Any", field.field.widget).choices:
        grouped = isinstance(within, list | tuple)
        if grouped or not found or found[-1][0]:
            found.append((name if grouped else "", []))
        found[-1][1].extend(islice(boxes, len(within) if grouped else 1))
    return found


@register.filter
def data_block(value: Any) -> SafeString:
    """Write data for our scripts as JSON that no browser executes and no text can break out of."""
    return json_script(value)


@register.simple_tag(takes_context=True)
def query(context: template.Context, **changes: Any) -> str:
    """Return this page's query with some parameters changed (None removes one) and without its cursor."""
    given = context["request"].GET.copy()
    given.pop("cursor", None)
    for name, value in changes.items():
        given.pop(name, None)
        if value not in (None, ""):
            given[name] = str(value)
    return f"?{given.urlencode()}" if given else "?"


@register.inclusion_tag("components/lineage.html")
def lineage(up: Sequence[Any], here: Any, down: Sequence[Any], label: str) -> dict[str, Any]:
    """Draw one step up and down; nodes have label, url (may be empty), icon and tone."""
    return {"graph": layout(up, here, down), "up": up, "here": here, "down": down, "label": label}


@register.simple_tag(takes_context=True)
def csrf_field(context: template.Context) -> SafeString:
    """Draw what ``{% csrf_token %}`` draws, also in a template that was included with ``only``."""
    token = get_token(context.request)  # type: ignore[attr-defined]
    return format_html('<input type="hidden" name="csrfmiddlewaretoken" value="{}">', token)
