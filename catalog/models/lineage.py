"""Lineage: what is made from what."""

from django.db import models
from django.db.models.functions import Now

from catalog.choices import NodeKind


class LineageEdge(models.Model):
    """Something flows from one node to another; nodes are (kind, key), so that any app may be an end."""

    upstream_kind = models.CharField(max_length=10, choices=NodeKind)
    upstream_key = models.CharField(max_length=200)
    downstream_kind = models.CharField(max_length=10, choices=NodeKind)
    downstream_key = models.CharField(max_length=200)
    source = models.CharField(max_length=30, help_text="Who says so: run or definition.")
    seen_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["upstream_kind", "upstream_key", "downstream_kind", "downstream_key", "source"],
                name="lineage_edge_once",
            )
        ]
        indexes = [models.Index(fields=["downstream_kind", "downstream_key"], name="lineage_downstream")]

    def __str__(self) -> str:
        return f"{self.upstream_key} → {self.downstream_key}"
