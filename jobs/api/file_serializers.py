"""What the API shows of source files."""

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from jobs.source_files import FORMATS, Entry

FILE_EXAMPLE = {
    "path": "shop/orders-2026-03.csv",
    "kind": "file",
    "format": "csv",
    "size": 48211,
    "changed_at": "2026-03-01T06:40:00Z",
    "jobs": ["load-orders"],
}


class SourceFileSerializer(serializers.Serializer[Entry]):
    """A file or folder below the folder of source files."""

    path = serializers.CharField(help_text="Below the folder of source files.")
    kind = serializers.SerializerMethodField(help_text="file or folder.")
    format = serializers.ChoiceField(
        choices=["", *FORMATS], help_text="As its name says; empty for what jobs do not read."
    )
    size = serializers.IntegerField(help_text="Bytes.")
    changed_at = serializers.DateTimeField(source="changed")
    jobs = serializers.SerializerMethodField(help_text="Keys of the jobs that read it and that you may see.")

    def get_kind(self, entry: Entry) -> str:
        """Say what it is."""
        return "folder" if entry.is_folder else "file"

    def get_jobs(self, entry: Entry) -> list[str]:
        """Return the keys."""
        return [job.key for job in entry.jobs]


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "A folder", value={"results": [FILE_EXAMPLE], "after": None, "cut": False}, response_only=True
        )
    ]
)
class SourceFilesSerializer(serializers.Serializer[object]):
    """A page of a folder."""

    results = SourceFileSerializer(many=True)
    after = serializers.CharField(allow_null=True, help_text="Where the next page begins; null at the end.")
    cut = serializers.BooleanField(help_text="Whether there is more than is looked through at once.")
