"""What people are told, what is on its way to them, and how they want to be told."""

from typing import Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from portal.accounts.models import User
from portal.notifications.choices import Channel, OutboxState, Pace, Sort
from portal.vault.sealing import SealedField, seal, unseal


class NotificationQuerySet(models.QuerySet["Notification"]):
    """Choose notifications."""

    def of(self, user: User) -> Self:
        """Keep one person's; nobody ever reads another's."""
        return self.filter(recipient=user.pk)

    def unread(self) -> Self:
        """Keep what was not read yet."""
        return self.filter(read_at=None)


class Notification(models.Model):
    """One thing that one person is told; the words are made when they are read, under the reader's rights.

    ``data`` holds what the sentence needs beside actor and thing; never the words of comments or answers.
    ``once``: at most one of this kind about the thing under this key.
    """

    recipient = models.ForeignKey(User, on_delete=models.CASCADE, related_name="notifications")
    kind = models.CharField(max_length=40)
    about_kind = models.CharField(max_length=20)
    about_key = models.CharField(max_length=200)
    actor_kind = models.CharField(max_length=10)
    actor_id = models.CharField(max_length=40, blank=True)
    actor_label = models.CharField(max_length=200)
    data = models.JSONField(default=dict)
    once = models.CharField(max_length=120, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    read_at = models.DateTimeField(null=True)

    objects = NotificationQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["recipient", "kind", "about_kind", "about_key", "once"],
                condition=~Q(once=""),
                name="notification_once",
            )
        ]
        indexes = [
            models.Index(fields=["recipient", "-id"], name="notification_of"),
            models.Index(fields=["recipient", "-id"], condition=Q(read_at=None), name="notification_unread"),
            models.Index(
                fields=["recipient", "about_kind", "about_key", "-id"], name="notification_of_thing"
            ),
            models.Index(fields=["read_at"], condition=Q(read_at__isnull=False), name="notification_read"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} about {self.about_kind}:{self.about_key}"

    @property
    def reference(self) -> tuple[str, str]:
        """The thing that it speaks of."""
        return (self.about_kind, self.about_key)


class Outbox(models.Model):
    """A notification on its way out by one channel; made in the transaction of what it tells.

    ``available_at`` is when it may be sent (again); a clock that takes it moves that forward first, so that a
    clock that dies in the middle delays it and does not double it at once. ``reason`` says why it was
    dropped or failed, or why the last try did not succeed; it is empty while a clock is sending.
    """

    notification = models.ForeignKey(Notification, on_delete=models.CASCADE, related_name="deliveries")
    channel = models.CharField(max_length=10, choices=Channel)
    state = models.CharField(max_length=10, choices=OutboxState, default=OutboxState.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    available_at = models.DateTimeField(db_default=Now())
    reason = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["notification", "channel"], name="outbox_once_a_channel"),
            models.CheckConstraint(
                condition=Q(state="waiting", ended_at=None)
                | (~Q(state="waiting") & Q(ended_at__isnull=False)),
                name="outbox_ended_at_its_end",
            ),
        ]
        indexes = [
            models.Index(fields=["available_at"], condition=Q(state="waiting"), name="outbox_waiting"),
            models.Index(fields=["state", "-id"], name="outbox_by_state"),
            models.Index(fields=["ended_at"], condition=Q(ended_at__isnull=False), name="outbox_ended"),
        ]

    def __str__(self) -> str:
        return f"{self.channel} {self.state} {self.notification_id}"

    @property
    def may_retry(self) -> bool:
        """Whether it may be tried at once: it has ended unsent, or waits after a try that failed."""
        return self.state in (OutboxState.FAILED, OutboxState.DROPPED) or (
            self.state == OutboxState.WAITING and self.reason != ""
        )

    @property
    def may_drop(self) -> bool:
        """Whether it may be given up."""
        return self.state in (OutboxState.WAITING, OutboxState.FAILED)


class SlackHook(models.Model):
    """Somebody's own incoming webhook of Slack; its address is sealed: whoever has it may write there.

    ``refused_at``: Slack said for good that it takes no more messages by it.
    """

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True, related_name="slack_hook")
    sealed = SealedField()
    connected_at = models.DateTimeField(db_default=Now())
    refused_at = models.DateTimeField(null=True)
    tested_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"Slack of {self.user_id}"

    def put(self, url: str) -> None:
        """Seal an address into the row, which is not saved yet."""
        seal(self, "sealed", url)

    def url(self) -> str:
        """Open the address, to call it; raises a VaultError."""
        return unseal(self, "sealed")


class Preference(models.Model):
    """How somebody wants to be told one sort of thing by one channel; without a row the usual holds."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="notification_preferences")
    sort = models.CharField(max_length=12, choices=Sort)
    channel = models.CharField(max_length=10, choices=Channel)
    pace = models.CharField(max_length=8, choices=Pace)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "sort", "channel"], name="preference_once")]

    def __str__(self) -> str:
        return f"{self.user_id} {self.sort} {self.channel}: {self.pace}"
