"""What the API shows and takes of webhooks, field by field; an address and a secret are never shown again."""

import json
from typing import Any

from django.core.exceptions import ValidationError
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from portal.api.serializers import StrictSerializer
from portal.outgoing import OutgoingError
from portal.vault.exceptions import VaultError
from portal.webhooks.actions import Wish, check_address
from portal.webhooks.choices import Event, Format, Standing
from portal.webhooks.forms import known_jobs
from portal.webhooks.models import Delivery, Endpoint
from portal.webhooks.reasons import reason_of


class EndpointSerializer(serializers.ModelSerializer[Endpoint]):
    """An endpoint; of its address only scheme and host."""

    state = serializers.ChoiceField(choices=Standing.choices, source="standing", read_only=True)
    host = serializers.SerializerMethodField()
    owner = serializers.SerializerMethodField()

    class Meta:
        model = Endpoint
        fields = [
            *("id", "name", "format", "host", "owner", "events", "jobs", "state"),
            *("created_at", "failing_since"),
        ]
        read_only_fields = fields

    @extend_schema_field(serializers.CharField())
    def get_host(self, endpoint: Endpoint) -> str:
        """Return scheme and host; "" where the settings hold the address or it cannot be opened."""
        try:
            return endpoint.host() if endpoint.url else ""
        except VaultError:
            return ""

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_owner(self, endpoint: Endpoint) -> str | None:
        """Return the owner's name; null for one of the settings."""
        return endpoint.owner.name if endpoint.owner else None


class NewEndpointSerializer(EndpointSerializer):
    """A new endpoint with its secret, this once; a channel of Slack has none."""

    secret = serializers.CharField(read_only=True, allow_null=True)

    class Meta(EndpointSerializer.Meta):
        fields = [*EndpointSerializer.Meta.fields, "secret"]
        read_only_fields = fields


class EndpointWishSerializer(StrictSerializer):
    """An endpoint to be made; without ``jobs`` it hears of all that its owner sees."""

    name = serializers.CharField(max_length=100)
    format = serializers.ChoiceField(choices=Format.choices, default=Format.JSON)
    url = serializers.CharField(max_length=2000)
    events = serializers.MultipleChoiceField(choices=Event.choices, allow_empty=False)
    jobs = serializers.ListField(child=serializers.CharField(max_length=100), required=False)

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        """Refuse an address that is never called, or is no channel's."""
        try:
            check_address(given["url"], given["format"])
        except OutgoingError as error:
            raise serializers.ValidationError({"url": str(error)}) from error
        return given

    def validate_jobs(self, keys: list[str]) -> list[str]:
        """Find the jobs among those that the token's owner sees."""
        try:
            return known_jobs(keys, self.context["user"])
        except ValidationError as error:
            raise serializers.ValidationError(error.messages) from error

    def wish(self) -> Wish:
        """Return what was sent."""
        given = dict(self.validated_data)
        return Wish(**{**given, "events": sorted(given["events"])})


class DeliverySerializer(serializers.ModelSerializer[Delivery]):
    """One delivery; ``body`` is null where it speaks of something that the token's owner does not see."""

    reason = serializers.SerializerMethodField()
    body = serializers.SerializerMethodField()

    class Meta:
        model = Delivery
        fields = [
            *("id", "message_id", "event", "state", "attempts", "status", "answer", "took", "reason"),
            *("created_at", "tried_at", "available_at", "ended_at", "body"),
        ]
        read_only_fields = fields

    @extend_schema_field(serializers.CharField())
    def get_reason(self, delivery: Delivery) -> str:
        """Return in words why it was not taken, or why it waits; "" for none."""
        return reason_of(delivery)

    @extend_schema_field(serializers.DictField(allow_null=True))
    def get_body(self, delivery: Delivery) -> Any:
        """Return what is sent."""
        return json.loads(delivery.body) if delivery.pk in self.context["readable"] else None
