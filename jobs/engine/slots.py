"""When a schedule is due: cron lines in their zone (cronsim is right across DST), intervals in UTC."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError
from django.db import connection

from jobs.exceptions import InvalidSchedule
from jobs.models import Schedule

_NOW = "SELECT clock_timestamp()"


def database_now() -> datetime:
    """Return the time by the database's clock: the only one that decides, whatever a machine's own says."""
    with connection.cursor() as cursor:
        cursor.execute(_NOW)
        now: datetime = cursor.fetchone()[0]
    return now


def slots_after(schedule: Schedule, moment: datetime) -> Iterator[datetime]:
    """Yield the schedule's slots later than a moment, in UTC, without end; raises InvalidSchedule."""
    if schedule.interval is not None:
        step = timedelta(seconds=schedule.interval)
        slot = schedule.anchor + step * max((moment - schedule.anchor) // step + 1, 0)
        while True:
            yield slot
            slot += step
    try:
        local = moment.astimezone(ZoneInfo(schedule.zone))
        for slot in CronSim(schedule.cron, local):
            yield slot.astimezone(UTC)
    except CronSimError as error:
        message = f"The cron line {schedule.cron!r} cannot be read: {error}"
        raise InvalidSchedule(message) from error
    except (ZoneInfoNotFoundError, ValueError) as error:
        message = f"The time zone {schedule.zone!r} is unknown."
        raise InvalidSchedule(message) from error


def next_slot(schedule: Schedule, moment: datetime) -> datetime | None:
    """Return the first slot later than a moment; None where the cron line never comes again."""
    return next(slots_after(schedule, moment), None)


def next_slots(schedule: Schedule, moment: datetime, count: int) -> list[datetime]:
    """Return the next few slots."""
    return list(islice(slots_after(schedule, moment), count))
