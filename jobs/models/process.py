"""The processes that keep runs going, and how far they came."""

import uuid_utils.compat
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class Worker(models.Model):
    """A Celery worker that takes runs; alive when it polled within 30 s, whatever its PID says.

    ``woken_at``: when it last took a wake-up from the broker. ``found_at``: when it found some by itself.
    """

    id = models.UUIDField(primary_key=True, default=uuid_utils.compat.uuid7, editable=False)
    name = models.CharField(max_length=100, unique=True)
    host = models.CharField(max_length=255)
    pid = models.PositiveIntegerField()
    slots = models.PositiveSmallIntegerField()
    started_at = models.DateTimeField(db_default=Now())
    polled_at = models.DateTimeField(db_default=Now())
    woken_at = models.DateTimeField(null=True)
    found_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name


class Clock(models.Model):
    """The heartbeat of the clocks: when one of them last ticked."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    ticked_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="clock_one_row")]

    def __str__(self) -> str:
        return f"ticked {self.ticked_at}"


class TellingMark(models.Model):
    """How far the runs' events were told to people, webhooks or lineage: the last one that is settled."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    event = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"told up to {self.event}"
