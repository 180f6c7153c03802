"""What was suggested while somebody typed, and whether it helped."""

from django.db import models
from django.db.models.functions import Now

from portal.accounts.models import User
from requests_app.choices import Seen
from requests_app.models.question import DataRequest


class DeflectionEvent(models.Model):
    """Somebody was shown, opened or accepted suggestions in one visit to the ask form, or asked all the same.

    ``visit`` is the form's token. The typed words are not kept; ``shown`` are references «kind:key».
    """

    visit = models.CharField(max_length=255)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    seen = models.CharField(max_length=10, choices=Seen)
    shown = models.JSONField(default=list)
    question = models.ForeignKey(DataRequest, on_delete=models.CASCADE, null=True, related_name="+")
    at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(fields=["user", "-at"], name="deflection_of_user"),
            models.Index(fields=["visit"], name="deflection_of_visit"),
        ]

    def __str__(self) -> str:
        return f"{self.seen} in {self.visit}"
