"""Endpoints that other systems listen at, and what is on its way to them."""

from typing import Self
from urllib.parse import urlsplit

import uuid_utils.compat
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from portal.accounts.models import User
from portal.accounts.permissions import Permission
from portal.notifications.choices import OutboxState
from portal.vault.sealing import SealedField, seal, unseal
from portal.webhooks.choices import Format, Kind, Standing


class EndpointQuerySet(models.QuerySet["Endpoint"]):
    """Choose endpoints."""

    def visible_to(self, user: User) -> Self:
        """Keep one's own; whoever reads the audit trail sees all, those of the settings too."""
        if user.may(Permission.VIEW_AUDIT):
            return self
        return self.filter(owner=user) if user.may(Permission.EDIT_JOBS) else self.none()

    def listening(self) -> Self:
        """Keep those for which news is recorded."""
        return self.filter(paused_at=None, off_at=None)


class Endpoint(models.Model):
    """An address that hears of events, with the secret that signs them; both are sealed.

    It hears of nothing that its owner may not see; a channel of Slack, which has readers of its own and no
    secret, hears only of what is open to the whole company. ``jobs`` are keys; empty means all of them.
    ``failing_since`` is the first failure since the last success; ``tried_at`` the last attempt.
    """

    id = models.UUIDField(primary_key=True, default=uuid_utils.compat.uuid7, editable=False)
    kind = models.CharField(max_length=12, choices=Kind, default=Kind.WEBHOOK)
    format = models.CharField(max_length=8, choices=Format, default=Format.JSON, db_default=Format.JSON)
    owner = models.ForeignKey(User, on_delete=models.CASCADE, null=True, related_name="webhooks")
    name = models.CharField(max_length=100)
    url = SealedField(default="")
    secret = SealedField(default="")
    old_secret = SealedField(default="", help_text="Signs as well until old_secret_until.")
    old_secret_until = models.DateTimeField(null=True)
    events = ArrayField(models.CharField(max_length=30), default=list)
    jobs = ArrayField(models.CharField(max_length=100), default=list)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    hears_since = models.DateTimeField(db_default=Now(), help_text="What happened earlier is not sent.")
    paused_at = models.DateTimeField(null=True)
    off_at = models.DateTimeField(null=True)
    failing_since = models.DateTimeField(null=True)
    tried_at = models.DateTimeField(null=True)
    tested_at = models.DateTimeField(null=True)

    objects = EndpointQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="webhook", owner__isnull=False) | (~Q(kind="webhook") & Q(owner=None)),
                name="endpoint_owned",
            ),
            models.UniqueConstraint(
                fields=["kind"], condition=~Q(kind="webhook"), name="endpoint_of_settings_once"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_webhook(self) -> bool:
        """Whether it is somebody's own, not one of the settings."""
        return self.kind == Kind.WEBHOOK

    @property
    def is_channel(self) -> bool:
        """Whether people read there what it hears of."""
        return self.format == Format.SLACK

    @property
    def standing(self) -> Standing:
        """How it stands."""
        if self.off_at is not None:
            return Standing.OFF
        if self.paused_at is not None:
            return Standing.PAUSED
        return Standing.ACTIVE if self.failing_since is None else Standing.FAILING

    def put(self, *, url: str = "", secret: str = "") -> None:
        """Seal an address or a secret into the row, which is not saved yet."""
        if url:
            seal(self, "url", url)
        if secret:
            seal(self, "secret", secret)

    def retire_secret(self) -> None:
        """Keep the present secret as the old one; the row is not saved yet."""
        seal(self, "old_secret", unseal(self, "secret"))

    def address(self) -> str:
        """Open the address, to call it; raises a VaultError."""
        return unseal(self, "url")

    def host(self) -> str:
        """Return scheme and host: what is shown of an address, whose path may be a password."""
        parts = urlsplit(self.address())
        return f"{parts.scheme}://{parts.netloc}"

    def keys(self) -> list[str]:
        """Open the secrets that sign now, the newest first; raises a VaultError."""
        found = [unseal(self, "secret")]
        if self.old_secret and self.old_secret_until and self.old_secret_until > timezone.now():
            found.append(unseal(self, "old_secret"))
        return found


class Delivery(models.Model):
    """One event on its way to one endpoint; a clock that takes it moves ``available_at`` forward first.

    ``body`` is sent as it stands, so that each attempt says the same. ``once`` keeps an event from being
    recorded twice. Of the last attempt: ``status`` and ``answer`` (its first characters), ``reason`` (why it
    did not succeed) and ``took`` in milliseconds.
    """

    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="deliveries")
    message_id = models.CharField(max_length=60)
    event = models.CharField(max_length=30)
    about_kind = models.CharField(max_length=20, blank=True)
    about_key = models.CharField(max_length=200, blank=True)
    once = models.CharField(max_length=300)
    body = models.TextField()
    state = models.CharField(max_length=10, choices=OutboxState, default=OutboxState.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    available_at = models.DateTimeField(db_default=Now())
    reason = models.CharField(max_length=300, blank=True)
    status = models.PositiveSmallIntegerField(null=True)
    answer = models.CharField(max_length=500, blank=True)
    took = models.PositiveIntegerField(null=True)
    tried_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(fields=["endpoint", "once"], name="delivery_once"),
            models.CheckConstraint(
                condition=Q(state="waiting", ended_at=None)
                | (~Q(state="waiting") & Q(ended_at__isnull=False)),
                name="delivery_ended_at_its_end",
            ),
        ]
        indexes = [
            models.Index(
                fields=["endpoint", "available_at", "id"], condition=Q(state="waiting"), name="delivery_due"
            ),
            models.Index(fields=["endpoint", "-id"], name="delivery_of_endpoint"),
            models.Index(fields=["ended_at"], condition=Q(ended_at__isnull=False), name="delivery_ended"),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.state} {self.message_id}"

    @property
    def reference(self) -> tuple[str, str]:
        """The thing that it speaks of; ("", "") for none."""
        return (self.about_kind, self.about_key)

    @property
    def tone(self) -> str:
        """The tone of its state."""
        return OutboxState(self.state).tone

    @property
    def is_held(self) -> bool:
        """Whether it waits for its endpoint, which is paused."""
        return self.state == OutboxState.WAITING and self.endpoint.paused_at is not None

    @property
    def may_retry(self) -> bool:
        """Whether it may be sent again now: it has ended, or waits after a try that failed."""
        return self.state != OutboxState.WAITING or self.reason != ""
