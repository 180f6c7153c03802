"""The API of a job's history: the versions of its definition, and going back to one."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from jobs.access import access_job, access_version
from jobs.actions import definitions
from jobs.api.asking import user_of
from jobs.api.definition_views import ANSWERS, IF_MATCH, SHOWN, changed, named_version, told
from jobs.api.serializers import VersionSerializer, VersionSummarySerializer
from jobs.models import JobVersion
from portal.accounts.permissions import Permission
from portal.audit.actions import actor_of


class VersionsView(ListAPIView[JobVersion]):
    """The versions of a job's definition."""

    required_scopes = {"GET": "jobs:write"}
    queryset: QuerySet[JobVersion] = QuerySet(
        JobVersion
    ).none()  # The description of the API asks for a model, not for rows.
    serializer_class = VersionSummarySerializer
    ordering = ("-number",)

    @extend_schema(
        operation_id="jobs_versions",
        tags=["jobs"],
        responses={200: VersionSummarySerializer(many=True), 403: ANSWERS[403], 404: ANSWERS[404]},
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List the versions of a job's definition, the newest first."""
        job = access_job(user_of(request), kwargs["key"], for_=Permission.EDIT_JOBS)
        page = self.paginate_queryset(job.versions.all()) or []
        return self.get_paginated_response(VersionSummarySerializer(page, many=True).data)


class VersionView(APIView):
    """One version."""

    required_scopes = {"GET": "jobs:write"}

    @extend_schema(
        operation_id="jobs_version",
        tags=["jobs"],
        responses={200: VersionSerializer, 403: ANSWERS[403], 404: ANSWERS[404]},
    )
    def get(self, request: Request, key: str, number: int) -> Response:
        """Read the definition that a version keeps."""
        version = access_version(user_of(request), key, number)
        context = {"definition": told(version.definition, user_of(request))}
        return Response(VersionSerializer(version, context=context).data)


class VersionRestoreView(APIView):
    """The way back to a version."""

    required_scopes = {"POST": "jobs:write"}

    @extend_schema(
        operation_id="jobs_version_restore",
        tags=["jobs"],
        request=None,
        parameters=[IF_MATCH],
        responses={200: SHOWN, **ANSWERS},
    )
    def post(self, request: Request, key: str, number: int) -> Response:
        """Make an earlier version the newest again, as a version of its own; answers the definition."""
        user = user_of(request)
        version = access_version(user, key, number)
        read = named_version(request)
        return changed(
            request,
            lambda: definitions.restore(
                job=version.job, number=number, version=read, user=user, by=actor_of(request)
            ),
        )
