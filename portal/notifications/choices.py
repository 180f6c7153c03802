"""The words of notifications: groups of kinds, channels, and when they are told."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Channel(models.TextChoices):
    """A way to reach somebody beside the inbox, which holds everything."""

    MAIL = "mail", _("E-mail")
    SLACK = "slack", "Slack"


class Pace(models.TextChoices):
    """How soon a channel tells."""

    NOW = "now", _("At once")
    DAILY = "daily", _("Once a day")
    NEVER = "never", _("Never")


class Sort(models.TextChoices):
    """Why somebody is told; preferences are set for these, not for every kind."""

    FOR_ME = "for_me", _("Something waits for me")
    ANSWERED = "answered", _("My question is answered or moves on")
    MENTIONED = "mentioned", _("Somebody mentions me")
    WATCHED = "watched", _("Something I follow or own changes")
    DEADLINES = "deadlines", _("A deadline comes near or has passed")
    RUNS = "runs", _("A job of mine fails or recovers")
    REPORTS = "reports", _("A report that I get has a new edition")

    @property
    def usual(self) -> Pace:
        """How soon a channel tells unless the person decides otherwise."""
        return Pace.DAILY if self == Sort.WATCHED else Pace.NOW


class OutboxState(models.TextChoices):
    """How a delivery stands."""

    WAITING = "waiting", _("Waiting")
    SENT = "sent", _("Sent")
    DROPPED = "dropped", _("Not sent any more")
    FAILED = "failed", _("Failed")

    @property
    def tone(self) -> str:
        """The tone of its mark."""
        return {"waiting": "info", "sent": "good", "failed": "bad"}.get(self.value, "neutral")
