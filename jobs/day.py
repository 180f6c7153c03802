"""A day's runs as lanes on one time line: each job a lane, its coming slots drawn hollow."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import takewhile
from math import ceil, floor
from typing import Final

from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from jobs.actions.schedules import next_starts
from jobs.choices import RunState
from jobs.exceptions import InvalidSchedule
from jobs.models import Job, Pool, Run, Schedule
from jobs.models.run import RunQuerySet
from portal.ui import formats

# A drawing with more is read by nobody; the page says that there are more.
MOST_RUNS: Final = 600
MOST_SLOTS: Final = 48
# A run may have begun the day before; longer ones are rare and stand on their own day.
_BEFORE: Final = timedelta(days=1)
WIDTH, _TALL, _STEP, _MOST_ROWS = 960, 10, 14, 8
# A run is drawn so wide at least, with a rim of a pixel around it, and the next one in its row begins so far
# on: on a phone that is the least at which two can be told apart.
_LEAST, _PITCH, _RIM = 3, 9, 2
_HOUR: Final = timedelta(hours=1)
_LEAST_HOURS, _MOST_LABELS = 2, 9


@dataclass(frozen=True, slots=True)
class Tick:
    """A part's begin on the time line; ``minor`` labels give way where there is little room."""

    at: datetime
    labelled: bool
    minor: bool


@dataclass(frozen=True, slots=True)
class Day:
    """A calendar day in the reader's zone, or hours of it; 23 or 25 hours long where the clocks change."""

    date: date
    starts: datetime
    ends: datetime

    @property
    def hours(self) -> list[datetime]:
        """The begin of each of its hours, in the reader's zone."""
        count = round((self.ends - self.starts) / _HOUR)
        return [timezone.localtime(self.starts + each * _HOUR) for each in range(count)]

    @property
    def ticks(self) -> list[Tick]:
        """Equal parts of it; so many of them are labelled as can be read."""
        minutes = 60 * len(self.hours)
        step = next(each for each in (10, 15, 30, 60, 120, 180) if minutes / each <= _MOST_LABELS)
        part = min(step, 60)
        ticks: list[Tick] = []
        for each in range(minutes // part):
            at = timezone.localtime(self.starts + timedelta(minutes=each * part))
            labelled = at.hour % max(step // 60, 1) == 0
            minor = sum(tick.labelled for tick in ticks) % 2 == 1
            ticks.append(Tick(at, labelled, labelled and minor))
        return ticks

    def part(self, first: int, last: int) -> "Day":
        """Return what lies between two of its hours, counted from its begin."""
        return replace(self, starts=self.starts + first * _HOUR, ends=self.starts + last * _HOUR)

    def place(self, at: datetime) -> float:
        """Return where a moment lies in the drawing; outside the day its edge."""
        share = (at - self.starts) / (self.ends - self.starts)
        return round(min(max(share, 0.0), 1.0) * WIDTH, 1)


@dataclass(slots=True)
class Planned:
    """A slot of a schedule that is still to come."""

    job: Job
    at: datetime


@dataclass(slots=True)
class Lane:
    """A job's runs and coming slots."""

    job: Job
    runs: list[Run] = field(default_factory=list)
    planned: list[Planned] = field(default_factory=list)


def day_of(words: str, *, now: datetime) -> Day:
    """Return the day of «2026-11-25» in the current zone; today for anything else."""
    try:
        # A day at the very ends of the calendar has no neighbours to be shown.
        chosen = date.fromisoformat(words) if "1971" <= words[:4] <= "9000" else timezone.localdate(now)
    except ValueError:
        chosen = timezone.localdate(now)
    zone = timezone.get_current_timezone()
    begin, end = (
        # Two moments of one zone are subtracted by the wall clock; in UTC by the time that passes.
        datetime.combine(each, time.min, tzinfo=zone).astimezone(UTC)
        for each in (chosen, chosen + timedelta(days=1))
    )
    return Day(chosen, begin, end)


def hours_of(first: str, last: str, day: Day) -> tuple[int, int] | None:
    """Return the hours that the address names; None where it names none, or none of this day."""
    if not all(word.isascii() and word.isdigit() and len(word) < 3 for word in (first, last)):
        return None
    chosen = int(first), int(last)
    return chosen if chosen[0] < chosen[1] <= len(day.hours) else None


def fitting(day: Day, runs: Sequence[Run], planned: Sequence[Planned], *, now: datetime) -> tuple[int, int]:
    """Return the hours from the first run to the last; today also now and the next slot."""
    moments = [moment for run in runs for moment in _lasted(run, now)]
    slots = sorted(slot.at for slot in planned)
    today = day.starts <= now < day.ends
    moments += [now, *slots[:1]] if today else slots
    if not moments:
        return 0, len(day.hours)
    begin, end = (
        (min(max(at, day.starts), day.ends) - day.starts) / _HOUR for at in (min(moments), max(moments))
    )
    last = min(max(ceil(end), floor(begin) + _LEAST_HOURS), len(day.hours))
    return min(floor(begin), last - _LEAST_HOURS), last


def zooms(day: Day, hours: tuple[int, int], *, now: datetime) -> list[tuple[str, int, int]]:
    """Return the other ways to look at the day: by name the hours from and to."""
    most, (first, last) = len(day.hours), hours
    at = ceil((now - day.starts) / _HOUR)
    end = at if first < at <= last else last
    found = [(formats.duration(count * _HOUR), *_ending(end, count)) for count in (6, 1)]
    wide = last - first
    if first > 0:
        found.append((_("Earlier"), *_ending(first, wide)))
    if last < most:
        found.append((_("Later"), *_ending(min(last + wide, most), wide)))
    return [(_("Whole day"), 0, most), *found]


def _ending(last: int, count: int) -> tuple[int, int]:
    return max(last, count) - count, max(last, count)


def runs_of(day: Day, runs: RunQuerySet) -> tuple[list[Run], bool]:
    """Return the newest runs that lie in the day, oldest first, and whether there are more."""
    within = runs.filter(created_at__gte=day.starts - _BEFORE, created_at__lt=day.ends).filter(
        Q(finished_at=None) | Q(finished_at__gte=day.starts)
    )
    found = list(within.select_related("job").order_by("-created_at", "-id")[: MOST_RUNS + 1])
    return found[:MOST_RUNS][::-1], len(found) > MOST_RUNS


def planned_of(day: Day, schedules: Iterable[Schedule], *, now: datetime) -> list[Planned]:
    """Return the coming slots of the day; of a schedule that starts all the time only the first ones."""
    found: list[Planned] = []
    if day.ends <= now:
        return found
    for schedule in schedules:
        try:
            starts = next_starts(schedule, MOST_SLOTS, now=max(now, day.starts - timedelta(seconds=1)))
        except InvalidSchedule:
            continue
        coming = takewhile(lambda start: start.at < day.ends, starts)
        found += [Planned(schedule.job, start.at) for start in coming]
    return found[:MOST_RUNS]


def lanes_of(runs: Sequence[Run], planned: Sequence[Planned]) -> list[Lane]:
    """Return a lane for each job that has a run or a slot, by its name."""
    lanes: dict[int, Lane] = {}
    for run in runs:
        lanes.setdefault(run.job_id, Lane(run.job)).runs.append(run)
    for slot in planned:
        lanes.setdefault(slot.job.pk, Lane(slot.job)).planned.append(slot)
    return sorted(lanes.values(), key=lambda lane: (lane.job.name, lane.job.key))


def schedules_of(jobs: QuerySet[Job]) -> QuerySet[Schedule]:
    """Return the schedules that will start these jobs."""
    return Schedule.objects.filter(enabled=True, job__enabled=True, job__in=jobs).select_related("job")


def pools_of(jobs: QuerySet[Job]) -> QuerySet[Pool]:
    """Return the pools that these jobs share."""
    return Pool.objects.filter(jobs__in=jobs).distinct().order_by("key")


def draw(lane: Lane, day: Day, *, now: datetime) -> SafeString:
    """Draw a lane: runs beside each other in rows where they overlap, each a link; and the line of now."""
    ends: list[float] = []
    bars = []
    for run in lane.runs:
        left, right = _span(run, day, now)
        row = next((row for row, end in enumerate(ends) if end <= left), len(ends))
        row = min(row, _MOST_ROWS - 1)
        ends[row : row + 1] = [max(right, left + _PITCH)]
        bars.append((run, left, right, row))
    tall = max(len(ends), 1) * _STEP + 4
    marks = format_html_join("", '<line class="hour" x1="{0}" x2="{0}" y1="0" y2="{1}"/>', _marks(day, tall))
    drawn = [(_bar(run, left, right, row),) for run, left, right, row in bars]
    slots = [(_slot(slot, day),) for slot in lane.planned]
    line = SafeString("")
    if day.starts <= now < day.ends:
        line = format_html('<line class="now" x1="{0}" x2="{0}" y1="0" y2="{1}"/>', day.place(now), tall)
    return format_html(
        '<svg class="lane rows-{}" viewBox="0 0 {} {}" preserveAspectRatio="none" role="group"'
        ' aria-label="{}">{}{}{}{}</svg>',
        *(max(len(ends), 1), WIDTH, tall, lane.job.name, marks),
        *(line, format_html_join("", "{}", slots), format_html_join("", "{}", drawn)),
    )


def _marks(day: Day, tall: int) -> list[tuple[float, int]]:
    return [(day.place(tick.at), tall) for tick in day.ticks[1:] if tick.labelled]


def _lasted(run: Run, now: datetime) -> tuple[datetime, datetime]:
    """Return when a run worked, or the moment at which it was due."""
    begin = run.started_at or run.slot or run.created_at
    return begin, (run.finished_at or now) if run.started_at else begin


def _span(run: Run, day: Day, now: datetime) -> tuple[float, float]:
    """Return from where to where a run is drawn; what took a second must still be seen and hit."""
    begin, end = _lasted(run, now)
    left = day.place(begin)
    return min(left, WIDTH - _LEAST), min(max(day.place(end), left + _LEAST), WIDTH)


def _bar(run: Run, left: float, right: float, row: int) -> SafeString:
    label = label_of(run)
    return format_html(
        '<a href="{}" aria-label="{}"><rect class="{}" x="{}" y="{}" width="{}" height="{}" rx="2">'
        "<title>{}</title></rect></a>",
        *(reverse("run", args=[run.number]), label, run.tone, left, row * _STEP + 4),
        *(round(max(right - left - _RIM, _LEAST), 1), _TALL, label),
    )


def _slot(slot: Planned, day: Day) -> SafeString:
    label = _("Planned at {time}").format(time=formats.clock(slot.at))
    return format_html(
        '<rect class="planned" x="{}" y="4" width="5" height="{}" rx="2"><title>{}</title></rect>',
        *(min(day.place(slot.at), WIDTH - 5), _TALL, label),
    )


def label_of(run: Run) -> str:
    """Return a run in words: job, number, state, begin, how long it took."""
    words = [
        run.job.name,
        _("Run {number}").format(number=run.number),
        str(RunState(run.state).label),
        formats.clock(run.started_at or run.slot or run.created_at),
    ]
    return ", ".join([*words, *([formats.duration(run.duration)] if run.duration else [])])
