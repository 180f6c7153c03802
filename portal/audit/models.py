"""The audit trail: rows that outlive what they speak of."""

from django.db import models
from django.db.models.functions import Now


class AuditEvent(models.Model):
    """One thing done by somebody to something; copied words instead of foreign keys.

    Rows are only ever added: a trigger in the database refuses UPDATE, DELETE and TRUNCATE.
    """

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(db_default=Now(), editable=False)
    action = models.CharField(max_length=60)
    actor_kind = models.CharField(max_length=10)
    actor_id = models.CharField(max_length=40, blank=True)
    actor_label = models.CharField(max_length=200)
    object_kind = models.CharField(max_length=30, blank=True)
    object_id = models.CharField(max_length=200, blank=True)
    object_label = models.CharField(max_length=300, blank=True)
    data = models.JSONField(default=dict)
    request_id = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["object_kind", "object_id", "-id"], name="audit_object")]

    def __str__(self) -> str:
        return f"{self.actor_label} {self.action} {self.object_label}"
