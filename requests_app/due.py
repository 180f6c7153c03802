"""How a question's nearest deadline reads in a list: a clock ring and a few words."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from portal.ui import formats
from requests_app.choices import SlaState
from requests_app.models import DataRequest, SlaClock

# Nearer than this the time that is left is said; further away the day and hour.
_COUNTED = timedelta(hours=8)


@dataclass(frozen=True, slots=True)
class Due:
    """What stands in the last column: ``fraction`` of the time that has passed (None: no ring)."""

    text: str
    tone: str
    fraction: float | None
    loud: bool
    at: datetime | None


def due_of(question: DataRequest, now: datetime | None = None) -> Due | None:
    """Return the nearest deadline in words; None where none runs."""
    now = now or timezone.now()
    sla = question.sla_at(now)
    if sla is SlaState.NONE:
        return None
    if question.next_due_at is None:
        return Due(_("paused"), "neutral", None, loud=False, at=None)
    left = question.next_due_at - now
    if sla is SlaState.OVERDUE:
        words = _("%(time)s over") % {"time": formats.duration(_coarse(-left))}
        return Due(words, "bad", None, loud=True, at=question.next_due_at)
    whole = question.next_due_at - question.state_since
    passed = (now - question.state_since) / whole if whole else 1.0
    text = formats.duration(_coarse(left)) if left < _COUNTED else _when(question.next_due_at, now)
    warned = sla is SlaState.DUE_SOON
    tone = "warn" if warned else "neutral"
    return Due(text, tone, min(max(passed, 0.0), 1.0), loud=warned, at=question.next_due_at)


def due_of_clock(clock: SlaClock, now: datetime | None = None) -> Due:
    """Return a running deadline in words."""
    now = now or timezone.now()
    if clock.due_at is None:
        return Due(_("paused"), "neutral", None, loud=False, at=None)
    left = clock.due_at - now
    if left <= timedelta():
        words = _("%(time)s over") % {"time": formats.duration(_coarse(-left))}
        return Due(words, "bad", None, loud=True, at=clock.due_at)
    passed = (now - clock.started_at) / (clock.due_at - clock.started_at)
    warned = clock.warn_at is not None and clock.warn_at <= now
    text = formats.duration(_coarse(left)) if left < _COUNTED else _when(clock.due_at, now)
    tone = "warn" if warned else "neutral"
    return Due(text, tone, min(max(passed, 0.0), 1.0), loud=warned, at=clock.due_at)


def _coarse(span: timedelta) -> timedelta:
    """Round to minutes: nobody acts by the second."""
    return timedelta(minutes=max(1, round(span.total_seconds() / 60)))


def _when(at: datetime, now: datetime) -> str:
    """Say «today 16:00», «Mon 11:00» or «9 March»."""
    day, today = timezone.localtime(at).date(), timezone.localtime(now).date()
    if day == today:
        return _("today %(time)s") % {"time": formats.clock(at)}
    if day - today < timedelta(days=7):
        return f"{formats.weekday(at)} {formats.clock(at)}"
    return formats.day(at)
