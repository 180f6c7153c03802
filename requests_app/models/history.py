"""What happened to questions: events and spans, of which rows are only ever added."""

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from portal.accounts.models import User
from requests_app.choices import Category, State
from requests_app.models.question import DataRequest


class QuestionEvent(models.Model):
    """Something that happened to a question, once; rows are only ever added.

    ``data`` is ``{"note", "before": {column: value}, …}``: what was said, and what the step changed.
    """

    question = models.ForeignKey(DataRequest, on_delete=models.CASCADE, related_name="events")
    kind = models.CharField(max_length=30)
    from_state = models.CharField(max_length=12, blank=True)
    to_state = models.CharField(max_length=12, blank=True)
    user = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    actor = models.CharField(max_length=200)
    version = models.PositiveIntegerField(help_text="The question's version after it.")
    internal = models.BooleanField(default=False)
    data = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["question", "id"], name="question_event_order")]

    def __str__(self) -> str:
        return f"{self.kind} of {self.question_id}"


class StateSpan(models.Model):
    """How long a question stood in one state in one person's hands: what clocks are derived from."""

    question = models.ForeignKey(DataRequest, on_delete=models.CASCADE, related_name="spans")
    state = models.CharField(max_length=12, choices=State)
    category = models.CharField(max_length=12, choices=Category)
    assignee = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    cycle = models.PositiveSmallIntegerField(default=0)
    from_at = models.DateTimeField()
    to_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["from_at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["question"], condition=Q(to_at__isnull=True), name="span_one_open_a_question"
            ),
            models.CheckConstraint(
                condition=Q(to_at__isnull=True) | Q(to_at__gte=F("from_at")), name="span_forward"
            ),
        ]
        indexes = [models.Index(fields=["question", "from_at"], name="span_of_question")]

    def __str__(self) -> str:
        return f"{self.question_id} {self.state}"
