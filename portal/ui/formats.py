"""Numbers, times and sizes in the reader's language and time zone."""

import datetime as dt
from decimal import Decimal
from functools import lru_cache
from typing import Final

from babel.dates import format_date, format_timedelta
from babel.numbers import format_currency, format_decimal
from django.utils import timezone
from django.utils.translation import get_language

Number = int | float | Decimal
NBSP: Final = "\u00a0"
DASH: Final = "–"

# CLDR's short units read badly in a dense English row ("12 sec.", "2 hr"), so the words are ours.
_UNITS: Final = {
    "en": (f"{NBSP}d", f"{NBSP}h", f"{NBSP}min", f"{NBSP}s"),
    "ko": ("일", "시간", "분", "초"),
}
_DAYS: Final = {"en": ("d MMMM", "d MMMM y"), "ko": ("M월 d일", "y년 M월 d일")}
# What stands between a day and a time of day.
_AT: Final = {"en": ", ", "ko": " "}
_LONG_DAYS: Final = {"en": "EEEE d MMMM y", "ko": "y년 M월 d일 EEEE"}
_MINUTES: Final = {"en": f"{NBSP}min", "ko": "분"}
# What is counted in words of time, in seconds: years to seconds, as CLDR does.
_STEPS: Final = (31_536_000, 2_592_000, 604_800, 86_400, 3_600, 60, 1)
_POINTS: Final = {"en": f"{NBSP}pt", "ko": "%p"}


def language() -> str:
    """Return the reader's language among those we format for."""
    code = (get_language() or "en")[:2]
    return code if code in _UNITS else "en"


def here(moment: dt.datetime) -> dt.datetime:
    """Return the moment in the reader's time zone."""
    return timezone.localtime(moment)


def ago(moment: dt.datetime, now: dt.datetime | None = None) -> str:
    """Say how long ago, or in how long: «3 min ago», «3분 전»."""
    seconds = (moment - (now or timezone.now())).total_seconds()
    size = next((each for each in _STEPS if abs(seconds) >= each), 1)
    # Below a second, too, it says which way.
    counted = max(1, round(abs(seconds) / size)) * size
    return _relative(counted if seconds > 0 else -counted, language())


@lru_cache(4096)
def _relative(seconds: int, code: str) -> str:
    gap = dt.timedelta(seconds=seconds)
    words = format_timedelta(gap, add_direction=True, format="short", threshold=1, locale=code)
    return words.replace(".", "") if code == "en" else words


def moment(value: dt.datetime, now: dt.datetime | None = None) -> str:
    """Say exactly when: «1 March, 06:40», «3월 1일 06:40»; with the year unless it is this one."""
    # A page has hundreds of moments: the zone is looked up once for each, and only their days are kept.
    zone, code = timezone.get_current_timezone(), language()
    local = value.astimezone(zone)
    short, long = _DAYS[code]
    this_year = (now or timezone.now()).astimezone(zone).year
    day = _dated(local.date(), short if local.year == this_year else long, code)
    return f"{day}{_AT[code]}{local.hour:02}:{local.minute:02}"


def day(value: dt.date, now: dt.datetime | None = None) -> str:
    """Say which day: «1 March», «3월 1일»; with the year unless it is this one."""
    local = here(value).date() if isinstance(value, dt.datetime) else value
    short, long = _DAYS[language()]
    this_year = here(now or timezone.now()).year
    return _dated(local, short if local.year == this_year else long, language())


def weekday(value: dt.date) -> str:
    """Say which day of the week in short: «Mon», «월»."""
    local = here(value).date() if isinstance(value, dt.datetime) else value
    return _dated(local, "EEE", language())


@lru_cache(4096)
def _dated(local: dt.date, pattern: str, code: str) -> str:
    return format_date(local, pattern, locale=code)


def long_day(value: dt.date) -> str:
    """Say which day with its weekday and year: «Friday 1 March 2013», «2013년 3월 1일 금요일»."""
    local = here(value).date() if isinstance(value, dt.datetime) else value
    return _dated(local, _LONG_DAYS[language()], language())


def clock(value: dt.datetime, *, seconds: bool = False) -> str:
    """Say the time of day: «06:40», «06:40:12»."""
    return f"{here(value):%H:%M:%S}" if seconds else f"{here(value):%H:%M}"


def duration(value: dt.timedelta | Number) -> str:
    """Say how long in the two largest units: «1 min 12 s», «1분 12초»; a number counts seconds.

    Below ten seconds a tenth counts: the steps of a short run must add up to the whole.
    """
    seconds = value.total_seconds() if isinstance(value, dt.timedelta) else float(value)
    if seconds < 0:
        return f"−{duration(-seconds)}"
    return _lasting(round(seconds, 1) if seconds < 9.95 else round(seconds), language())


@lru_cache(4096)
def _lasting(seconds: float, code: str) -> str:
    units = _UNITS[code]
    if seconds < 9.95:
        return f"{number(seconds)}{units[3]}"
    whole = round(seconds)
    sizes = (86400, 3600, 60, 1)
    counts = [whole // 86400, whole % 86400 // 3600, whole % 3600 // 60, whole % 60]
    first = next(index for index, size in enumerate(sizes) if whole >= size)
    parts = [
        f"{number(counts[i])}{units[i]}" for i in range(first, min(first + 2, 4)) if counts[i] or i == first
    ]
    return " ".join(parts)


def number(value: Number, decimals: int | None = None) -> str:
    """Group the digits: «51,955», «10.8»; without a number of decimals up to two are shown."""
    pattern = "#,##0.##" if decimals is None else "#,##0" + ("." + "0" * decimals if decimals else "")
    return _grouped(value, pattern, language())


@lru_cache(4096, typed=True)
def _grouped(value: Number, pattern: str, code: str) -> str:
    return format_decimal(value, format=pattern, locale=code).replace("-", "−")


def percent(value: Number, decimals: int = 1) -> str:
    """Show a share of 0–1: «76.2 %», in Korean «76.2%»; none and all are whole: «0 %», «100 %»."""
    share = float(value)
    return together(number(share * 100, 0 if share in {0.0, 1.0} else decimals), "%")


def size(value: Number) -> str:
    """Show a number of bytes: «6.1 kB», «1.4 GB» (steps of 1000, as disks count)."""
    amount = float(value)
    if abs(amount) < 1000:
        return f"{number(int(amount))}{NBSP}B"
    for unit in ("kB", "MB", "GB", "TB"):
        amount /= 1000
        if abs(amount) < 999.95 or unit == "TB":
            return f"{number(amount, 1)}{NBSP}{unit}"
    raise AssertionError


def measured(
    value: Number | None, *, kind: str, label: str = "", decimals: int = 1, currency: str | None = None
) -> tuple[str, str]:
    """Return a metric's value as (number, unit), apart so that a page may set them in two sizes.

    ``kind`` is one of percent (a share of 0–1), number, minutes, currency.
    """
    if value is None:
        return DASH, ""
    if kind == "percent":
        return number(float(value) * 100, decimals), "%"
    if kind == "minutes":
        return number(value, decimals), _MINUTES[language()].strip()
    if kind == "currency" and currency:
        return format_currency(value, currency, locale=language()).replace("-", "−"), ""
    return number(value, decimals), label


def together(figure: str, unit: str) -> str:
    """Join a number and its unit as the language writes them: «10.8 min», «76.2 %», «10.8분», «76.2%»."""
    if not unit:
        return figure
    return f"{figure}{'' if language() == 'ko' else NBSP}{unit}"


def change(
    value: Number | None, *, kind: str, label: str = "", decimals: int = 1, currency: str | None = None
) -> str:
    """Show a difference with its sign: shares in percentage points, «−0.3 pt», «+0.8 min»."""
    if value is None:
        return DASH
    sign = "+" if value > 0 else "−" if value < 0 else "±"
    if kind == "percent":
        return f"{sign}{number(abs(float(value)) * 100, decimals)}{_POINTS[language()]}"
    figure, unit = measured(
        -value if value < 0 else value, kind=kind, label=label, decimals=decimals, currency=currency
    )
    return f"{sign}{together(figure, unit)}"
