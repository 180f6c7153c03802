"""The words of webhooks: what other systems hear of, and how their endpoints stand."""

from typing import Any, Final

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class Event(models.TextChoices):
    """What an endpoint may hear of; the word is the payload's ``type``."""

    RUN_STARTED = "run.started", _("A run starts")
    RUN_SUCCEEDED = "run.succeeded", _("A run succeeds")
    RUN_FAILED = "run.failed", _("A run fails, takes too long or is lost")
    RUN_CANCELLED = "run.cancelled", _("A run is cancelled")
    RUN_SKIPPED = "run.skipped", _("A run is skipped")
    ALERT_OPENED = "alert.opened", _("A job fails, is late, misses its deadline or takes longer than usual")
    ALERT_CLOSED = "alert.closed", _("What was wrong with a job is over")
    DATASET_UPDATED = "dataset.updated", _("A dataset is published anew")
    REPORT_PUBLISHED = "report.published", _("A report has a new edition")
    QUESTION_CREATED = "question.created", _("A question is asked")
    QUESTION_ACCEPTED = "question.accepted", _("A question is accepted in triage")
    QUESTION_ASSIGNED = "question.assigned", _("A question gets somebody who answers it")
    QUESTION_NEEDS_INFO = "question.needs_info", _("A question goes back to its asker")
    QUESTION_REPLIED = "question.replied", _("The asker of a question replies")
    QUESTION_BLOCKED = "question.blocked", _("A question is blocked")
    QUESTION_UNBLOCKED = "question.unblocked", _("A question goes on after it was blocked")
    QUESTION_ANSWERED = "question.answered", _("A question is answered")
    QUESTION_DECLINED = "question.declined", _("A question is declined")
    QUESTION_DUPLICATE = "question.duplicate", _("A question is found to be a duplicate")
    QUESTION_CLOSED = "question.closed", _("A question is closed or withdrawn")
    QUESTION_REOPENED = "question.reopened", _("A question is reopened or taken up again")
    QUESTION_UNDONE = "question.undone", _("A step of triage is taken back")

    @classmethod
    def groups(cls) -> list[tuple[Any, list[tuple[str, Any]]]]:
        """Return the choices below what they are about, for a form."""
        of = [
            (words, [each for each in cls if each.startswith(f"{name}.")]) for name, words in _GROUPS.items()
        ]
        return [(words, [(each.value, each.label) for each in events]) for words, events in of]


_GROUPS: Final = {
    "run": _("Runs"),
    "alert": _("Alerts"),
    "dataset": _("Datasets"),
    "report": _("Reports"),
    "question": _("Questions"),
}


# Sent by hand from the endpoint's page; nobody subscribes to it.
TEST = "webhook.test"


class Format(models.TextChoices):
    """How an endpoint is spoken to."""

    JSON = "json", _("Another system, with signed JSON")
    SLACK = "slack", _("A channel of Slack, with a message that leads here")


class Kind(models.TextChoices):
    """Whose an endpoint is: somebody's webhook, or one of the settings for OpenLineage."""

    WEBHOOK = "webhook", _("Webhook")
    LINEAGE_URL = "lineage_url", _("OpenLineage, by HTTP")
    LINEAGE_FILE = "lineage_file", _("OpenLineage, into a file")


class Standing(models.TextChoices):
    """How an endpoint stands."""

    ACTIVE = "active", _("Active")
    FAILING = "failing", pgettext_lazy("webhook", "Failing")
    PAUSED = "paused", _("Paused")
    OFF = "off", _("Switched off")

    @property
    def tone(self) -> str:
        """The tone of its mark."""
        return {"active": "good", "failing": "warn", "off": "bad"}.get(self.value, "neutral")
