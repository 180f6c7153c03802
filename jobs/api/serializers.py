"""What the API shows of jobs and runs, field by field; nothing is shown that is not written here."""

from typing import Any

from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from jobs.choices import ErrorClass, RunState, Source, Trigger
from jobs.models import Artifact, Job, JobVersion, Run, Schedule
from jobs.progress import fraction_of
from portal.api.serializers import StrictSerializer

RUN_EXAMPLE = {
    "id": "01939f6e-5e7a-7c3a-9b1d-3f0f7f2f8a10",
    "number": 1291,
    "job": "load-flights",
    "job_version": 3,
    "state": "running",
    "reason": "",
    "trigger": "api",
    "params": {"airport": "JFK"},
    "requested_by": "Dan Seo",
    "attempt": 1,
    "max_attempts": 3,
    "progress": {"step": "stage", "fraction": 0.4, "note": "flights.csv"},
    "elsewhere": None,
    "outputs": {},
    "error": None,
    "rerun_of": None,
    "cancel_requested": False,
    "created_at": "2026-03-01T06:40:00Z",
    "started_at": "2026-03-01T06:40:00Z",
    "finished_at": None,
    "page": "/runs/1291/",
}


JOB_EXAMPLE = {
    "key": "load-flights",
    "name_en": "Load flights",
    "name_ko": "항공편 적재",
    "description_en": "Reads the flights of 2013 into the lake.",
    "description_ko": "2013년 항공편을 레이크로 읽어 들여요.",
    "kind": "python",
    "enabled": True,
    "version": 3,
    "owner": "Dan Seo",
    "team": "data",
    "pool": "default",
    "timeout": 600,
    "max_attempts": 3,
    "max_active_runs": 1,
    "parameters_schema": {
        "type": "object",
        "properties": {"airport": {"enum": ["EWR", "JFK", "LGA"], "default": "JFK"}},
    },
    "defined_in": "code",
    "definition": None,
    "schedules": [
        {
            "cron": "10 6 * * *",
            "zone": "Asia/Seoul",
            "interval": None,
            "enabled": True,
            "next_slot": "2026-03-01T21:10:00Z",
            "params": {},
        }
    ],
    "last_run": {
        "id": RUN_EXAMPLE["id"],
        "number": 1291,
        "state": "running",
        "created_at": "2026-03-01T06:40:00Z",
        "started_at": "2026-03-01T06:40:00Z",
        "finished_at": None,
    },
}


class ScheduleSerializer(serializers.ModelSerializer[Schedule]):
    """When a job starts by itself."""

    class Meta:
        model = Schedule
        fields = ["cron", "zone", "interval", "enabled", "next_slot", "params"]


class LastRunSerializer(serializers.ModelSerializer[Run]):
    """A run in short."""

    class Meta:
        model = Run
        fields = ["id", "number", "state", "created_at", "started_at", "finished_at"]


@extend_schema_serializer(examples=[OpenApiExample("A scheduled job", value=JOB_EXAMPLE, response_only=True)])
class JobSerializer(serializers.ModelSerializer[Job]):
    """A job, its parameters as JSON Schema (2020-12), its schedules and its last run."""

    owner = serializers.CharField(source="owner.name", default=None, help_text="The owner's name.")
    team = serializers.CharField(source="team.key", default=None, help_text="The team's key.")
    pool = serializers.CharField(source="pool.key")
    parameters_schema = serializers.DictField(read_only=True)
    schedules = ScheduleSerializer(many=True)
    defined_in = serializers.ChoiceField(
        source="source", choices=Source.choices, help_text="Where its definition is changed."
    )
    definition = serializers.SerializerMethodField(
        help_text="To a token with jobs:write whose owner may edit the job; null to others."
    )
    last_run = serializers.SerializerMethodField()

    class Meta:
        model = Job
        fields = [
            "key",
            "name_en",
            "name_ko",
            "description_en",
            "description_ko",
            "kind",
            "enabled",
            "version",
            "owner",
            "team",
            "pool",
            "timeout",
            "max_attempts",
            "max_active_runs",
            "parameters_schema",
            "defined_in",
            "definition",
            "schedules",
            "last_run",
        ]

    @extend_schema_field(OpenApiTypes.OBJECT)
    def get_definition(self, job: Job) -> dict[str, Any] | None:
        """Return the newest version of the definition, read for all jobs of the answer at once."""
        found: dict[str, Any] | None = self.context["definitions"].get(job.pk)
        return found

    @extend_schema_field(LastRunSerializer(allow_null=True))
    def get_last_run(self, job: Job) -> Any:
        """Return the job's newest run, read for all jobs of the answer at once."""
        runs = self.context["last_runs"].get(job.pk)
        return LastRunSerializer(runs[-1]).data if runs else None


class RunErrorSerializer(serializers.Serializer[dict[str, Any]]):
    """Whose fault a failure was, and what it said."""

    vars()["class"] = serializers.CharField(help_text=f"One of {', '.join(ErrorClass.values)}.")
    message = serializers.CharField()


class ProgressSerializer(serializers.Serializer[dict[str, Any]]):
    """What a run does now and how far it says it is."""

    step = serializers.CharField(allow_blank=True)
    fraction = serializers.FloatField(allow_null=True, help_text="0 to 1; null where it is not known.")
    note = serializers.CharField(allow_blank=True)


class ElsewhereSerializer(serializers.Serializer[dict[str, Any]]):
    """What of a run goes on, or went on, in another system."""

    system = serializers.CharField(help_text="For example Airflow.")
    id = serializers.CharField(help_text="What it is called there.")
    url = serializers.CharField(allow_blank=True, help_text="Its page there.")


@extend_schema_serializer(examples=[OpenApiExample("A running run", value=RUN_EXAMPLE, response_only=True)])
class RunSerializer(serializers.ModelSerializer[Run]):
    """A run; times are UTC."""

    job = serializers.CharField(source="job.key")
    state = serializers.ChoiceField(choices=RunState.choices)
    trigger = serializers.ChoiceField(choices=Trigger.choices)
    reason = serializers.CharField(help_text="Why it is where it is, where the state alone does not say.")
    params = serializers.DictField(read_only=True)
    outputs = serializers.SerializerMethodField(help_text="Without what you may not see of the catalog.")
    requested_by = serializers.CharField(source="requested_by.name", default=None)
    rerun_of = serializers.UUIDField(source="rerun_of_id", allow_null=True)
    progress = serializers.SerializerMethodField()
    elsewhere = serializers.SerializerMethodField(help_text="Null where all of it is done here.")
    error = serializers.SerializerMethodField()
    cancel_requested = serializers.SerializerMethodField()
    page = serializers.SerializerMethodField(help_text="The run's page for people.")

    class Meta:
        model = Run
        fields = list(RUN_EXAMPLE)

    @extend_schema_field(OpenApiTypes.OBJECT)
    def get_outputs(self, run: Run) -> dict[str, Any]:
        """Return what it brought about, judged by its reader for all runs of the answer at once."""
        found: dict[str, Any] = self.context["outputs"][run.pk]
        return found

    @extend_schema_field(ProgressSerializer)
    def get_progress(self, run: Run) -> dict[str, Any]:
        """Return the step under way, the fraction and the note."""
        return {
            "step": run.progress.get("step") or "",
            "fraction": fraction_of(run.progress),
            "note": run.progress.get("note") or "",
        }

    @extend_schema_field(ElsewhereSerializer(allow_null=True))
    def get_elsewhere(self, run: Run) -> dict[str, Any] | None:
        """Return what it is called in the other system, without what the next look needs to know."""
        if not run.elsewhere:
            return None
        return {name: str(run.elsewhere.get(name) or "") for name in ("system", "id", "url")}

    @extend_schema_field(RunErrorSerializer(allow_null=True))
    def get_error(self, run: Run) -> dict[str, Any] | None:
        """Return class and message; the traceback stays on the page, for those who mend it."""
        if not run.error:
            return None
        return {"class": run.error.get("class", ""), "message": run.error.get("message", "")}

    @extend_schema_field(OpenApiTypes.BOOL)
    def get_cancel_requested(self, run: Run) -> bool:
        """Say whether somebody asked it to stop."""
        return run.cancel_requested_at is not None

    @extend_schema_field(OpenApiTypes.URI_REF)
    def get_page(self, run: Run) -> str:
        """Return the path of the page."""
        return reverse("run", args=[run.number])


class TriggerSerializer(StrictSerializer):
    """The body of a trigger."""

    params = serializers.DictField(required=False, help_text="The job's parameters, by name.")


class AgainSerializer(StrictSerializer):
    """The body of a repetition."""

    params = serializers.DictField(
        required=False, help_text="What shall differ, by name; all else stays as it was."
    )


class VersionSummarySerializer(serializers.ModelSerializer[JobVersion]):
    """A version of a job's definition in a list: when it was made, and by whom."""

    restored_from = serializers.IntegerField(
        allow_null=True, help_text="The earlier version that it brought back."
    )

    class Meta:
        model = JobVersion
        fields = ["number", "created_at", "made_by", "restored_from"]


class VersionSerializer(VersionSummarySerializer):
    """A version with the definition that it keeps."""

    definition = serializers.SerializerMethodField(help_text="As PUT of the definition takes it.")

    class Meta:
        model = JobVersion
        fields = [*VersionSummarySerializer.Meta.fields, "definition"]

    @extend_schema_field(OpenApiTypes.OBJECT)
    def get_definition(self, _version: JobVersion) -> dict[str, Any]:
        """Return the definition, judged by its reader."""
        shown: dict[str, Any] = self.context["definition"]
        return shown


class LogLineSerializer(serializers.Serializer[Any]):
    """One line of a log."""

    number = serializers.IntegerField(help_text="Counts from 1 within the run.")
    at = serializers.DateTimeField()
    level = serializers.ChoiceField(choices=["debug", "info", "warn", "error"])
    message = serializers.CharField()


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "The first piece",
            value={
                "lines": [
                    {
                        "number": 1,
                        "at": "2026-03-01T06:40:01Z",
                        "level": "info",
                        "message": "flights.csv: 31,053,850 bytes",
                    }
                ],
                "next_after": 1,
                "ended": False,
            },
            response_only=True,
        )
    ]
)
class LogSerializer(serializers.Serializer[Any]):
    """A piece of a log: ask again with ``after=next_after`` until ``ended``."""

    lines = LogLineSerializer(many=True)
    next_after = serializers.IntegerField()
    ended = serializers.BooleanField(help_text="Whether the run has ended and this was its last piece.")


class ArtifactSerializer(serializers.ModelSerializer[Artifact]):
    """A file that a run keeps: its size in bytes, its SHA-256 in hexadecimal, where it is downloaded."""

    url = serializers.SerializerMethodField()

    class Meta:
        model = Artifact
        fields = ["id", "name", "media_type", "size", "sha256", "created_at", "url"]
        read_only_fields = fields

    def get_url(self, artifact: Artifact) -> str:
        """Return the path of the file itself."""
        return reverse("api_run_artifact", args=[artifact.run_id, artifact.pk])
