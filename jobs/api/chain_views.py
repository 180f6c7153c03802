"""The API of chains: what came after a run."""

from typing import cast
from uuid import UUID

from django.core.exceptions import PermissionDenied
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from jobs.access import access_run
from jobs.actions import runs
from jobs.api.serializers import RunSerializer
from jobs.api.views import ONCE, RUN
from jobs.choices import Trigger
from jobs.outputs import seen_outputs
from portal.accounts.models import ApiToken
from portal.accounts.permissions import Permission
from portal.api.idempotency import idempotency_key
from portal.audit.actions import actor_of


class RunAgainAfterView(APIView):
    """The way to let a chain go on from where it failed."""

    required_scopes = {"POST": "jobs:run"}

    @extend_schema(
        operation_id="runs_again_after",
        tags=["runs"],
        request=None,
        parameters=[RUN, ONCE],
        responses={
            200: OpenApiResponse(RunSerializer(many=True), description="The runs that this has started."),
            403: OpenApiResponse(description="It takes the scope for all jobs, not for one."),
            404: OpenApiResponse(description="There is no such run for you."),
        },
    )
    def post(self, request: Request, run_id: UUID | int) -> Response:
        """Start again what failed in the jobs that came after a run; what succeeded stays as it is.

        The same failure is repeated once, however often this is sent; under one Idempotency-Key the same runs
        are answered again, whatever became of them. Jobs that the token's owner may not
        run, that were switched off, or that take other parameters by now, are left out.
        """
        token = cast("ApiToken", request.auth)
        if "jobs:run" not in token.scopes:
            raise PermissionDenied
        first = access_run(token.owner, run_id, for_=Permission.RUN_JOBS)
        started = runs.run_failed_again(
            after=first,
            by=actor_of(request),
            how=Trigger.API,
            requested_by=token.owner,
            principal=f"token:{token.pk}",
            once=idempotency_key(request),
        )
        context = {"outputs": seen_outputs(started, token.owner)}
        return Response(RunSerializer(started, many=True, context=context).data)
