"""The words of webhooks: what other systems hear of, and how their endpoints stand."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Event(models.TextChoices):
    """What an endpoint may hear of; the word is the payload's ``type``."""

    RUN_STARTED = "run.started", _("A run starts")
    RUN_SUCCEEDED = "run.succeeded", _("A run succeeds")
    RUN_FAILED = "run.failed", _("A run fails, takes too long or is lost")
    RUN_CANCELLED = "run.cancelled", _("A run is cancelled")
    RUN_SKIPPED = "run.skipped", _("A run is skipped")
    DATASET_UPDATED = "dataset.updated", _("A dataset is published anew")


# Sent by hand from the endpoint's page; nobody subscribes to it.
TEST = "webhook.test"


class Kind(models.TextChoices):
    """Whose an endpoint is: somebody's webhook, or one of the settings for OpenLineage."""

    WEBHOOK = "webhook", _("Webhook")
    LINEAGE_URL = "lineage_url", _("OpenLineage, by HTTP")
    LINEAGE_FILE = "lineage_file", _("OpenLineage, into a file")


class Standing(models.TextChoices):
    """How an endpoint stands."""

    ACTIVE = "active", _("Active")
    FAILING = "failing", _("Failing")
    PAUSED = "paused", _("Paused")
    OFF = "off", _("Switched off")

    @property
    def tone(self) -> str:
        """The tone of its mark."""
        return {"active": "good", "failing": "warn", "off": "bad"}.get(self.value, "neutral")
