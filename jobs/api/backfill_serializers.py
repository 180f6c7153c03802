"""What the API shows and takes of backfills."""

from collections import Counter
from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from jobs.actions import backfills
from jobs.choices import PartitionUnit
from jobs.models import Backfill, Run
from portal.api.serializers import StrictSerializer

BACKFILL_EXAMPLE = {
    "id": 4,
    "job": "load-flights",
    "parameter": "day",
    "unit": "day",
    "first": "2013-01-01",
    "last": "2013-01-31",
    "params": {"airport": "JFK"},
    "parallel": 2,
    "paused": False,
    "cancelled_at": None,
    "requested_by": "Dan Seo",
    "created_at": "2026-03-01T06:40:00Z",
    "states": {"succeeded": 29, "running": 1, "queued": 1},
    "partitions": [
        {"value": "2013-01-01", "state": "succeeded", "run": "01939f6e-5e7a-7c3a-9b1d-3f0f7f2f8a10"}
    ],
}


class PartitionRunSerializer(serializers.ModelSerializer[Run]):
    """The newest run of a partition."""

    value = serializers.CharField(source="partition")
    run = serializers.UUIDField(source="pk")

    class Meta:
        model = Run
        fields = ["value", "state", "run"]


@extend_schema_serializer(examples=[OpenApiExample("A month", value=BACKFILL_EXAMPLE, response_only=True)])
class BackfillSerializer(serializers.ModelSerializer[Backfill]):
    """A backfill and how far it is, by the newest run of each partition."""

    job = serializers.CharField(source="job.key")
    unit = serializers.ChoiceField(choices=PartitionUnit.choices)
    params = serializers.DictField(read_only=True)
    requested_by = serializers.CharField(source="requested_by.name", default=None)
    states = serializers.SerializerMethodField(help_text="How many partitions are in each state.")
    partitions = serializers.SerializerMethodField(help_text="Each partition with its newest run.")

    class Meta:
        model = Backfill
        fields = list(BACKFILL_EXAMPLE)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._read: dict[int, list[Run]] = {}

    @extend_schema_field(serializers.DictField(child=serializers.IntegerField()))
    def get_states(self, backfill: Backfill) -> Any:
        """Count the partitions by state."""
        return dict(Counter(run.state for run in self._newest(backfill)))

    @extend_schema_field(PartitionRunSerializer(many=True))
    def get_partitions(self, backfill: Backfill) -> Any:
        """Return the newest run of each partition."""
        return PartitionRunSerializer(self._newest(backfill), many=True).data

    def _newest(self, backfill: Backfill) -> list[Run]:
        if backfill.pk not in self._read:
            self._read[backfill.pk] = list(backfills.newest_runs(backfill).only("id", "partition", "state"))
        return self._read[backfill.pk]


class BackfillSummarySerializer(BackfillSerializer):
    """A backfill in a list: without its partitions, its ``states`` read for all of the list at once."""

    class Meta:
        model = Backfill
        fields = [name for name in BACKFILL_EXAMPLE if name != "partitions"]

    @extend_schema_field(serializers.DictField(child=serializers.IntegerField()))
    def get_states(self, backfill: Backfill) -> Any:
        """Return what was counted."""
        return self.context["states"][backfill.pk]


class BackfillWishSerializer(StrictSerializer):
    """A backfill as it shall be; ``dry_run`` only lists what would run."""

    parameter = serializers.CharField(max_length=100, help_text="The job's parameter that takes the day.")
    unit = serializers.ChoiceField(choices=PartitionUnit.choices, default=PartitionUnit.DAY)
    first = serializers.DateField()
    last = serializers.DateField()
    parallel = serializers.IntegerField(default=1, min_value=1, max_value=backfills.MOST_PARALLEL)
    params = serializers.DictField(required=False)
    dry_run = serializers.BooleanField(default=False)

    def wish(self) -> backfills.Wish:
        """Return what was sent."""
        sent = {name: value for name, value in self.validated_data.items() if name != "dry_run"}
        return backfills.Wish(**sent)


class PlannedSerializer(serializers.Serializer[Any]):
    """One run that would start."""

    value = serializers.CharField()
    params = serializers.DictField()


class PlanSerializer(serializers.Serializer[Any]):
    """What would run, the oldest first."""

    partitions = PlannedSerializer(many=True)
