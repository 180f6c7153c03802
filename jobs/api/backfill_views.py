"""The API of backfills: plan, start, follow and steer them."""

from typing import Protocol

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, PolymorphicProxySerializer, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from jobs.access import access_backfill, access_job
from jobs.actions import backfills
from jobs.api.asking import or_problem, token_for, unfit, user_of
from jobs.api.backfill_serializers import (
    BackfillSerializer,
    BackfillSummarySerializer,
    BackfillWishSerializer,
    PlanSerializer,
)
from jobs.exceptions import FieldError
from jobs.history import partition_states
from jobs.models import Backfill
from portal.accounts.permissions import Permission
from portal.api.idempotency import idempotency_key
from portal.audit.actions import Actor, actor_of

_NOT_THERE = OpenApiResponse(description="There is no such job or backfill for you.")
_NOT_ALLOWED = OpenApiResponse(description="Your role or token does not allow this.")
_REFUSED = OpenApiResponse(description="It does not fit; errors says why, field by field.")
_DISABLED = OpenApiResponse(description="The job is switched off.")
_STEERED = {200: BackfillSerializer, 403: _NOT_ALLOWED, 404: _NOT_THERE, 409: _DISABLED}


class JobBackfillsView(APIView):
    """The backfills of a job."""

    required_scopes = {"GET": "jobs:read", "POST": "jobs:run"}

    @extend_schema(
        operation_id="backfills_list",
        tags=["backfills"],
        responses={200: BackfillSummarySerializer(many=True), 404: _NOT_THERE},
    )
    def get(self, request: Request, key: str) -> Response:
        """List the newest fifty backfills of a job."""
        job = access_job(user_of(request), key)
        newest = list(job.backfills.select_related("job", "requested_by")[:50])
        context = {"states": partition_states([each.pk for each in newest])}
        return Response(BackfillSummarySerializer(newest, many=True, context=context).data)

    @extend_schema(
        operation_id="backfills_start",
        tags=["backfills"],
        request=BackfillWishSerializer,
        parameters=[
            OpenApiParameter(
                "Idempotency-Key",
                str,
                OpenApiParameter.HEADER,
                description="Needed to start: the same key starts one backfill of the job.",
            )
        ],
        responses={
            200: OpenApiResponse(
                PolymorphicProxySerializer(
                    "PlanOrBackfill", [PlanSerializer, BackfillSerializer], resource_type_field_name=None
                ),
                description="With dry_run: what would run; else what the key has started before.",
            ),
            201: OpenApiResponse(BackfillSerializer, description="Its runs are queued."),
            403: _NOT_ALLOWED,
            404: _NOT_THERE,
            409: _DISABLED,
            422: _REFUSED,
        },
    )
    def post(self, request: Request, key: str) -> Response:
        """Queue a run for each partition of a range; with ``dry_run`` only list them."""
        job = access_job(user_of(request), key, for_=Permission.RUN_JOBS)
        token = token_for(request, job)
        body = BackfillWishSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        if body.validated_data["dry_run"]:
            planned = or_problem(lambda: backfills.plan(job=job, wish=body.wish()))
            return Response(PlanSerializer({"partitions": planned}).data)
        once = idempotency_key(request)
        if once is None:
            missing = FieldError(field="Idempotency-Key", message="Send a key of your own choice.")
            raise unfit([missing], "A key is missing")
        backfill, created = or_problem(
            lambda: backfills.start(
                job=job,
                wish=body.wish(),
                once=f"token:{token.pk}:{job.pk}:{once}",
                by=actor_of(request),
                requested_by=token.owner,
            )
        )
        return Response(BackfillSerializer(backfill).data, status=201 if created else 200)


class BackfillView(APIView):
    """One backfill."""

    required_scopes = {"GET": "jobs:read"}

    @extend_schema(
        operation_id="backfills_read",
        tags=["backfills"],
        responses={200: BackfillSerializer, 404: _NOT_THERE},
    )
    def get(self, request: Request, backfill_id: int) -> Response:
        """Read how far a backfill is."""
        return Response(BackfillSerializer(access_backfill(user_of(request), backfill_id)).data)


class BackfillPauseView(APIView):
    """The way to pause a backfill."""

    required_scopes = {"POST": "jobs:run"}

    @extend_schema(operation_id="backfills_pause", tags=["backfills"], request=None, responses=_STEERED)
    def post(self, request: Request, backfill_id: int) -> Response:
        """Let no more of its runs start; what runs goes on."""
        return _steer(request, backfill_id, backfills.pause, Permission.RUN_JOBS)


class BackfillResumeView(APIView):
    """The way to resume a backfill."""

    required_scopes = {"POST": "jobs:run"}

    @extend_schema(operation_id="backfills_resume", tags=["backfills"], request=None, responses=_STEERED)
    def post(self, request: Request, backfill_id: int) -> Response:
        """Let its runs start again."""
        return _steer(request, backfill_id, backfills.resume, Permission.RUN_JOBS)


class BackfillCancelView(APIView):
    """The way to cancel a backfill."""

    required_scopes = {"POST": "jobs:run"}

    @extend_schema(operation_id="backfills_cancel", tags=["backfills"], request=None, responses=_STEERED)
    def post(self, request: Request, backfill_id: int) -> Response:
        """End what waits and ask what runs to stop."""
        return _steer(request, backfill_id, backfills.cancel, Permission.CANCEL_RUNS)


class BackfillAgainView(APIView):
    """The way to repeat what failed."""

    required_scopes = {"POST": "jobs:run"}

    @extend_schema(operation_id="backfills_again", tags=["backfills"], request=None, responses=_STEERED)
    def post(self, request: Request, backfill_id: int) -> Response:
        """Queue each partition again whose newest run did not succeed."""
        return _steer(request, backfill_id, backfills.run_failed_again, Permission.RUN_JOBS)


class _Steer(Protocol):
    def __call__(self, *, backfill: Backfill, by: Actor) -> object: ...


def _steer(request: Request, backfill_id: int, act: _Steer, permission: Permission) -> Response:
    backfill = access_backfill(user_of(request), backfill_id, for_=permission)
    token_for(request, backfill.job)
    or_problem(lambda: act(backfill=backfill, by=actor_of(request)))
    return Response(BackfillSerializer(access_backfill(user_of(request), backfill_id)).data)
