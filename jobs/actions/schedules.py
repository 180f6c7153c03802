"""Make, change, pause and resume schedules, and look ahead."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim
from django.db import transaction
from django.utils.translation import gettext as _

from jobs.actions.runs import unfit
from jobs.choices import Misfire
from jobs.engine import slots
from jobs.engine.slots import database_now
from jobs.exceptions import FieldError, InvalidSchedule, RefusedTrigger, WrittenInCode, wrong
from jobs.models import Job, Schedule
from jobs.partitions import params_at, problems
from portal.audit.actions import Actor, record

# From a second to a year.
LONGEST_INTERVAL = 366 * 24 * 3600
LONGEST_GRACE = 7 * 24 * 3600
MOST_CATCHUP = 1000
# Years from which an interval may be counted: its next slots lie within the calendar.
ANCHOR_YEARS = range(1900, 3000)
# How long the next change of a zone's clock is looked for.
_YEAR = 366


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A schedule as somebody wants it: a cron line in a zone, or each ``interval`` seconds from an anchor."""

    cron: str = ""
    zone: str = "UTC"
    interval: int | None = None
    anchor: datetime | None = None
    params: dict[str, Any] = field(default_factory=dict)
    by_slot: dict[str, str] = field(default_factory=dict)
    misfire: str = Misfire.LATEST
    grace: int = 300
    max_catchup: int = 24


@dataclass(frozen=True, slots=True)
class Start:
    """One coming start: the moment, how the clock of the schedule's zone reads then, and what is odd there.

    ``note`` tells of a change of that zone's clocks, "" where there is none. ``params`` are those that the
    slot gives.
    """

    at: datetime
    there: datetime
    note: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)

    @property
    def clock(self) -> str:
        """What the clocks there show: a template would turn the moment into the reader's time."""
        return f"{self.there:%H:%M}"


@transaction.atomic
def add(*, job: Job, wish: Wish, by: Actor) -> Schedule:
    """Give the job one more schedule; raises RefusedTrigger with what is wrong, field by field."""
    # Locked, so that a double click adds one.
    job = Job.objects.select_for_update(no_key=True).get(pk=job.pk)
    now = database_now()
    values = _checked(job, wish, now)
    schedule = Schedule(job=job, **values)
    if _twin(schedule) is not None:
        raise RefusedTrigger([wrong("", _("The job already has this schedule."))])
    schedule.next_slot = slots.next_slot(schedule, now)
    schedule.save()
    _record("schedule.added", schedule, by, **_told(schedule))
    return schedule


@transaction.atomic
def edit(*, schedule: Schedule, wish: Wish, by: Actor) -> Schedule:
    """Change a schedule; it goes on from its next slot from now. Raises RefusedTrigger and WrittenInCode."""
    # The clock holds the row while it makes the slots of the old line; from here on it finds the new one.
    schedule = Schedule.objects.select_for_update().select_related("job").get(pk=schedule.pk)
    if schedule.from_code:
        raise WrittenInCode
    now = database_now()
    if wish.interval is not None and wish.anchor is None:
        wish = Wish(**{**_as_values(wish), "anchor": schedule.anchor})
    before = _told(schedule)
    for name, value in _checked(schedule.job, wish, now).items():
        setattr(schedule, name, value)
    if _twin(schedule) is not None:
        raise RefusedTrigger([wrong("", _("The job already has this schedule."))])
    if _told(schedule) == before:
        return schedule
    # From now on: an edited schedule must not catch up slots that it never had.
    schedule.next_slot = slots.next_slot(schedule, now) if schedule.enabled else None
    schedule.missed, schedule.missed_at = 0, None
    schedule.save()
    _record("schedule.edited", schedule, by, before=before, **_told(schedule))
    return schedule


@transaction.atomic
def remove(*, schedule: Schedule, by: Actor) -> None:
    """Delete a schedule; the runs that it has started stay. Raises WrittenInCode."""
    found = Schedule.objects.select_for_update(of=("self",)).select_related("job").filter(pk=schedule.pk)
    for each in found:
        if each.from_code:
            raise WrittenInCode
        _record("schedule.removed", each, by, **_told(each))
        each.delete()


@transaction.atomic
def pause(*, schedule: Schedule, by: Actor) -> Schedule:
    """Stop a schedule from making runs; pausing a paused one changes nothing."""
    if Schedule.objects.filter(pk=schedule.pk, enabled=True).update(enabled=False, next_slot=None):
        _record("schedule.paused", schedule, by)
    schedule.refresh_from_db()
    return schedule


@transaction.atomic
def resume(*, schedule: Schedule, by: Actor) -> Schedule:
    """Let a schedule go on from its next slot; what passed while it was paused is not caught up.

    Raises RefusedTrigger where its parameters do not fit what the job asks for by now.
    """
    now = database_now()
    upcoming = slots.next_slot(schedule, now)
    if errors := check_params(schedule, upcoming or now, schedule.job.parameters_schema):
        raise RefusedTrigger(errors)
    if Schedule.objects.filter(pk=schedule.pk, enabled=False).update(enabled=True, next_slot=upcoming):
        _record("schedule.resumed", schedule, by)
    schedule.refresh_from_db()
    return schedule


def go_on(job: Job) -> None:
    """Let the job's schedules go on from their next slots, nothing caught up; inside a transaction."""
    now = database_now()
    for schedule in job.schedules.select_for_update().filter(enabled=True):
        schedule.next_slot = slots.next_slot(schedule, now)
        schedule.save(update_fields=["next_slot"])


def next_slots(schedule: Schedule, count: int = 5, *, now: datetime | None = None) -> list[datetime]:
    """Return the next few slots in UTC, whether the schedule is paused or not."""
    return slots.next_slots(schedule, now or database_now(), count)


def next_starts(schedule: Schedule, count: int = 5, *, now: datetime | None = None) -> list[Start]:
    """Return the next few starts, each with a note where its zone's clocks change; raises InvalidSchedule."""
    try:
        zone = ZoneInfo(schedule.zone)
    except (KeyError, ValueError, OSError) as error:
        message = f"The time zone {schedule.zone!r} is unknown."
        raise InvalidSchedule(message) from error
    found = slots.next_slots(schedule, now or database_now(), count)
    return [_start(schedule, at, at.astimezone(zone)) for at in found]


def jitter_of(schedule: Schedule, starts: list[Start]) -> int:
    """Return the seconds after its slot from which a run of this schedule is taken."""
    return int(slots.jitter(schedule, starts[0].at).total_seconds()) if starts else 0


def _start(schedule: Schedule, at: datetime, there: datetime) -> Start:
    given: dict[str, Any] = {}
    if schedule.by_slot:
        params = params_at(schedule, at, schedule.job.parameters_schema)
        given = {name: params[name] for name in schedule.by_slot if name in params}
    return Start(at, there, _note(schedule, there), given)


def start_at_change(schedule: Schedule, *, now: datetime | None = None) -> Start | None:
    """Return the first start on the day of the zone's next change of clocks; None where none is near."""
    zone = ZoneInfo(schedule.zone)
    day = (now or database_now()).astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    for _each in range(_YEAR):
        following = (day.replace(tzinfo=None) + timedelta(days=1)).replace(tzinfo=zone)
        if following.utcoffset() != day.utcoffset():
            for at in slots.slots_after(schedule, day.astimezone(UTC) - timedelta(seconds=1)):
                there = at.astimezone(zone)
                if there.date() != day.date():
                    return None
                if note := _note(schedule, there):
                    return Start(at, there, note)
        day = following
    return None


def unsaved(job: Job, wish: Wish, *, now: datetime) -> Schedule:
    """Return the schedule that a wish describes, only to look ahead."""
    values = _as_values(wish)
    values["anchor"] = wish.anchor or now
    return Schedule(job=job, **values)


def check_line(job: Job, wish: Wish, now: datetime) -> list[FieldError]:
    """Return what is wrong with when a schedule starts; nothing where it can be kept."""
    if wish.interval is not None:
        if wish.cron:
            return [wrong("cron", _("Give a cron line or an interval, not both."))]
        if not 1 <= wish.interval <= LONGEST_INTERVAL:
            return [wrong("interval", _("An interval is at least a second and at most a year."))]
        if wish.anchor is not None and wish.anchor.year not in ANCHOR_YEARS:
            return [wrong("anchor", _("Count from a day between 1900 and 2999."))]
        return []
    errors = _check_cron(wish.cron)
    if wish.zone not in available_timezones():
        name = wish.zone[:64]
        text = _("There is no time zone {zone}. Write one such as Asia/Seoul or Europe/Berlin.")
        errors.append(wrong("zone", text.format(zone=name)))
    if not errors and slots.next_slot(unsaved(job, wish, now=now), now) is None:
        errors.append(wrong("cron", _("This never comes: no month has such a day.")))
    return errors


def _checked(job: Job, wish: Wish, now: datetime) -> dict[str, Any]:
    """Return the columns of a wish that can be kept; raises RefusedTrigger."""
    errors = check_line(job, wish, now)
    if wish.misfire not in Misfire.values:
        errors.append(wrong("misfire", _("There is no such choice.")))
    if not 0 <= wish.grace <= LONGEST_GRACE:
        errors.append(wrong("grace", _("The grace is at most a week.")))
    if not 0 <= wish.max_catchup <= MOST_CATCHUP:
        errors.append(wrong("max_catchup", _("At most a thousand starts are caught up.")))
    sample = unsaved(job, wish, now=now)
    if errors:
        # When it starts cannot be told yet; with what it starts can be judged for any day.
        sample.zone = "UTC"
    upcoming = None if errors else slots.next_slot(sample, now)
    errors += check_params(sample, upcoming or now, job.parameters_schema)
    if errors:
        raise RefusedTrigger(errors)
    values = _as_values(wish)
    values["params"] = {name: value for name, value in wish.params.items() if name not in wish.by_slot}
    values["cron"] = " ".join(wish.cron.split())
    # A whole second: slots are told and compared, and nobody plans fractions.
    values["anchor"] = (wish.anchor or now).astimezone(UTC).replace(microsecond=0)
    return values


def check_params(schedule: Schedule, slot: datetime, schema: dict[str, Any]) -> list[FieldError]:
    """Return what is wrong with the parameters of a slot's run, by a schema of the job."""
    if errors := [wrong(f"by_slot.{name}", text) for name, text in problems(schedule.by_slot, schema)]:
        return errors
    return unfit(params_at(schedule, slot, schema), schema)


_PARTS = ("minute", "hour", "day", "month", "weekday")


def _check_cron(cron: str) -> list[FieldError]:
    parts = cron.split()
    if len(parts) != len(_PARTS) or len(cron) > 100:
        text = _("A cron line has five parts: minute, hour, day of the month, month, day of the week.")
        return [wrong("cron", text)]
    names = [_("minute"), _("hour"), _("day of the month"), _("month"), _("day of the week")]
    limits = ["0–59", "0–23", "1–31", "1–12", "0–7"]
    for place, (part, name, limit) in enumerate(zip(parts, names, limits, strict=True)):
        # Each part by itself, so that the answer names the one that is wrong.
        alone = " ".join(part if place == each else "*" for each in range(len(_PARTS)))
        try:
            slots.next_slot(Schedule(cron=alone, zone="UTC"), datetime(2026, 1, 1, tzinfo=UTC))
        except InvalidSchedule:
            text = _("«{part}» is no {name}: write {limit}, * or a list, range or step of them.")
            return [wrong("cron", text.format(part=part[:30], name=name, limit=limit))]
    try:
        slots.next_slot(Schedule(cron=cron, zone="UTC"), datetime(2026, 1, 1, tzinfo=UTC))
    except InvalidSchedule:
        return [wrong("cron", _("This never comes: no month has such a day."))]
    return []


def _note(schedule: Schedule, there: datetime) -> str:
    """Say what a change of the zone's clocks does to this start."""
    if schedule.interval is not None:
        return ""
    line = CronSim(schedule.cron, there)
    hour_before = (there.astimezone(UTC) - timedelta(hours=1)).astimezone(there.tzinfo)
    gained = (there.utcoffset() or timedelta()) - (hour_before.utcoffset() or timedelta())
    if gained > timedelta() and (there.hour not in line.hours or there.minute not in line.minutes):
        return _("The clocks go forward here: what would start in the missing hour starts now.")
    if there.replace(fold=0).utcoffset() != there.replace(fold=1).utcoffset():
        if schedule.cron.split()[0].startswith("*") or schedule.cron.split()[1].startswith("*"):
            return _("The clocks go back: this hour comes twice, and so does this start.")
        return _("The clocks go back: this hour comes twice, but it starts once.")
    return ""


def _twin(schedule: Schedule) -> Schedule | None:
    line = ("cron", "zone", "interval") if schedule.cron else ("interval", "anchor")
    same = (*line, "params", "by_slot")
    found = Schedule.objects.filter(job=schedule.job, **{name: getattr(schedule, name) for name in same})
    return found.exclude(pk=schedule.pk).first()


def _as_values(wish: Wish) -> dict[str, Any]:
    values = asdict(wish)
    # Slots at even distances lie in no zone, whatever the form or the caller left there.
    return values if wish.interval is None else {**values, "zone": "UTC"}


def _told(schedule: Schedule) -> dict[str, Any]:
    names = ("cron", "zone", "interval", "params", "by_slot", "misfire", "grace", "max_catchup")
    told: dict[str, Any] = {name: getattr(schedule, name) for name in names}
    return {**told, "anchor": schedule.anchor.isoformat()} if schedule.interval is not None else told


def _record(action: str, schedule: Schedule, by: Actor, **data: Any) -> None:
    about = ("job", schedule.job.key, schedule.job.key)
    record(action, by=by, about=about, schedule=str(schedule), **data)
