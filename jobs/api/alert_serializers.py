"""What the API shows of alerts."""

from django.urls import reverse
from drf_spectacular.utils import OpenApiExample, extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from jobs.models import Alert

ALERT_EXAMPLE = {
    "id": 88,
    "condition": "deadline",
    "state": "open",
    "job": "load-flights",
    "run": "01939f6e-5e7a-7c3a-9b1d-3f0f7f2f8a10",
    "run_number": 1291,
    "opened_at": "2026-03-01T21:30:04Z",
    "closed_at": None,
    "page": "/runs/1291/",
}


@extend_schema_serializer(examples=[OpenApiExample("A missed deadline", value=ALERT_EXAMPLE)])
class AlertSerializer(serializers.ModelSerializer[Alert]):
    """An alert: what a run met that its job alerts of; the job's next success closes it."""

    state = serializers.SerializerMethodField()
    job = serializers.CharField(source="job.key")
    run = serializers.UUIDField(source="run_id")
    run_number = serializers.IntegerField(source="run.number")
    page = serializers.SerializerMethodField(help_text="The run's page.")

    class Meta:
        model = Alert
        fields = list(ALERT_EXAMPLE)

    @extend_schema_field(serializers.ChoiceField(choices=["open", "closed"]))
    def get_state(self, alert: Alert) -> str:
        """Say whether it still stands."""
        return "open" if alert.closed_at is None else "closed"

    @extend_schema_field(serializers.CharField())
    def get_page(self, alert: Alert) -> str:
        """Return the path of the page."""
        return reverse("run", args=[alert.run.number])
