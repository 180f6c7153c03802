"""A day's runs as lanes on one time line: each job a lane, its coming slots drawn hollow."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import takewhile
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
WIDTH, _TALL, _STEP, _MOST_ROWS = 1440, 10, 14, 8


@dataclass(frozen=True, slots=True)
class Day:
    """A calendar day in the reader's zone; 23 or 25 hours long where the clocks change."""

    date: date
    starts: datetime
    ends: datetime

    @property
    def hours(self) -> list[datetime]:
        """The begin of each of its hours, in the reader's zone."""
        count = round((self.ends - self.starts) / timedelta(hours=1))
        return [timezone.localtime(self.starts + timedelta(hours=each)) for each in range(count)]

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
    """A job's runs and coming slots of the day."""

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
        ends[row : row + 1] = [right]
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
        *(format_html_join("", "{}", slots), format_html_join("", "{}", drawn), line),
    )


def _marks(day: Day, tall: int) -> list[tuple[float, int]]:
    return [(day.place(hour), tall) for hour in day.hours[1:] if hour.hour % 3 == 0]


def _span(run: Run, day: Day, now: datetime) -> tuple[float, float]:
    """Return from where to where a run is drawn: its work, or the moment at which it was due."""
    begin = run.started_at or run.slot or run.created_at
    end = (run.finished_at or now) if run.started_at else begin
    left = day.place(begin)
    # What took a second must still be seen and hit.
    right = max(day.place(end), left + 6)
    return min(left, WIDTH - 6), min(right, WIDTH)


def _bar(run: Run, left: float, right: float, row: int) -> SafeString:
    label = label_of(run)
    return format_html(
        '<a href="{}" aria-label="{}"><rect class="{}" x="{}" y="{}" width="{}" height="{}" rx="2">'
        "<title>{}</title></rect></a>",
        *(reverse("run", args=[run.number]), label, run.tone, left, row * _STEP + 4),
        *(round(max(right - left, 6), 1), _TALL, label),
    )


def _slot(slot: Planned, day: Day) -> SafeString:
    label = _("Planned at {time}").format(time=formats.clock(slot.at))
    return format_html(
        '<rect class="planned" x="{}" y="4" width="8" height="{}" rx="2"><title>{}</title></rect>',
        *(min(day.place(slot.at), WIDTH - 8), _TALL, label),
    )


def label_of(run: Run) -> str:
    """Return a run in words: number, state, begin, how long it took."""
    words = [
        _("Run {number}").format(number=run.number),
        str(RunState(run.state).label),
        formats.clock(run.started_at or run.slot or run.created_at),
    ]
    return ", ".join([*words, *([formats.duration(run.duration)] if run.duration else [])])
