"""Say a cron line in words."""

from datetime import UTC, datetime

from cronsim import CronSim, CronSimError
from django.utils.dates import MONTHS, WEEKDAYS
from django.utils.translation import gettext as _

# More moments than these are no sentence any more.
MOST_TIMES = 6
_WEEK = 7
_MINUTES = 60
_HOURS = 24


def in_words(cron: str) -> str:
    """Return the line in words of the reader's language, "" where it is none that a sentence can say."""
    try:
        line = CronSim(cron, datetime(2026, 1, 1, tzinfo=UTC))
    except CronSimError:
        return ""
    days = _days(line)
    rhythm = _within_the_hour(line)
    times = "" if rhythm else _times(line)
    if days is None or not (rhythm or times):
        return ""
    if times:
        said = _("{days} at {times}").format(days=days or _("every day"), times=times)
    else:
        said = _("{rhythm}, {days}").format(rhythm=rhythm, days=days) if days else rhythm
    months = sorted(line.months)
    if len(months) < len(MONTHS):
        names = ", ".join(str(MONTHS[month]) for month in months)
        said = _("{rhythm}, only in {months}").format(rhythm=said, months=names)
    return said


def _within_the_hour(line: CronSim) -> str:
    """Return what comes again through the day at even distances, else ""."""
    minutes, hours = sorted(line.minutes), sorted(line.hours)
    if len(hours) == _HOURS:
        if len(minutes) == _MINUTES:
            return _("every minute")
        if len(minutes) == 1:
            return _("every hour at minute {minute}").format(minute=minutes[0])
        if step := _step(minutes, _MINUTES):
            return _("every {n} minutes").format(n=step)
        if len(minutes) <= MOST_TIMES:
            listed = ", ".join(map(str, minutes))
            return _("every hour at the minutes {minutes}").format(minutes=listed)
    elif len(minutes) == 1 and len(hours) > 1 and (step := _step(hours, _HOURS)):
        return _("every {n} hours at minute {minute}").format(n=step, minute=minutes[0])
    return ""


def _step(values: list[int], whole: int) -> int:
    """Return the distance of values that begin at 0 and divide the whole evenly, else 0."""
    step = whole // len(values)
    return step if values == list(range(0, whole, step)) and whole % step == 0 else 0


def _times(line: CronSim) -> str:
    moments = [(hour, minute) for hour in sorted(line.hours) for minute in sorted(line.minutes)]
    if len(moments) > MOST_TIMES:
        return ""
    return ", ".join(f"{hour:02}:{minute:02}" for hour, minute in moments)


def _days(line: CronSim) -> str | None:
    """Return on which days, "" for every day; None where it cannot be said."""
    weekdays, days = line.weekdays, line.days
    every_weekday = len({_of_week(day) for day in weekdays}) == _WEEK
    every_day = len(days) == 31
    if every_weekday and every_day:
        return ""
    if not every_weekday and not every_day:
        return None
    if every_weekday:
        return _days_of_month(sorted(days))
    named = sorted({_of_week(day) for day in weekdays})
    if min(named) < 0:
        # «The second Monday»: the line itself is clearer.
        return None
    if named == [0, 1, 2, 3, 4]:
        return _("Monday to Friday")
    names = [str(WEEKDAYS[day]) for day in named]
    return _("every {weekday}").format(weekday=", ".join(names))


def _of_week(day: object) -> int:
    """Return the weekday from Monday, 0; cron's week begins with Sunday, as 0 and as 7."""
    return (day - 1) % _WEEK if isinstance(day, int) else -1


def _days_of_month(days: list[int]) -> str | None:
    if days == [CronSim.LAST]:
        return _("on the last day of the month")
    if days == [CronSim.LAST_WEEKDAY]:
        return _("on the last working day of the month")
    if min(days) < 1 or len(days) > MOST_TIMES:
        return None
    return _("on day {days} of the month").format(days=", ".join(map(str, days)))
