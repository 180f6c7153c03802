"""Attempts of a run: who held it, and what came of it."""

from typing import TYPE_CHECKING

from django.db import models
from django.db.models.functions import Now

from jobs.choices import ErrorClass, Outcome
from jobs.models.run import Run

if TYPE_CHECKING:
    from datetime import timedelta


class Attempt(models.Model):
    """One holder of a run, from its claim to its end."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="attempts")
    number = models.PositiveSmallIntegerField()
    fence = models.BigIntegerField()
    worker = models.CharField(max_length=100)
    outcome = models.CharField(max_length=12, choices=Outcome, default=Outcome.RUNNING)
    error_class = models.CharField(max_length=12, choices=ErrorClass, blank=True)
    error = models.TextField(blank=True)
    started_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["fence"]
        constraints = [models.UniqueConstraint(fields=["run", "fence"], name="attempt_fence_once")]

    def __str__(self) -> str:
        return f"{self.run_id} #{self.number}"

    @property
    def duration(self) -> "timedelta | None":
        """Time it took; None while it runs."""
        return self.finished_at - self.started_at if self.finished_at else None
