"""The audit trail: rows that outlive what they speak of, and the chain that seals them."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import OpClass
from django.db import models
from django.db.models.functions import Now, Upper


class SplitPart(models.Func):
    """PostgreSQL's split_part: the words before and after a separator."""

    function = "split_part"
    output_field = models.TextField()


def group_of_action() -> SplitPart:
    """Return the expression of an action's group («run» of «run.triggered»), as the index holds it."""
    return SplitPart("action", models.Value("."), models.Value(1))


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
        indexes = [
            models.Index(fields=["object_kind", "object_id", "-id"], name="audit_object"),
            # One index for each way the page looks at the trail; all end in the page's order.
            models.Index(fields=["-at", "-id"], name="audit_newest"),
            models.Index(fields=["actor_kind", "actor_id", "-at", "-id"], name="audit_actor"),
            models.Index(group_of_action(), models.F("at").desc(), models.F("id").desc(), name="audit_group"),
            models.Index(OpClass(Upper("object_id"), name="text_pattern_ops"), name="audit_object_id"),
            models.Index(OpClass(Upper("object_label"), name="text_pattern_ops"), name="audit_object_label"),
        ]

    def __str__(self) -> str:
        return f"{self.actor_label} {self.action} {self.object_label}"


class AuditSeal(models.Model):
    """One link of the chain: its hash covers one event and, by the hash before it, all sealed earlier.

    Rows are only ever added, as those of the trail itself.
    """

    seq = models.BigIntegerField(primary_key=True)
    event = models.BigIntegerField(unique=True)
    hash = models.CharField(max_length=64)
    sealed_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["seq"]

    def __str__(self) -> str:
        return f"{self.seq}: {self.hash[:12]}"


class SealingMark(models.Model):
    """How far the sealer is, in its only row: each event up to ``floor`` is sealed or was never committed.

    ``candidate`` is where the floor goes next, once the transactions in ``holders`` have ended: only they
    may still commit an event at or below it.
    """

    id = models.SmallIntegerField(primary_key=True)
    floor = models.BigIntegerField(default=0)
    candidate = models.BigIntegerField(default=0)
    holders = ArrayField(models.CharField(max_length=40), default=list, blank=True)

    def __str__(self) -> str:
        return f"sealed up to {self.floor}"
