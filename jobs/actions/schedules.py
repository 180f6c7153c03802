"""Pause and resume schedules, and look ahead."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from jobs.engine import slots
from jobs.models import Schedule
from portal.audit.actions import Actor, record


@transaction.atomic
def pause(*, schedule: Schedule, by: Actor) -> Schedule:
    """Stop a schedule from making runs; pausing a paused one changes nothing."""
    if Schedule.objects.filter(pk=schedule.pk, enabled=True).update(enabled=False, next_slot=None):
        record(
            "schedule.paused",
            by=by,
            about=("job", schedule.job.key, schedule.job.key),
            schedule=str(schedule),
        )
    schedule.refresh_from_db()
    return schedule


@transaction.atomic
def resume(*, schedule: Schedule, by: Actor) -> Schedule:
    """Let a schedule go on from its next slot; what passed while it was paused is not caught up."""
    upcoming = slots.next_slot(schedule, timezone.now())
    if Schedule.objects.filter(pk=schedule.pk, enabled=False).update(enabled=True, next_slot=upcoming):
        record(
            "schedule.resumed",
            by=by,
            about=("job", schedule.job.key, schedule.job.key),
            schedule=str(schedule),
        )
    schedule.refresh_from_db()
    return schedule


def next_slots(schedule: Schedule, count: int = 5) -> list[datetime]:
    """Return the next few slots in UTC, whether the schedule is paused or not."""
    return slots.next_slots(schedule, timezone.now(), count)
