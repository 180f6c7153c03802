"""What the API takes and shows of queries, field by field."""

from typing import Any

from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from jobs.choices import RunState
from jobs.models import Run
from portal.api.serializers import StrictSerializer
from portal.evidence.models import Evidence

QUERY_EXAMPLE: dict[str, Any] = {
    "number": 1312,
    "state": "succeeded",
    "sql": "SELECT origin, COUNT(*) AS flights\nFROM ops.flights\nWHERE month = $month\nGROUP BY origin",
    "parameters": {"month": 2},
    "columns": [{"name": "origin", "type": "VARCHAR"}, {"name": "flights", "type": "BIGINT"}],
    "rows": [["EWR", 9107], ["JFK", 8421], ["LGA", 7423]],
    "row_count": 3,
    "cut": False,
    "evidence": "01939f70-11c2-7f0e-8f5a-6a2d6f0c9b44",
    "snapshot": 12,
    "duration_ms": 41,
    "error": None,
    "created_at": "2026-03-01T06:40:00Z",
    "finished_at": "2026-03-01T06:40:00Z",
    "page": "/queries/1312/",
}


class NewQuerySerializer(StrictSerializer):
    """The body of a query."""

    sql = serializers.CharField(max_length=100_000, trim_whitespace=False, help_text="One SELECT.")
    parameters = serializers.DictField(
        required=False, help_text="The values of $name: text, numbers, booleans, or lists of text."
    )

    def validate_parameters(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Take plain values only: they are bound, never written into the statement."""
        for name, value in parameters.items():
            texts = isinstance(value, list) and all(isinstance(each, str) for each in value)
            if not texts and not isinstance(value, str | bool | int | float):
                raise serializers.ValidationError(
                    {name: ["It takes text, a number, true or false, or a list of text."]}
                )
        return parameters


class QueryColumnSerializer(serializers.Serializer[dict[str, Any]]):
    """A column of the answer, with the engine's type."""

    name = serializers.CharField()
    type = serializers.CharField()


class QueryErrorSerializer(serializers.Serializer[dict[str, Any]]):
    """Why there is no answer, and where in ``sql`` it lies."""

    vars()["class"] = serializers.CharField(help_text="For example bad_input, settings, timeout, crash.")
    message = serializers.CharField()
    line = serializers.IntegerField(allow_null=True, help_text="From 1; null where nobody knows.")
    column = serializers.IntegerField(allow_null=True, help_text="From 1; null where nobody knows.")


@extend_schema_serializer(
    examples=[OpenApiExample("An answered query", value=QUERY_EXAMPLE, response_only=True)]
)
class QuerySerializer(serializers.Serializer[Run]):
    """A query with its answer once it has one; cells are JSON values, times are UTC."""

    number = serializers.IntegerField()
    state = serializers.ChoiceField(choices=RunState.choices)
    sql = serializers.SerializerMethodField(help_text="As it runs: written anew from what was sent.")
    parameters = serializers.SerializerMethodField()
    columns = serializers.SerializerMethodField()
    rows = serializers.SerializerMethodField(help_text="The kept rows, 1,000 or 2 MB at most.")
    row_count = serializers.SerializerMethodField(help_text="The rows that were read, 10,000 at most.")
    cut = serializers.SerializerMethodField(help_text="Whether there are more rows than rows shows.")
    evidence = serializers.SerializerMethodField(help_text="What an answer cites.")
    snapshot = serializers.SerializerMethodField(help_text="The state of the lake that was read.")
    duration_ms = serializers.SerializerMethodField()
    error = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    page = serializers.SerializerMethodField(help_text="Its page for people.")

    @extend_schema_field(OpenApiTypes.STR)
    def get_sql(self, run: Run) -> str:
        """Return the statement that runs."""
        return str(run.params.get("sql", ""))

    @extend_schema_field(OpenApiTypes.OBJECT)
    def get_parameters(self, run: Run) -> dict[str, Any]:
        """Return the bound values by name."""
        return dict(run.params.get("parameters") or {})

    @extend_schema_field(QueryColumnSerializer(many=True))
    def get_columns(self, run: Run) -> list[dict[str, str]]:
        """Return names and types, in order."""
        return list(self._evidence.result.columns) if self._evidence else []

    @extend_schema_field({"type": "array", "items": {"type": "array", "items": {}}})
    def get_rows(self, run: Run) -> list[list[Any]]:
        """Return the kept rows."""
        return list(self._evidence.result.rows) if self._evidence else []

    @extend_schema_field(OpenApiTypes.INT)
    def get_row_count(self, run: Run) -> int | None:
        """Return how many rows were read."""
        return self._evidence.row_count if self._evidence else None

    @extend_schema_field(OpenApiTypes.BOOL)
    def get_cut(self, run: Run) -> bool:
        """Say whether rows are missing."""
        return bool(self._evidence and self._evidence.result.cut)

    @extend_schema_field(OpenApiTypes.UUID)
    def get_evidence(self, run: Run) -> str | None:
        """Return the evidence's id."""
        return str(self._evidence.pk) if self._evidence else None

    @extend_schema_field(OpenApiTypes.INT)
    def get_snapshot(self, run: Run) -> int | None:
        """Return the snapshot that was read."""
        return self._evidence.snapshot if self._evidence else None

    @extend_schema_field(OpenApiTypes.INT)
    def get_duration_ms(self, run: Run) -> int | None:
        """Return how long the engine read."""
        return self._evidence.duration_ms if self._evidence else None

    @extend_schema_field(QueryErrorSerializer(allow_null=True))
    def get_error(self, run: Run) -> dict[str, Any] | None:
        """Return class, message and place."""
        if not run.error:
            return None
        place = run.error.get("place") or {}
        told = {"class": run.error.get("class", ""), "message": run.error.get("message", "")}
        return {**told, "line": place.get("line"), "column": place.get("column")}

    @extend_schema_field(OpenApiTypes.URI_REF)
    def get_page(self, run: Run) -> str:
        """Return the path of the page."""
        return reverse("query", args=[run.number])

    @property
    def _evidence(self) -> Evidence | None:
        found: Evidence | None = self.context["evidence"]
        return found
