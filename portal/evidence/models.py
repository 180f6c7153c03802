"""Evidence: how a number came about, so that it can be computed again; its result; and where it is cited."""

import uuid
from typing import Self

import uuid_utils.compat
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models.functions import Now

from portal.accounts.models import User
from portal.evidence.choices import Verdict


class Evidence(models.Model):
    """One query with all that is needed to run it again and compare.

    ``snapshot`` is the warehouse's version the query read, ``tables`` the tables («schema.name») it names;
    ``result_hash`` is the SHA-256 of its rows.
    """

    id = models.UUIDField(primary_key=True, default=uuid_utils.compat.uuid7, editable=False)
    sql = models.TextField()
    parameters = models.JSONField(default=dict)
    dialect = models.CharField(max_length=20)
    engine = models.CharField(max_length=40)
    snapshot = models.BigIntegerField(null=True)
    tables = ArrayField(models.CharField(max_length=200), default=list, db_default=[], blank=True)
    definition_hash = models.CharField(max_length=64, blank=True)
    run_id = models.UUIDField(null=True)
    row_count = models.BigIntegerField()
    result_hash = models.CharField(max_length=64)
    duration_ms = models.PositiveIntegerField()
    computed_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        indexes = [
            models.Index(fields=["run_id"], name="evidence_run"),
            models.Index(fields=["computed_at"], name="evidence_age"),
            GinIndex(fields=["tables"], name="evidence_tables"),
        ]

    def __str__(self) -> str:
        return str(uuid.UUID(str(self.id)))


class Result(models.Model):
    """The rows that a query gave, as far as they are kept; a metric keeps its points instead.

    ``columns`` is ``[{"name", "type"}, …]``, ``rows`` lists of JSON values in that order; ``cut``: there were
    more rows than are kept. ``charts`` is ``{language: {layout: svg}}``.
    """

    evidence = models.OneToOneField(
        Evidence, on_delete=models.CASCADE, primary_key=True, related_name="result"
    )
    columns = models.JSONField()
    rows = models.JSONField()
    cut = models.BooleanField(default=False)
    charts = models.JSONField(default=dict)

    def __str__(self) -> str:
        return f"rows of {self.evidence_id}"


class CitationQuerySet(models.QuerySet["Citation"]):
    """Choose citations."""

    def about(self, kind: str, key: str) -> Self:
        """Keep what stands behind this thing, in its order."""
        return self.filter(about_kind=kind, about_key=key)


class Citation(models.Model):
    """Evidence that stands behind something: an answer, a report. What is cited stays reproducible."""

    evidence = models.ForeignKey(Evidence, on_delete=models.PROTECT, related_name="citations")
    about_kind = models.CharField(max_length=20)
    about_key = models.CharField(max_length=200)
    title = models.CharField(max_length=200)
    position = models.PositiveSmallIntegerField(default=0)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = CitationQuerySet.as_manager()

    class Meta:
        ordering = ["position", "id"]
        constraints = [
            models.UniqueConstraint(fields=["about_kind", "about_key", "evidence"], name="citation_once")
        ]

    def __str__(self) -> str:
        return f"{self.title} ({self.about_kind}:{self.about_key})"

    @property
    def reference(self) -> tuple[str, str]:
        """The thing that it stands behind."""
        return (self.about_kind, self.about_key)


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
