"""The words of the catalog, each state with its tone."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class AssetKind(models.TextChoices):
    """What an asset is."""

    DATASET = "dataset", _("Dataset")
    METRIC = "metric", _("Metric")

    @property
    def icon(self) -> str:
        """The name of its symbol in the sprite."""
        return {"dataset": "data", "metric": "metric"}[self.value]


class Certification(models.TextChoices):
    """How far an asset can be trusted."""

    NONE = "none", _("Not certified")
    CERTIFIED = "certified", _("Certified")
    DEPRECATED = "deprecated", _("Deprecated")

    @property
    def tone(self) -> str:
        """The tone of its badge."""
        return {"none": "neutral", "certified": "good", "deprecated": "warn"}[self.value]


class Sensitivity(models.TextChoices):
    """Who would be hurt if it got out."""

    PUBLIC = "public", _("Public")
    INTERNAL = "internal", _("Internal")
    CONFIDENTIAL = "confidential", _("Confidential")
    PERSONAL = "personal", _("Personal data")


class Visibility(models.TextChoices):
    """Who sees that it exists."""

    COMPANY = "company", _("Everybody")
    TEAM = "team", _("Its team")


class Grain(models.TextChoices):
    """The length of one point of a series."""

    DAY = "day", _("Day")
    WEEK = "week", _("Week")
    MONTH = "month", _("Month")


class NodeKind(models.TextChoices):
    """What stands at an end of a lineage edge; keys of foreign apps are plain text."""

    SOURCE = "source", _("Source")
    JOB = "job", _("Job")
    DATASET = "dataset", _("Dataset")
    METRIC = "metric", _("Metric")


class ChartLayout(models.TextChoices):
    """A chart is drawn once for wide and once for narrow pages."""

    WIDE = "wide", _("Wide")
    NARROW = "narrow", _("Narrow")
