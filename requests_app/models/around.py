"""What stands around a question: who follows it, and what it has to do with."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from portal.accounts.models import User


class Follower(models.Model):
    """Somebody who wants to hear of a question: a «me too», or a person the asker let in."""

    question = models.ForeignKey("DataRequest", on_delete=models.CASCADE, related_name="followers")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="followed_questions")
    me_too = models.BooleanField(default=True)
    added_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["question", "user"], name="follower_once")]

    def __str__(self) -> str:
        return f"{self.user_id} follows {self.question_id}"


class QuestionLink(models.Model):
    """A thing that a question has to do with, by (kind, key): ("dataset", "flights"), ("run", "…")."""

    question = models.ForeignKey("DataRequest", on_delete=models.CASCADE, related_name="links")
    kind = models.CharField(max_length=20)
    key = models.CharField(max_length=200)
    role = models.CharField(max_length=12)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["question", "kind", "key", "role"], name="link_once_a_role"),
            models.CheckConstraint(
                condition=Q(role__in=["about", "used", "blocked_by", "produced"]), name="link_has_a_role"
            ),
        ]
        indexes = [models.Index(fields=["kind", "key", "-question"], name="link_of_thing")]

    def __str__(self) -> str:
        return f"{self.question_id} {self.role} {self.kind}:{self.key}"

    @property
    def reference(self) -> tuple[str, str]:
        """The thing as the registry of nodes knows it."""
        return (self.kind, self.key)
