"""Dataset: a table of the warehouse, as last published."""

from datetime import timedelta
from typing import Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from catalog.models.asset import Asset
from portal.accounts.models import User
from portal.languages import spoken


class DatasetQuerySet(models.QuerySet["Dataset"]):
    """Choose datasets."""

    def visible_to(self, user: User) -> Self:
        """Keep the datasets whose asset this person may know of."""
        return self.filter(asset__in=Asset.objects.visible_to(user))


class Dataset(models.Model):
    """A table: where it lives, how big and how fresh it is, and a masked sample.

    ``sample`` is ``{"columns": [...], "rows": [[...], …]}`` with personal values already masked by the
    run that published it: the portal's database never holds them in the clear.
    """

    asset = models.OneToOneField(Asset, on_delete=models.CASCADE, primary_key=True, related_name="dataset")
    physical_name = models.CharField(max_length=200, unique=True)
    row_count = models.BigIntegerField(null=True)
    snapshot = models.BigIntegerField(null=True)
    published_at = models.DateTimeField(null=True)
    published_by = models.UUIDField(null=True, help_text="The run that published it.")
    fresh_within = models.DurationField(null=True, blank=True)
    checks = models.JSONField(
        default=list, help_text="[{name, passed, observed, expected}] of the last publish."
    )
    sample = models.JSONField(default=dict)

    objects = DatasetQuerySet.as_manager()

    def __str__(self) -> str:
        return self.physical_name

    @property
    def age(self) -> timedelta | None:
        """Time since the last publish; None before the first."""
        return timezone.now() - self.published_at if self.published_at else None

    @property
    def is_fresh(self) -> bool | None:
        """Whether it keeps its promise; None where nothing was promised or published."""
        if self.age is None or self.fresh_within is None:
            return None
        return self.age <= self.fresh_within


class Column(models.Model):
    """A column with its profile as of the last publish.

    ``histogram`` is a list of at most 12 relative bar heights (0–1), left to right: value ranges of
    numbers and times, the commonest values of texts.
    """

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="columns")
    position = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=200)
    data_type = models.CharField(max_length=100)
    description_en = models.TextField(blank=True)
    description_ko = models.TextField(blank=True)
    personal = models.BooleanField(default=False)
    null_fraction = models.FloatField(null=True)
    distinct_count = models.BigIntegerField(null=True)
    minimum = models.CharField(max_length=200, blank=True)
    maximum = models.CharField(max_length=200, blank=True)
    histogram = ArrayField(models.FloatField(), default=list, blank=True)
    made_from = models.JSONField(
        default=list, db_default=[], help_text="[[dataset, column], …] that its values come from."
    )

    # Those of ``made_from`` that a reader may see, set by the page that shows them.
    sources: list[tuple[str, str]]

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["dataset", "name"], name="column_name_once"),
            models.UniqueConstraint(fields=["dataset", "position"], name="column_position_once"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def description(self) -> str:
        """The meaning in the reader's language."""
        return spoken(self, "description")
