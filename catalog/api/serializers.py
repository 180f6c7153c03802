"""What the API shows of datasets and metrics, field by field; nothing is shown that is not written here."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from catalog.access import readable
from catalog.models import Column, Dataset, Metric, MetricPoint
from catalog.series import Figure, last_day_of
from catalog.verification import Checked
from portal.evidence.choices import Verdict
from portal.evidence.models import Evidence


class AssetFields(serializers.Serializer[Any]):
    """What datasets and metrics have in common."""

    key = serializers.CharField(source="asset.key")
    name_en = serializers.CharField(source="asset.name_en")
    name_ko = serializers.CharField(source="asset.name_ko", help_text="Empty where nobody has translated it.")
    description_en = serializers.CharField(source="asset.description_en")
    description_ko = serializers.CharField(source="asset.description_ko")
    synonyms = serializers.ListField(source="asset.synonyms", child=serializers.CharField())
    tags = serializers.ListField(source="asset.tags", child=serializers.CharField())
    owner = serializers.CharField(source="asset.owner.name", default=None, help_text="The owner's name.")
    team = serializers.CharField(source="asset.team.key", default=None, help_text="The team's key.")
    certification = serializers.CharField(
        source="asset.certification", help_text="none, certified or deprecated."
    )
    sensitivity = serializers.CharField(
        source="asset.sensitivity", help_text="public, internal, confidential or personal."
    )
    updated_at = serializers.DateTimeField(source="asset.updated_at")


class DatasetSerializer(AssetFields):
    """A dataset in a list."""

    physical_name = serializers.CharField(help_text="Where it lives in the warehouse.")
    row_count = serializers.IntegerField(allow_null=True)
    snapshot = serializers.IntegerField(allow_null=True, help_text="The warehouse's version that holds it.")
    published_at = serializers.DateTimeField(allow_null=True)
    fresh_within = serializers.SerializerMethodField(help_text="Promised age in seconds.")
    is_fresh = serializers.BooleanField(allow_null=True, help_text="Null where nothing is promised.")

    @extend_schema_field({"type": "integer", "nullable": True})
    def get_fresh_within(self, dataset: Dataset) -> int | None:
        """Return the promise in seconds."""
        return int(dataset.fresh_within.total_seconds()) if dataset.fresh_within else None


class ColumnSerializer(serializers.ModelSerializer[Column]):
    """A column with its profile as of the last publish."""

    class Meta:
        model = Column
        fields = [
            "name",
            "data_type",
            "description_en",
            "description_ko",
            "personal",
            "null_fraction",
            "distinct_count",
            "minimum",
            "maximum",
        ]


class NodeSerializer(serializers.Serializer[Any]):
    """A neighbour in the lineage."""

    kind = serializers.CharField(help_text="source, job, dataset or metric.")
    key = serializers.CharField()
    # DRF takes declared fields off the class, so the base's own ``label`` is not hidden.
    label = serializers.CharField(help_text="Its name in the caller's language.")  # type: ignore[assignment]


class LineageSerializer(serializers.Serializer[Any]):
    """One step up and down, as far as the token's owner may see."""

    upstream = NodeSerializer(many=True)
    downstream = NodeSerializer(many=True)


class CheckSerializer(serializers.Serializer[Any]):
    """A check of the last publish."""

    name = serializers.CharField()
    passed = serializers.BooleanField()
    blocking = serializers.BooleanField(default=True, help_text="False where failing it only warns.")
    observed = serializers.CharField(default="")
    expected = serializers.CharField(default="")


class DatasetDetailSerializer(DatasetSerializer):
    """A dataset with its columns, checks and lineage; never with rows."""

    columns = ColumnSerializer(many=True)
    checks = CheckSerializer(many=True)
    lineage = serializers.SerializerMethodField()

    @extend_schema_field(LineageSerializer)
    def get_lineage(self, dataset: Dataset) -> Any:
        """Return the step that the view has looked up."""
        return LineageSerializer(self.context["step"]).data


class PointSerializer(serializers.ModelSerializer[MetricPoint]):
    """The value over one period, in the metric's own unit (a share is 0–1)."""

    ends_on = serializers.SerializerMethodField(help_text="The period's last day.")
    version = serializers.IntegerField(
        source="version.number", help_text="The definition's version it was computed by."
    )
    evidence = serializers.UUIDField(source="evidence_id", help_text="How it came about.")

    class Meta:
        model = MetricPoint
        fields = ["grain", "starts_on", "ends_on", "value", "sample", "version", "evidence"]

    @extend_schema_field(OpenApiTypes.DATE)
    def get_ends_on(self, point: MetricPoint) -> str:
        """Return the last day that belongs to the period."""
        return last_day_of(point.starts_on, point.grain).isoformat()


class LatestSerializer(serializers.Serializer[Figure]):
    """The newest complete figure, beside its target and the period it is compared with."""

    grain = serializers.CharField()
    starts_on = serializers.DateField(source="point.starts_on")
    ends_on = serializers.SerializerMethodField()
    value = serializers.FloatField()
    sample = serializers.IntegerField(source="point.sample", allow_null=True)
    target = serializers.FloatField(allow_null=True)
    is_met = serializers.BooleanField(allow_null=True, help_text="Null without a target.")
    change = serializers.FloatField(allow_null=True, help_text="Value less the value compared with.")

    @extend_schema_field(OpenApiTypes.DATE)
    def get_ends_on(self, figure: Figure) -> str:
        """Return the last day that belongs to the period."""
        return last_day_of(figure.point.starts_on, figure.grain).isoformat()


class MetricSerializer(AssetFields):
    """A metric with its newest complete figure."""

    version = serializers.IntegerField(source="version.number", default=None)
    refreshed_at = serializers.DateTimeField(allow_null=True)
    unit = serializers.SerializerMethodField(help_text="percent, number, minutes or currency.")
    latest = serializers.SerializerMethodField(help_text="Null before the first complete period.")

    @extend_schema_field({"type": "string", "nullable": True})
    def get_unit(self, metric: Metric) -> str | None:
        """Return the kind of unit."""
        return metric.version.parsed.unit.kind if metric.version else None

    @extend_schema_field(LatestSerializer(allow_null=True))
    def get_latest(self, metric: Metric) -> Any:
        """Return the figure that the view has looked up."""
        glance = self.context["glances"].get(metric.pk)
        return LatestSerializer(glance.figure).data if glance else None


class ChangedTableSerializer(serializers.Serializer[Any]):
    """A table that holds something else than when the figure was computed."""

    name = serializers.CharField()
    rows_before = serializers.IntegerField(allow_null=True)
    rows_after = serializers.IntegerField(allow_null=True, help_text="Null where the table is gone.")


class VerificationSerializer(serializers.Serializer[Checked]):
    """What came out when the newest figure was computed again."""

    verdict = serializers.ChoiceField(choices=Verdict.choices)
    checked_at = serializers.DateTimeField(source="verification.checked_at")
    snapshot = serializers.IntegerField(
        source="verification.snapshot",
        allow_null=True,
        help_text="The newest snapshot it was compared with; null where the warehouse keeps no history.",
    )
    is_current = serializers.BooleanField(
        help_text="False where data or definition have changed since: then verify again."
    )
    before = serializers.FloatField(allow_null=True, help_text="The value as it is shown.")
    after = serializers.FloatField(allow_null=True, help_text="The value as it was computed again.")
    changed_tables = ChangedTableSerializer(many=True, source="tables")
    evidence = serializers.UUIDField(source="verification.evidence_id")


class MetricDetailSerializer(MetricSerializer):
    """A metric with its whole definition, where it comes from and whether its figure came out again."""

    definition = serializers.SerializerMethodField(
        help_text="As it is kept, with people by name; null before the first version."
    )
    definition_hash = serializers.CharField(source="version.definition_hash", default=None)
    verification = serializers.SerializerMethodField(
        help_text="The newest verdict on the latest figure; null before the first."
    )
    lineage = serializers.SerializerMethodField()

    @extend_schema_field(OpenApiTypes.OBJECT)
    def get_definition(self, metric: Metric) -> Any:
        """Return the definition in force."""
        return readable(metric.version.parsed) if metric.version else None

    @extend_schema_field(LineageSerializer)
    def get_lineage(self, metric: Metric) -> Any:
        """Return the step that the view has looked up."""
        return LineageSerializer(self.context["step"]).data

    @extend_schema_field(VerificationSerializer(allow_null=True))
    def get_verification(self, metric: Metric) -> Any:
        """Return the verdict that the view has looked up."""
        found = self.context["checked"]
        return VerificationSerializer(found).data if found else None


class EvidenceColumnSerializer(serializers.Serializer[Any]):
    """A column of a result."""

    name = serializers.CharField()
    type = serializers.CharField(help_text="In the engine's own words.")


class EvidenceSerializer(serializers.Serializer[Evidence]):
    """A query with all that is needed to run it again, and what it gave."""

    id = serializers.UUIDField()
    sql = serializers.CharField()
    parameters = serializers.JSONField()
    dialect = serializers.CharField()
    engine = serializers.CharField()
    snapshot = serializers.IntegerField(
        allow_null=True, help_text="The warehouse's version that the query read; null where it keeps none."
    )
    tables = serializers.ListField(child=serializers.CharField())
    computed_at = serializers.DateTimeField()
    duration_ms = serializers.IntegerField()
    row_count = serializers.IntegerField()
    result_hash = serializers.CharField(help_text="SHA-256 over columns and rows.")
    columns = EvidenceColumnSerializer(many=True, source="result.columns", default=None)
    rows = serializers.ListField(
        source="result.rows",
        child=serializers.ListField(),
        default=None,
        help_text="The first rows, as many as are kept; null where the value stands in a metric's points.",
    )
    verdict = serializers.SerializerMethodField(help_text="The newest verdict; null before the first.")
    verified_at = serializers.SerializerMethodField()

    @extend_schema_field({"type": "string", "nullable": True, "enum": [*Verdict.values, None]})
    def get_verdict(self, evidence: Evidence) -> str | None:
        """Return the newest verdict's word."""
        newest = self.context["newest"]
        return newest.verdict if newest else None

    @extend_schema_field(OpenApiTypes.DATETIME)
    def get_verified_at(self, evidence: Evidence) -> Any:
        """Return when that was."""
        newest = self.context["newest"]
        return newest.checked_at if newest else None
