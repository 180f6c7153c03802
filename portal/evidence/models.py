"""Evidence: how a number came about, so that it can be computed again."""

import uuid

import uuid_utils.compat
from django.db import models
from django.db.models.functions import Now


class Evidence(models.Model):
    """One query with all that is needed to run it again and compare.

    ``snapshot`` is the warehouse's version the query read; ``result_hash`` is the SHA-256 of its rows.
    """

    id = models.UUIDField(primary_key=True, default=uuid_utils.compat.uuid7, editable=False)
    sql = models.TextField()
    parameters = models.JSONField(default=dict)
    dialect = models.CharField(max_length=20)
    engine = models.CharField(max_length=40)
    snapshot = models.BigIntegerField(null=True)
    definition_hash = models.CharField(max_length=64, blank=True)
    run_id = models.UUIDField(null=True)
    row_count = models.BigIntegerField()
    result_hash = models.CharField(max_length=64)
    duration_ms = models.PositiveIntegerField()
    computed_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        indexes = [models.Index(fields=["run_id"], name="evidence_run")]

    def __str__(self) -> str:
        return str(uuid.UUID(str(self.id)))
