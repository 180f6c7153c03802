"""Backfills: one job over many partitions, so many at a time."""

from typing import Self

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from jobs.choices import PartitionUnit
from jobs.models.job import Job
from portal.accounts.models import User


class BackfillQuerySet(models.QuerySet["Backfill"]):
    """Choose backfills."""

    def visible_to(self, user: User) -> Self:
        """Keep the backfills of jobs that this person may know of."""
        return self.filter(job__in=Job.objects.visible_to(user))


class Backfill(models.Model):
    """A job over the partitions of a range of days: each a run of its own, ``parallel`` of them at a time.

    ``parameter`` of the job takes the partition's value; ``params`` hold for all. How far it is stands in its
    runs and nowhere else. ``once`` makes a repeated submit the same backfill.
    """

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="backfills")
    parameter = models.CharField(max_length=100)
    unit = models.CharField(max_length=5, choices=PartitionUnit)
    first = models.DateField()
    last = models.DateField()
    params = models.JSONField(default=dict, blank=True)
    parallel = models.PositiveSmallIntegerField(default=1)
    paused = models.BooleanField(default=False)
    cancelled_at = models.DateTimeField(null=True)
    requested_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    once = models.CharField(max_length=300, unique=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = BackfillQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=Q(parallel__gte=1), name="backfill_may_run"),
            models.CheckConstraint(condition=Q(first__lte=F("last")), name="backfill_first_to_last"),
        ]

    def __str__(self) -> str:
        return f"backfill {self.pk} of {self.job_id}"
