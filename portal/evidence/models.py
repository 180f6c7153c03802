"""Evidence: how a number came about, so that it can be computed again."""

import uuid

import uuid_utils.compat
from django.db import models
from django.db.models.functions import Now

from portal.accounts.models import User
from portal.evidence.choices import Verdict


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


class Verification(models.Model):
    """What came out when evidence was computed again.

    ``details`` are the findings (``portal.evidence.verify.Findings``), the hash of the definition in force
    and, where that is another one than the evidence's, ``definition``: both versions and their difference.
    ``snapshot`` is the newest one it was compared with.
    """

    evidence = models.ForeignKey(Evidence, on_delete=models.CASCADE, related_name="verifications")
    verdict = models.CharField(max_length=20, choices=Verdict)
    details = models.JSONField(default=dict)
    snapshot = models.BigIntegerField(null=True)
    checked_at = models.DateTimeField(db_default=Now(), editable=False)
    run_id = models.UUIDField(unique=True)
    by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta:
        indexes = [models.Index(fields=["evidence", "-checked_at"], name="verification_newest")]

    def __str__(self) -> str:
        return f"{self.evidence_id} {self.verdict}"
