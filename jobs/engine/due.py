"""Which of a schedule's passed slots still run: the misfire policy."""

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta

from jobs.choices import Misfire
from jobs.engine.slots import slots_after
from jobs.models import Schedule

# More passed slots than this are counted, but only the newest are looked at one by one.
MOST = 1000
LEAST_GRACE = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Due:
    """What to do at this tick: slots to run (oldest first), slots left out (the newest), and the next."""

    slots: list[datetime]
    missed: list[datetime]
    missed_count: int
    next_slot: datetime | None


def choose(schedule: Schedule, now: datetime) -> Due:
    """Sort the slots from ``next_slot`` up to now by the schedule's policy.

    «skip» keeps the slots that are not later than the grace, «latest» keeps the newest, «all» the newest
    ``max_catchup``.
    """
    passed: deque[datetime] = deque(maxlen=MOST)
    count = 0
    upcoming = None
    if schedule.next_slot is not None:
        skipped, start = _jump(schedule, now)
        count += skipped
        for slot in slots_after(schedule, start - timedelta(microseconds=1)):
            if slot > now:
                upcoming = slot
                break
            passed.append(slot)
            count += 1
    keep = _kept(schedule, passed, now)
    missed = [slot for slot in passed if slot not in keep]
    return Due(sorted(keep), missed, count - len(keep), upcoming)


def _jump(schedule: Schedule, now: datetime) -> tuple[int, datetime]:
    """Leap over the millions of slots of a short interval in a long pause; return how many, and whereto."""
    first = schedule.next_slot or now
    if schedule.interval is None:
        return 0, first
    step = timedelta(seconds=schedule.interval)
    leap = max((now - first) // step - MOST, 0)
    return leap, first + leap * step


def _kept(schedule: Schedule, passed: "deque[datetime]", now: datetime) -> set[datetime]:
    if not passed:
        return set()
    if schedule.misfire == Misfire.LATEST:
        return {passed[-1]}
    if schedule.misfire == Misfire.ALL:
        return set(list(passed)[-schedule.max_catchup :]) if schedule.max_catchup else set()
    # No slot is seen at its very moment: the clock looks once a second, and may be busy.
    grace = max(timedelta(seconds=schedule.grace), LEAST_GRACE)
    return {slot for slot in passed if now - slot <= grace}
