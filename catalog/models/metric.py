"""Metric: a versioned definition and the series computed by it."""

from collections.abc import Collection
from typing import Self

from django.db import models
from django.db.models.functions import Now

from catalog.choices import ChartLayout, Grain
from catalog.definitions import MetricDefinition
from catalog.models.asset import Asset
from portal.accounts.models import User
from portal.evidence.models import Evidence


class MetricQuerySet(models.QuerySet["Metric"]):
    """Choose metrics."""

    def visible_to(self, user: User) -> Self:
        """Keep the metrics whose asset this person may know of."""
        return self.filter(asset__in=Asset.objects.visible_to(user))

    def computed_from(self, datasets: Collection[str]) -> Self:
        """Keep the metrics whose definition in force names one of these datasets, by their keys."""
        return self.filter(version__definition__dataset__in=list(datasets))


class Metric(models.Model):
    """A number that is followed over time."""

    asset = models.OneToOneField(Asset, on_delete=models.CASCADE, primary_key=True, related_name="metric")
    version = models.ForeignKey("MetricVersion", on_delete=models.PROTECT, null=True, related_name="+")
    refreshed_at = models.DateTimeField(null=True)

    objects = MetricQuerySet.as_manager()

    def __str__(self) -> str:
        return self.asset.key


class MetricVersion(models.Model):
    """One wording of a metric's definition; never changed, only followed by the next."""

    metric = models.ForeignKey(Metric, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    definition = models.JSONField()
    definition_hash = models.CharField(max_length=64)
    reason = models.TextField(blank=True)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["metric", "number"], name="metric_version_once")]

    def __str__(self) -> str:
        return f"{self.metric_id} v{self.number}"

    @property
    def parsed(self) -> MetricDefinition:
        """The definition as its checked model."""
        return MetricDefinition.model_validate(self.definition)


class MetricPoint(models.Model):
    """The metric's value over one period, with its evidence.

    ``value`` is in the metric's own unit (a share is 0–1); ``sample`` is how many rows it rests on.
    """

    metric = models.ForeignKey(Metric, on_delete=models.CASCADE, related_name="points")
    version = models.ForeignKey(MetricVersion, on_delete=models.CASCADE, related_name="+")
    grain = models.CharField(max_length=5, choices=Grain)
    starts_on = models.DateField()
    value = models.FloatField(null=True)
    sample = models.BigIntegerField(null=True)
    evidence = models.ForeignKey(Evidence, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["starts_on"]
        constraints = [
            models.UniqueConstraint(fields=["metric", "grain", "starts_on"], name="metric_point_once")
        ]

    def __str__(self) -> str:
        return f"{self.metric_id} {self.starts_on}: {self.value}"


class MetricChart(models.Model):
    """The drawn series, made by the run that refreshed it, so that no page waits for a drawing."""

    metric = models.ForeignKey(Metric, on_delete=models.CASCADE, related_name="charts")
    grain = models.CharField(max_length=5, choices=Grain)
    language = models.CharField(max_length=5)
    layout = models.CharField(max_length=6, choices=ChartLayout)
    svg = models.TextField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["metric", "grain", "language", "layout"], name="metric_chart_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.metric_id} {self.grain} {self.language} {self.layout}"
