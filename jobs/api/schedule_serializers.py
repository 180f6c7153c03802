"""What the API shows and takes of schedules and of starts by new data."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from catalog.models import Dataset
from jobs.actions import data_triggers, schedules
from jobs.choices import Gathering, Misfire
from jobs.models import DataTrigger, Schedule
from portal.api.serializers import StrictSerializer

SCHEDULE_EXAMPLE = {
    "id": 7,
    "cron": "10 6 * * *",
    "zone": "Asia/Seoul",
    "interval": None,
    "anchor": None,
    "params": {"airport": "JFK"},
    "by_slot": {"day": "day-1"},
    "misfire": "latest",
    "grace": 300,
    "max_catchup": 24,
    "enabled": True,
    "from_code": False,
    "next_slot": "2026-03-01T21:10:00Z",
    "next_slots": ["2026-03-01T21:10:00Z", "2026-03-02T21:10:00Z"],
    "missed": 0,
    "missed_at": None,
}
TRIGGER_EXAMPLE = {
    "id": 3,
    "datasets": ["ops.flights", "ops.weather"],
    "gathering": "all",
    "params": {},
    "enabled": True,
}


_BY_SLOT = (
    "Parameters that take a partition from the slot, in the schedule's zone: day, day-1 (the day before it), "
    "week, week-1, month, month-1 and so on."
)


@extend_schema_serializer(
    examples=[OpenApiExample("Each morning", value=SCHEDULE_EXAMPLE, response_only=True)]
)
class ScheduleDetailSerializer(serializers.ModelSerializer[Schedule]):
    """A schedule with its next starts, in UTC."""

    anchor = serializers.SerializerMethodField(help_text="From where an interval is counted.")
    params = serializers.DictField(read_only=True)
    by_slot = serializers.DictField(read_only=True, child=serializers.CharField(), help_text=_BY_SLOT)
    misfire = serializers.ChoiceField(choices=Misfire.choices)
    next_slots = serializers.SerializerMethodField(help_text="The next five, whether it is paused or not.")
    from_code = serializers.BooleanField(help_text="The job's definition states it; it is changed there.")
    missed = serializers.IntegerField(help_text="Starts left out since it was changed.")

    class Meta:
        model = Schedule
        fields = list(SCHEDULE_EXAMPLE)

    @extend_schema_field(serializers.DateTimeField(allow_null=True))
    def get_anchor(self, schedule: Schedule) -> Any:
        """Return the anchor of an interval; a cron line has none."""
        return schedule.anchor if schedule.interval is not None else None

    @extend_schema_field(serializers.ListField(child=serializers.DateTimeField()))
    def get_next_slots(self, schedule: Schedule) -> Any:
        """Return the next few starts; whoever shows many gives one ``now`` for all of them."""
        return schedules.next_slots(schedule, now=self.context.get("now"))


class ScheduleWishSerializer(StrictSerializer):
    """A schedule as it shall be: ``cron`` in ``zone``, or every ``interval`` seconds from ``anchor``."""

    cron = serializers.CharField(required=False, max_length=100, allow_blank=True)
    zone = serializers.CharField(required=False, max_length=64)
    interval = serializers.IntegerField(required=False, allow_null=True, min_value=1)
    anchor = serializers.DateTimeField(required=False, allow_null=True)
    params = serializers.DictField(required=False)
    by_slot = serializers.DictField(
        required=False, child=serializers.CharField(max_length=20), help_text=_BY_SLOT
    )
    misfire = serializers.ChoiceField(required=False, choices=Misfire.choices)
    grace = serializers.IntegerField(required=False, help_text="Seconds.")
    max_catchup = serializers.IntegerField(required=False)

    def wish(self, before: Schedule | None = None) -> schedules.Wish:
        """Return what was sent, on top of what stands."""
        names = ("cron", "zone", "interval", "params", "by_slot", "misfire", "grace", "max_catchup")
        values = {name: getattr(before, name) for name in names} if before is not None else {}
        sent = dict(self.validated_data)
        # Whoever sends the other rhythm does not have to take the first away.
        if sent.get("cron"):
            values["interval"] = None
        elif sent.get("interval"):
            values["cron"] = ""
        return schedules.Wish(**{**values, **sent})


@extend_schema_serializer(examples=[OpenApiExample("After both", value=TRIGGER_EXAMPLE, response_only=True)])
class DataTriggerSerializer(serializers.ModelSerializer[DataTrigger]):
    """Which datasets start the job when they are published; those that one may not see are left out."""

    datasets = serializers.SerializerMethodField()
    params = serializers.DictField(read_only=True)
    gathering = serializers.ChoiceField(choices=Gathering.choices)

    class Meta:
        model = DataTrigger
        fields = list(TRIGGER_EXAMPLE)

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_datasets(self, trigger: DataTrigger) -> Any:
        """Return the keys of the visible ones, read for all triggers of the answer at once."""
        return self.context["datasets"][trigger.pk]


class DataTriggerWishSerializer(StrictSerializer):
    """A start by new data as it shall be."""

    datasets = serializers.ListField(child=serializers.CharField(max_length=200), required=False)
    gathering = serializers.ChoiceField(required=False, choices=Gathering.choices)
    params = serializers.DictField(required=False)

    def validate_datasets(self, keys: list[str]) -> list[Dataset]:
        """Find the datasets among those that the token's owner may see."""
        visible = Dataset.objects.visible_to(self.context["user"]).select_related("asset")
        found = {dataset.asset.key: dataset for dataset in visible.filter(asset__key__in=keys)}
        if missing := sorted(set(keys) - set(found)):
            message = f"There is no dataset {', '.join(missing)}."
            raise serializers.ValidationError(message)
        return list(found.values())

    def wish(self, before: DataTrigger | None = None) -> data_triggers.Wish:
        """Return what was sent, on top of what stands."""
        values: dict[str, Any] = {"datasets": []}
        if before is not None:
            values = {
                "datasets": list(before.datasets.select_related("asset")),
                "gathering": before.gathering,
                "params": before.params,
            }
        return data_triggers.Wish(**{**values, **self.validated_data})
