"""What the API shows of reports and their editions."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

EDITION_EXAMPLE = {
    "number": 1291,
    "run": "01939f6e-5e7a-7c3a-9b1d-3f0f7f2f8a10",
    "report": "flights-month-by-month",
    "made_at": "2026-03-01T06:40:00Z",
    "incomplete": False,
    "page": "/reports/flights-month-by-month/1291/",
}
REPORT_EXAMPLE = {
    "key": "flights-month-by-month",
    "name_en": "Flights, month by month",
    "name_ko": "월별 운항 현황",
    "description_en": "How punctual the flights of New York were.",
    "description_ko": "",
    "owner": "Ben Cho",
    "enabled": True,
    "newest": EDITION_EXAMPLE,
    "page": "/reports/flights-month-by-month/",
}


@extend_schema_serializer(examples=[OpenApiExample("An edition", value=EDITION_EXAMPLE)])
class EditionSerializer(serializers.Serializer[Any]):
    """An edition of a report: ``incomplete`` where a section could not be computed."""

    number = serializers.IntegerField(help_text="The number of the run that made it.")
    run = serializers.UUIDField()
    report = serializers.CharField()
    made_at = serializers.DateTimeField()
    incomplete = serializers.BooleanField()
    page = serializers.CharField()


@extend_schema_serializer(examples=[OpenApiExample("A report", value=REPORT_EXAMPLE)])
class ReportSerializer(serializers.Serializer[Any]):
    """A report with its newest edition."""

    key = serializers.CharField()
    name_en = serializers.CharField()
    name_ko = serializers.CharField(allow_blank=True)
    description_en = serializers.CharField(allow_blank=True)
    description_ko = serializers.CharField(allow_blank=True)
    owner = serializers.CharField(allow_blank=True)
    enabled = serializers.BooleanField()
    newest = EditionSerializer(allow_null=True)
    page = serializers.CharField()


class FigureSerializer(serializers.Serializer[Any]):
    """The figure of a metric: ``change`` against the period before, in the metric's own unit."""

    period = serializers.CharField()
    value = serializers.FloatField()
    change = serializers.FloatField(allow_null=True)


class EditionSectionSerializer(serializers.Serializer[Any]):
    """A section: its text, its figure, or its evidence; ``hidden`` where it rests on data you may not see."""

    number = serializers.IntegerField()
    kind = serializers.CharField(help_text="text, query or metric.")
    title_en = serializers.CharField(allow_blank=True)
    title_ko = serializers.CharField(allow_blank=True)
    text_en = serializers.CharField(allow_blank=True)
    text_ko = serializers.CharField(allow_blank=True)
    failed = serializers.CharField(allow_blank=True, help_text="Why it could not be computed, as one word.")
    hidden = serializers.BooleanField()
    evidence = serializers.UUIDField(allow_null=True)
    rows = serializers.IntegerField(allow_null=True, help_text="How many rows it has.")
    figure = FigureSerializer(allow_null=True)


class EditionFileSerializer(serializers.Serializer[Any]):
    """A file of an edition: its size in bytes, its SHA-256 in hexadecimal, where it is downloaded."""

    name = serializers.CharField()
    media_type = serializers.CharField()
    size = serializers.IntegerField()
    sha256 = serializers.CharField()
    url = serializers.CharField()


class WholeEditionSerializer(EditionSerializer):
    """An edition with its sections and files; no files where it holds rows that you may not see."""

    sections = EditionSectionSerializer(many=True)
    files = EditionFileSerializer(many=True)
