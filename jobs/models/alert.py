"""What is wrong with a job until it works again, and who was told of it in which message."""

from typing import Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from jobs.choices import Condition
from jobs.models.job import Job
from jobs.models.run import Run
from portal.accounts.models import User

_OF_A_ROW = (
    "condition",
    "opened_at",
    "closed_at",
    "job__key",
    "job__kind",
    "job__name_en",
    "job__name_ko",
    "run__number",
    "run__error",
)


class AlertQuerySet(models.QuerySet["Alert"]):
    """Choose alerts."""

    def visible_to(self, user: User) -> Self:
        """Keep the alerts of runs that this person may know of."""
        return self.filter(run__in=Run.objects.visible_to(user))

    def open(self) -> Self:
        """Keep those that no success has closed yet."""
        return self.filter(closed_at=None)

    def for_rows(self) -> Self:
        """Read only what pages show of an alert, its run and its job: the fewer columns, the faster."""
        return self.select_related("job", "run").only(*_OF_A_ROW)


class Alert(models.Model):
    """A condition that a run met: one row for a run and a condition, one open row for a job and a condition.

    The two unique keys make it single, however many clocks look at once.
    """

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="alerts")
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="alerts")
    condition = models.CharField(max_length=10, choices=Condition)
    opened_at = models.DateTimeField(db_default=Now(), editable=False)
    closed_at = models.DateTimeField(null=True)

    objects = AlertQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["run", "condition"], name="alert_once_a_run"),
            models.UniqueConstraint(
                fields=["job", "condition"], condition=Q(closed_at=None), name="alert_open_once_a_job"
            ),
        ]
        indexes = [models.Index(fields=["-id"], condition=Q(closed_at=None), name="alert_open_newest")]

    def __str__(self) -> str:
        return f"{self.condition} of run {self.run_id}"

    @property
    def tone(self) -> str:
        """The tone of its condition."""
        return Condition(self.condition).tone


class AlertDigest(models.Model):
    """One message to one person about all that went wrong at that time."""

    recipient = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    started_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"digest {self.pk} for {self.recipient_id}"


class AlertNews(models.Model):
    """An alert that a person hears of; without a digest it still waits for one."""

    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, related_name="news")
    recipient = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    digest = models.ForeignKey(AlertDigest, on_delete=models.CASCADE, null=True, related_name="news")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["alert", "recipient"], name="alert_news_once")]
        indexes = [
            models.Index(fields=["recipient"], condition=Q(digest=None), name="alert_news_waiting"),
        ]

    def __str__(self) -> str:
        return f"{self.alert_id} for {self.recipient_id}"
