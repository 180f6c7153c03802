"""The API of reports: the list, their editions, and each edition's files."""

from typing import Any

from django.http import FileResponse
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from jobs.access import access_edition, access_edition_file, access_report
from jobs.api.asking import user_of, whole_number
from jobs.api.report_serializers import EditionSerializer, ReportSerializer, WholeEditionSerializer
from jobs.files import file_response
from jobs.models import Job, Run
from jobs.models.job import JobQuerySet
from jobs.models.run import RunQuerySet
from jobs.reports import Edition, Row, edition_of, editions, reports_for, rows_of
from jobs.runners.report.config import MOST_SECTIONS
from portal.api.conditional import respond
from portal.api.problems import Problem

_NOT_THERE = OpenApiResponse(description="There is no such object, or none that you may see.")
_LANGUAGES = ("en", "ko")


class ReportsView(ListAPIView[Job]):
    """The reports that the token's owner may see."""

    required_scopes = {"GET": "reports:read"}
    queryset = JobQuerySet(Job).none()  # The description of the API asks for a model, not for rows.
    serializer_class = ReportSerializer
    filter_backends = ()
    ordering = ("key",)

    def get_queryset(self) -> JobQuerySet:
        """Return the visible reports with what the answer shows of each."""
        return reports_for(user_of(self.request)).select_related("owner").prefetch_related("schedules")

    @extend_schema(operation_id="reports_list", tags=["reports"])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List reports by key, each with its newest edition."""
        page = self.paginate_queryset(self.get_queryset()) or []
        shown = [_report(row) for row in rows_of(page, user_of(request))]
        return self.get_paginated_response(ReportSerializer(shown, many=True).data)


class ReportView(APIView):
    """One report."""

    required_scopes = {"GET": "reports:read"}

    @extend_schema(
        operation_id="reports_read", tags=["reports"], responses={200: ReportSerializer, 404: _NOT_THERE}
    )
    def get(self, request: Request, key: str) -> Response:
        """Read a report with its newest edition."""
        job = access_report(user_of(request), key)
        return respond(request, ReportSerializer(_report(rows_of([job], user_of(request))[0])).data)


class EditionsView(ListAPIView[Run]):
    """The editions of a report."""

    required_scopes = {"GET": "reports:read"}
    queryset = RunQuerySet(Run).none()  # As above.
    serializer_class = EditionSerializer
    filter_backends = ()
    ordering = ("-id",)

    @extend_schema(
        operation_id="reports_editions",
        tags=["reports"],
        responses={200: EditionSerializer(many=True), 404: _NOT_THERE},
    )
    def get(self, request: Request, key: str, *args: Any, **kwargs: Any) -> Response:
        """List the editions of a report, the newest first."""
        found = editions(access_report(user_of(request), key))
        page = self.paginate_queryset(found) or []
        return self.get_paginated_response(EditionSerializer([_edition(run) for run in page], many=True).data)


class EditionView(APIView):
    """One edition."""

    required_scopes = {"GET": "reports:read"}

    @extend_schema(
        operation_id="reports_edition",
        tags=["reports"],
        responses={200: WholeEditionSerializer, 404: _NOT_THERE},
    )
    def get(self, request: Request, key: str, number: int) -> Response:
        """Read an edition: its sections with their figures and evidence, and its files."""
        user = user_of(request)
        run = access_edition(user, key, number)
        return respond(request, WholeEditionSerializer(_whole(edition_of(run, user))).data)


class EditionFileView(APIView):
    """A file of an edition, by its format."""

    required_scopes = {"GET": "reports:read"}

    @extend_schema(
        operation_id="reports_file",
        tags=["reports"],
        parameters=[
            OpenApiParameter("format", OpenApiTypes.STR, OpenApiParameter.PATH, enum=["pdf", "xlsx", "csv"]),
            OpenApiParameter("language", OpenApiTypes.STR, enum=list(_LANGUAGES), description="Of a PDF."),
            OpenApiParameter("section", OpenApiTypes.INT, description="Of a CSV: the section's number."),
        ],
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY, 404: _NOT_THERE},
    )
    def get(self, request: Request, key: str, number: int, format: str) -> FileResponse:  # noqa: A002 - the route's word
        """Download an edition as PDF, spreadsheet or CSV; only for who may see all that it reads."""
        language = request.query_params.get("language", "en")
        if language not in _LANGUAGES:
            raise Problem(400, "There is no such language", "It is en or ko.", kind="problem-validation")
        section = whole_number(request, "section", default=0, most=MOST_SECTIONS)
        return file_response(
            access_edition_file(user_of(request), key, number, format, language=language, section=section)
        )


def _report(row: Row) -> dict[str, Any]:
    job = row.job
    words = ("key", "name_en", "name_ko", "description_en", "description_ko", "enabled")
    return {
        **{name: getattr(job, name) for name in words},
        "owner": job.owner.name if job.owner else "",
        "newest": _edition(row.edition, job) if row.edition else None,
        "page": reverse("report", args=[job.key]),
    }


def _edition(run: Run, job: Job | None = None) -> dict[str, Any]:
    key = (job or run.job).key
    return {
        "number": run.number,
        "run": run.pk,
        "report": key,
        "made_at": run.finished_at,
        "incomplete": bool(run.outputs.get("incomplete")),
        "page": reverse("report_edition", args=[key, run.number]),
    }


def _whole(edition: Edition) -> dict[str, Any]:
    kept = edition.run.outputs.get("sections") or []
    return {
        **_edition(edition.run),
        "sections": [
            {
                "number": number,
                "kind": section.get("kind", "text"),
                **{name: section.get(name, "") for name in ("title_en", "title_ko", "text_en", "text_ko")},
                "failed": (section.get("failed") or {}).get("why", ""),
                "hidden": shown.hidden,
                "evidence": shown.block.evidence.pk if shown.block and not shown.hidden else None,
                "rows": shown.block.evidence.row_count if shown.block and not shown.hidden else None,
                "figure": shown.figure,
            }
            for number, (section, shown) in enumerate(zip(kept, edition.sections, strict=True), start=1)
        ],
        "files": [
            {
                "name": each.artifact.name,
                "media_type": each.artifact.media_type,
                "size": each.artifact.size,
                "sha256": each.artifact.sha256,
                "url": _address(edition.run, each.artifact.name),
            }
            for each in edition.files
        ],
    }


def _address(run: Run, name: str) -> str:
    """Return where a file is downloaded, from its name."""
    stem, _dot, kind = name.rpartition(".")
    last = stem.rpartition("-")[2]
    address = reverse("api_report_file", args=[run.job.key, run.number, kind])
    match kind:
        case "pdf":
            return f"{address}?language={last}"
        case "csv":
            return f"{address}?section={int(last)}" if last.isdigit() else address
    return address
