"""Charts of metrics as they were when an edition of a report was made."""

from django.db import models

from jobs.models.run import Run


class EditionChart(models.Model):
    """The chart of one section of an edition; a query's chart lies with its evidence.

    A metric's evidence is shared by all that cites it, and each report draws as many periods of it as it
    likes. ``section`` is the section's name, ``drawn`` is ``{language: {layout: svg}}``.
    """

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="edition_charts")
    section = models.CharField(max_length=300)
    drawn = models.JSONField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "section"], name="edition_chart_once")]

    def __str__(self) -> str:
        return f"{self.run_id} {self.section}"
