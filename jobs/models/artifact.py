"""Files that runs keep: what a report or a pipeline made for people to fetch."""

import uuid_utils.compat
from django.db import models
from django.db.models.functions import Now
from django.urls import reverse

from jobs.models.run import Run


class Artifact(models.Model):
    """A file of a run, written by the attempt that succeeded.

    ``stored`` is a name of our own making in ``VAR/artifacts``; ``name`` is only ever shown. Its row is
    written in the transaction that ends the run, its file lies there before.
    """

    id = models.UUIDField(primary_key=True, default=uuid_utils.compat.uuid7, editable=False)
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="artifacts")
    fence = models.BigIntegerField()
    name = models.CharField(max_length=200)
    media_type = models.CharField(max_length=100, default="application/octet-stream")
    stored = models.CharField(max_length=64, unique=True)
    size = models.PositiveBigIntegerField(help_text="Bytes.")
    sha256 = models.CharField(max_length=64)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["run", "name"], name="artifact_name_once")]
        indexes = [models.Index(fields=["created_at"], name="artifact_by_age")]

    def __str__(self) -> str:
        return self.name

    @property
    def url(self) -> str:
        """Where people fetch it."""
        return reverse("artifact", args=[self.run.number, self.pk])
