"""Answers, and what was decided by them."""

from typing import Self

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from portal.accounts.models import User
from requests_app.choices import AnswerStatus, Confidence, Outcome, ValueKind
from requests_app.models.question import DataRequest


class AnswerQuerySet(models.QuerySet["Answer"]):
    """Choose answers."""

    def visible_to(self, user: User) -> Self:
        """Keep the published ones of questions this person may know of."""
        return self.shown().filter(question__in=DataRequest.objects.visible_to(user))

    def shown(self) -> Self:
        """Keep what was published."""
        return self.filter(status__in=AnswerStatus.shown())

    def reusable(self) -> Self:
        """Keep those that may answer another question: checked by a second person and not out of date."""
        return self.filter(status=AnswerStatus.VERIFIED)

    def drafts(self) -> Self:
        """Keep what is still being written or reviewed."""
        return self.filter(status__in=[AnswerStatus.DRAFT, AnswerStatus.IN_REVIEW])


class Answer(models.Model):
    """One answer; its evidence is what is cited about ``("answer", pk)``.

    A question has at most one draft. ``body`` is markdown. Published answers are not edited; a reopened
    question gets a new one. ``version`` guards the draft against two people who write at once.
    """

    question = models.ForeignKey(DataRequest, on_delete=models.CASCADE, related_name="answers")
    body = models.TextField()
    status = models.CharField(max_length=10, choices=AnswerStatus, default=AnswerStatus.DRAFT)
    author = models.ForeignKey(User, on_delete=models.PROTECT, related_name="answers")
    reviewer = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    stale_reason = models.CharField(max_length=300, blank=True)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(db_default=Now())
    published_at = models.DateTimeField(null=True)
    verified_at = models.DateTimeField(null=True)

    objects = AnswerQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["question"], condition=Q(status__in=["draft", "in_review"]), name="answer_one_draft"
            ),
            models.CheckConstraint(
                condition=Q(status__in=["draft", "in_review"]) | Q(published_at__isnull=False),
                name="answer_published_at_some_time",
            ),
            models.CheckConstraint(
                condition=~Q(status="verified")
                | (Q(verified_at__isnull=False, reviewer__isnull=False) & ~Q(reviewer=F("author"))),
                name="answer_verified_by_another",
            ),
        ]
        indexes = [models.Index(fields=["question", "-id"], name="answer_of_question")]

    def __str__(self) -> str:
        return f"answer {self.pk}"

    @property
    def reference(self) -> tuple[str, str]:
        """The answer as others refer to it."""
        return ("answer", str(self.pk))

    @property
    def tone(self) -> str:
        """The tone of its status."""
        return AnswerStatus(self.status).tone

    @property
    def is_shown(self) -> bool:
        """Whether everybody who sees the question may read it."""
        return self.status in AnswerStatus.shown()


class DecisionRecord(models.Model):
    """What was decided by an answer, by whom, and what it was worth; one for each time it was closed."""

    question = models.ForeignKey(DataRequest, on_delete=models.CASCADE, related_name="decisions")
    answer = models.ForeignKey(Answer, on_delete=models.PROTECT, related_name="decisions")
    outcome = models.CharField(max_length=12, choices=Outcome)
    decision = models.TextField(blank=True)
    decided_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    value_kind = models.CharField(max_length=10, choices=ValueKind, blank=True, default=ValueKind.NONE)
    value_low = models.DecimalField(max_digits=16, decimal_places=2, null=True)
    value_high = models.DecimalField(max_digits=16, decimal_places=2, null=True)
    confidence = models.CharField(max_length=10, choices=Confidence, blank=True, default=Confidence.NONE)
    helpful = models.PositiveSmallIntegerField(null=True, help_text="1 to 5, by the asker.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(value_kind="", value_low__isnull=True, value_high__isnull=True)
                | (~Q(value_kind="") & Q(value_low__isnull=False) & ~Q(confidence="")),
                name="decision_value_has_kind_and_confidence",
            ),
            models.CheckConstraint(
                condition=Q(value_high__isnull=True) | Q(value_high__gte=F("value_low")),
                name="decision_value_range",
            ),
            models.CheckConstraint(
                condition=Q(helpful__isnull=True) | Q(helpful__range=(1, 5)), name="decision_helpful_1_to_5"
            ),
        ]

    def __str__(self) -> str:
        return f"decision on {self.question_id}"
