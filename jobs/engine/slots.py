"""When a schedule is due: cron lines in their zone (cronsim is right across DST), intervals in UTC."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256
from itertools import islice
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError
from django.conf import settings
from django.db import connection

from jobs.exceptions import InvalidSchedule, UnknownZone
from jobs.models import Schedule
from portal.said import said

_NOW = "SELECT clock_timestamp()"


def database_now() -> datetime:
    """Return the time by the database's clock: the only one that decides, whatever a machine's own says."""
    with connection.cursor() as cursor:
        cursor.execute(_NOW)
        now: datetime = cursor.fetchone()[0]
    return now


def slots_after(schedule: Schedule, moment: datetime) -> Iterator[datetime]:
    """Yield the schedule's slots later than a moment, in UTC, without end; raises InvalidSchedule."""
    local = moment.astimezone(_zone(schedule.zone))
    if schedule.interval is not None:
        step = timedelta(seconds=schedule.interval)
        slot = schedule.anchor + step * max((moment - schedule.anchor) // step + 1, 0)
        while True:
            yield slot
            slot += step
    try:
        for local_slot in CronSim(schedule.cron, local):
            slot = local_slot.astimezone(UTC)
            # Within an hour that comes twice cronsim begins with the first.
            if slot > moment:
                yield slot
    except CronSimError as error:
        message = said("The cron line '%(cron)s' cannot be read: %(why)s", cron=schedule.cron, why=error)
        raise InvalidSchedule(message) from error


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UnknownZone(said("The time zone '%(zone)s' is unknown.", zone=name)) from error


def done_by(slot: datetime, *, clock: str, zone: str) -> datetime:
    """Return when a time of day («06:30») in its zone next comes after a slot, in UTC.

    Where the clocks go back a time comes twice: the second counts. Where they go forward one is left out: it
    comes as late as if they had not. Raises InvalidSchedule for a zone or time that nobody here knows.
    """
    try:
        local = ZoneInfo(zone)
        wanted = time.fromisoformat(clock)
        day = slot.astimezone(local).date()
        moments = (_moment(day + timedelta(days=each), wanted, local) for each in range(3))
        return next(moment for moment in moments if moment > slot)
    except (ZoneInfoNotFoundError, ValueError) as error:
        message = said(
            "The time of day '%(time)s' in the time zone '%(zone)s' is unknown.", time=clock, zone=zone
        )
        raise InvalidSchedule(message) from error


def _moment(day: date, wanted: time, local: ZoneInfo) -> datetime:
    both = (datetime.combine(day, wanted, local).replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    return max(both)


def next_slot(schedule: Schedule, moment: datetime) -> datetime | None:
    """Return the first slot later than a moment; None where the cron line never comes again."""
    return next(slots_after(schedule, moment), None)


def jitter(schedule: Schedule, slot: datetime) -> timedelta:
    """Return how long after a slot its run may start, so that jobs due at once do not begin at once.

    It is the same for all slots of a job, and at most half of the time to the next slot and of what the job
    itself allows between slot and start: no run is late or left out for it.
    """
    if not settings.SCHEDULE_JITTER:
        return timedelta()
    job = schedule.job
    following = next_slot(schedule, slot)
    limits = [job.start_deadline, job.late_after, job.finish_within]
    limits.append(int((following - slot).total_seconds()) if following else None)
    most = min([settings.SCHEDULE_JITTER, *(limit // 2 for limit in limits if limit is not None)])
    share = int.from_bytes(sha256(job.key.encode()).digest()[:4]) / 2**32
    return timedelta(seconds=round(share * most))


def next_slots(schedule: Schedule, moment: datetime, count: int) -> list[datetime]:
    """Return the next few slots."""
    return list(islice(slots_after(schedule, moment), count))
