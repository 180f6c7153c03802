"""The log of a run, in pieces."""

from django.db import models

from jobs.models.run import Run


class RunLog(models.Model):
    """A piece of a run's log: ``lines`` is ``[[iso time, level (debug, info, warn, error), text], …]``."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="log")
    fence = models.BigIntegerField()
    first_line = models.PositiveIntegerField(help_text="Number of its first line within the run, from 1.")
    lines = models.JSONField()

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["run", "id"], name="run_log_read")]

    def __str__(self) -> str:
        return f"{self.run_id} from line {self.first_line}"
