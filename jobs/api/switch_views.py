"""The API that switches jobs on and off."""

from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from jobs.access import access_job
from jobs.actions import definitions
from jobs.api.asking import user_of
from jobs.api.serializers import JobSerializer
from jobs.api.views import beside
from jobs.exceptions import DefinedElsewhere
from portal.accounts.permissions import Permission
from portal.api.problems import Problem
from portal.audit.actions import actor_of

_ANSWERS = {
    200: JobSerializer,
    403: OpenApiResponse(description="Your role or token does not allow this."),
    404: OpenApiResponse(description="There is no such job for you."),
}


class JobEnableView(APIView):
    """The way to switch a job on."""

    required_scopes = {"POST": "jobs:edit"}

    @extend_schema(
        operation_id="jobs_enable",
        tags=["jobs"],
        request=None,
        responses={**_ANSWERS, 409: OpenApiResponse(description="No file defines the job any more.")},
    )
    def post(self, request: Request, key: str) -> Response:
        """Switch a job on; its schedules go on from their next slots. One that is on stays as it is."""
        return _switched(request, key, enabled=True)


class JobDisableView(APIView):
    """The way to switch a job off."""

    required_scopes = {"POST": "jobs:edit"}

    @extend_schema(operation_id="jobs_disable", tags=["jobs"], request=None, responses=_ANSWERS)
    def post(self, request: Request, key: str) -> Response:
        """Switch a job off: nothing starts it, what waits is skipped, what runs goes on to its end."""
        return _switched(request, key, enabled=False)


def _switched(request: Request, key: str, *, enabled: bool) -> Response:
    job = access_job(user_of(request), key, for_=Permission.EDIT_JOBS)
    try:
        definitions.switch(job=job, enabled=enabled, by=actor_of(request))
    except DefinedElsewhere as error:
        told = _("No file defines this job any more: it comes back with its file.")
        raise Problem(409, "It is defined elsewhere", told) from error
    job.refresh_from_db(fields=["enabled"])
    return Response(JobSerializer(job, context=beside(request, [job])).data)
