"""What the bodies of the API have in common."""

from typing import Any

from rest_framework import serializers


class StrictSerializer(serializers.Serializer[Any]):
    """A body in which a misspelt field is an error: passed over, it would mean something else."""

    def to_internal_value(self, data: Any) -> Any:
        """Name the fields that there are not."""
        if isinstance(data, dict):
            unknown = {name: ["There is no such field."] for name in data if name not in self.fields}
            if unknown:
                raise serializers.ValidationError(unknown)
        return super().to_internal_value(data)
