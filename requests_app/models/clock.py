"""Calendars, policies and the clocks that run by them."""

from typing import Self, TypeVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, OuterRef, Q, Subquery
from django.db.models.functions import Now

from requests_app.choices import ClockMetric, ClockOutcome
from requests_app.models.question import DataRequest

_Row = TypeVar("_Row", bound=models.Model)


class VersionedQuerySet(models.QuerySet[_Row]):
    """Choose rows of which a change makes a new version."""

    def current(self) -> Self:
        """Keep the newest version of each key."""
        newest = self.model._default_manager.filter(key=OuterRef("key")).order_by("-version").values("pk")[:1]
        return self.filter(pk=Subquery(newest))


class Calendar(models.Model):
    """When the team works; a row is never changed, an edit adds the next version.

    ``windows`` is ``[[weekday, "09:00", "18:00"], …]``, Monday 0, in the calendar's own zone; ``country`` is
    whose public holidays are free ("" for none); ``extra`` are further free days, ``worked`` days worked
    although they are holidays, both ISO dates.
    """

    key = models.SlugField(max_length=50)
    version = models.PositiveIntegerField(default=1)
    name_en = models.CharField(max_length=100)
    name_ko = models.CharField(max_length=100, blank=True)
    zone = models.CharField(max_length=64, default="Asia/Seoul")
    windows = models.JSONField()
    country = models.CharField(max_length=2, blank=True, default="KR")
    extra = ArrayField(models.DateField(), default=list, blank=True)
    worked = ArrayField(models.DateField(), default=list, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = VersionedQuerySet["Calendar"].as_manager()

    class Meta:
        ordering = ["key", "-version"]
        constraints = [models.UniqueConstraint(fields=["key", "version"], name="calendar_version_once")]

    def __str__(self) -> str:
        return f"{self.key} {self.version}"


class SlaPolicy(models.Model):
    """Which deadlines hold for which questions; the first that fits, by ``order``, decides.

    Empty ``kinds`` or ``priorities`` fit all; ``targets`` is ``{metric: minutes of business time}``. A row is
    never changed, an edit adds the next version; running clocks keep theirs.
    """

    key = models.SlugField(max_length=50)
    version = models.PositiveIntegerField(default=1)
    name_en = models.CharField(max_length=100)
    name_ko = models.CharField(max_length=100, blank=True)
    order = models.PositiveSmallIntegerField(default=100)
    kinds = ArrayField(models.CharField(max_length=20), default=list, blank=True)
    priorities = ArrayField(models.SmallIntegerField(), default=list, blank=True)
    targets = models.JSONField()
    calendar_key = models.SlugField(max_length=50)
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = VersionedQuerySet["SlaPolicy"].as_manager()

    class Meta:
        ordering = ["order", "key", "-version"]
        constraints = [models.UniqueConstraint(fields=["key", "version"], name="policy_version_once")]

    def __str__(self) -> str:
        return f"{self.key} {self.version}"


class SlaClock(models.Model):
    """One deadline of one question, with the versions of policy and calendar it runs by.

    ``due_at`` is derived from the spans and NULL while the clock is paused; ``paused_s`` is business time.
    ``warned_at`` and ``breached_at`` are when it was told, once each.
    """

    question = models.ForeignKey(DataRequest, on_delete=models.CASCADE, related_name="clocks")
    metric = models.CharField(max_length=15, choices=ClockMetric)
    cycle = models.PositiveIntegerField(default=0)
    policy = models.ForeignKey(SlaPolicy, on_delete=models.PROTECT, related_name="+")
    calendar = models.ForeignKey(Calendar, on_delete=models.PROTECT, related_name="+")
    target_s = models.PositiveIntegerField()
    started_at = models.DateTimeField()
    paused_s = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField(null=True)
    warn_at = models.DateTimeField(null=True)
    stopped_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=10, choices=ClockOutcome, blank=True, default=ClockOutcome.RUNNING)
    warned_at = models.DateTimeField(null=True)
    breached_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["question", "metric", "cycle"], name="clock_once_a_cycle"),
            models.CheckConstraint(
                condition=Q(stopped_at__isnull=True, outcome="")
                | (Q(stopped_at__isnull=False) & ~Q(outcome="")),
                name="clock_stopped_with_outcome",
            ),
            models.CheckConstraint(
                condition=Q(warn_at__isnull=True) | Q(warn_at__lte=F("due_at")), name="clock_warns_before"
            ),
        ]
        indexes = [
            models.Index(fields=["question"], condition=Q(stopped_at__isnull=True), name="clock_running"),
            # What the clock process looks for each tick: who is to be told, once each.
            models.Index(
                fields=["warn_at"],
                condition=Q(stopped_at__isnull=True, warned_at__isnull=True, warn_at__isnull=False),
                name="clock_to_warn",
            ),
            models.Index(
                fields=["due_at"],
                condition=Q(stopped_at__isnull=True, breached_at__isnull=True, due_at__isnull=False),
                name="clock_to_breach",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.metric} of {self.question_id}"

    @property
    def is_running(self) -> bool:
        """Whether it has not stopped; it may be paused."""
        return self.stopped_at is None

    @property
    def is_paused(self) -> bool:
        """Whether it stands still now and cannot be missed."""
        return self.stopped_at is None and self.due_at is None
