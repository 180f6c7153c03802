"""The API of when a job starts by itself: schedules and new data."""

from typing import Any

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from jobs.access import access_job, access_schedule, access_trigger, watched_keys
from jobs.actions import data_triggers, schedules
from jobs.api.asking import or_problem, user_of
from jobs.api.schedule_serializers import (
    DataTriggerSerializer,
    DataTriggerWishSerializer,
    ScheduleDetailSerializer,
    ScheduleWishSerializer,
)
from jobs.engine.slots import database_now
from jobs.models import DataTrigger
from portal.accounts.permissions import Permission
from portal.audit.actions import actor_of

_NOT_THERE = OpenApiResponse(description="There is no such job or schedule for you.")
_NOT_ALLOWED = OpenApiResponse(description="Your role or token does not allow this.")
_REFUSED = OpenApiResponse(description="It does not fit; errors says why, field by field.")
_IN_CODE = OpenApiResponse(description="The job's definition states it.")


class SchedulesView(APIView):
    """The schedules of a job."""

    required_scopes = {"GET": "jobs:read", "POST": "jobs:edit"}

    @extend_schema(
        operation_id="schedules_list",
        tags=["jobs"],
        responses={200: ScheduleDetailSerializer(many=True), 404: _NOT_THERE},
    )
    def get(self, request: Request, key: str) -> Response:
        """List when the job starts by itself."""
        job = access_job(user_of(request), key)
        context = {"now": database_now()}
        return Response(ScheduleDetailSerializer(job.schedules.all(), many=True, context=context).data)

    @extend_schema(
        operation_id="schedules_add",
        tags=["jobs"],
        request=ScheduleWishSerializer,
        responses={201: ScheduleDetailSerializer, 403: _NOT_ALLOWED, 404: _NOT_THERE, 422: _REFUSED},
    )
    def post(self, request: Request, key: str) -> Response:
        """Give the job one more schedule."""
        job = access_job(user_of(request), key, for_=Permission.EDIT_JOBS)
        body = ScheduleWishSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        made = or_problem(lambda: schedules.add(job=job, wish=body.wish(), by=actor_of(request)))
        return Response(ScheduleDetailSerializer(made).data, status=201)


class ScheduleView(APIView):
    """One schedule of a job."""

    required_scopes = {"GET": "jobs:read", "PATCH": "jobs:edit", "DELETE": "jobs:edit"}

    @extend_schema(
        operation_id="schedules_read",
        tags=["jobs"],
        responses={200: ScheduleDetailSerializer, 404: _NOT_THERE},
    )
    def get(self, request: Request, key: str, schedule_id: int) -> Response:
        """Read a schedule with its next five starts."""
        schedule = access_schedule(user_of(request), key, schedule_id, for_=Permission.VIEW_JOBS)
        return Response(ScheduleDetailSerializer(schedule).data)

    @extend_schema(
        operation_id="schedules_edit",
        tags=["jobs"],
        request=ScheduleWishSerializer,
        responses={
            200: ScheduleDetailSerializer,
            403: _NOT_ALLOWED,
            404: _NOT_THERE,
            409: _IN_CODE,
            422: _REFUSED,
        },
    )
    def patch(self, request: Request, key: str, schedule_id: int) -> Response:
        """Change what is sent; the schedule goes on from its next slot from now."""
        schedule = access_schedule(user_of(request), key, schedule_id, for_=Permission.EDIT_JOBS)
        body = ScheduleWishSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        wish = body.wish(schedule)
        changed = or_problem(lambda: schedules.edit(schedule=schedule, wish=wish, by=actor_of(request)))
        return Response(ScheduleDetailSerializer(changed).data)

    @extend_schema(
        operation_id="schedules_remove",
        tags=["jobs"],
        responses={204: None, 403: _NOT_ALLOWED, 404: _NOT_THERE, 409: _IN_CODE},
    )
    def delete(self, request: Request, key: str, schedule_id: int) -> Response:
        """Take a schedule away; the runs that it started stay."""
        schedule = access_schedule(user_of(request), key, schedule_id, for_=Permission.EDIT_JOBS)
        or_problem(lambda: schedules.remove(schedule=schedule, by=actor_of(request)))
        return Response(status=204)


class SchedulePauseView(APIView):
    """The way to pause a schedule."""

    required_scopes = {"POST": "jobs:edit"}

    @extend_schema(
        operation_id="schedules_pause",
        tags=["jobs"],
        request=None,
        responses={200: ScheduleDetailSerializer, 403: _NOT_ALLOWED, 404: _NOT_THERE},
    )
    def post(self, request: Request, key: str, schedule_id: int) -> Response:
        """Stop it from making runs; pausing a paused one changes nothing."""
        schedule = access_schedule(user_of(request), key, schedule_id, for_=Permission.EDIT_JOBS)
        paused = schedules.pause(schedule=schedule, by=actor_of(request))
        return Response(ScheduleDetailSerializer(paused).data)


class ScheduleResumeView(APIView):
    """The way to resume a schedule."""

    required_scopes = {"POST": "jobs:edit"}

    @extend_schema(
        operation_id="schedules_resume",
        tags=["jobs"],
        request=None,
        responses={200: ScheduleDetailSerializer, 403: _NOT_ALLOWED, 404: _NOT_THERE, 422: _REFUSED},
    )
    def post(self, request: Request, key: str, schedule_id: int) -> Response:
        """Go on from its next slot; what passed while it was paused is not caught up."""
        schedule = access_schedule(user_of(request), key, schedule_id, for_=Permission.EDIT_JOBS)
        by = actor_of(request)
        resumed = or_problem(lambda: schedules.resume(schedule=schedule, by=by))
        return Response(ScheduleDetailSerializer(resumed).data)


class DataTriggersView(APIView):
    """The starts of a job by new data."""

    required_scopes = {"GET": "jobs:read", "POST": "jobs:edit"}

    @extend_schema(
        operation_id="data_triggers_list",
        tags=["jobs"],
        responses={200: DataTriggerSerializer(many=True), 404: _NOT_THERE},
    )
    def get(self, request: Request, key: str) -> Response:
        """List which datasets start the job."""
        job = access_job(user_of(request), key)
        return Response(_shown(request, *job.data_triggers.all()))

    @extend_schema(
        operation_id="data_triggers_add",
        tags=["jobs"],
        request=DataTriggerWishSerializer,
        responses={201: DataTriggerSerializer, 403: _NOT_ALLOWED, 404: _NOT_THERE, 422: _REFUSED},
    )
    def post(self, request: Request, key: str) -> Response:
        """Start the job by more datasets."""
        job = access_job(user_of(request), key, for_=Permission.EDIT_JOBS)
        user, by = user_of(request), actor_of(request)
        body = DataTriggerWishSerializer(data=request.data, context={"user": user})
        body.is_valid(raise_exception=True)
        made = or_problem(lambda: data_triggers.add(job=job, wish=body.wish(), by=by, reader=user))
        return Response(_shown(request, made)[0], status=201)


class DataTriggerView(APIView):
    """One start of a job by new data."""

    required_scopes = {"PATCH": "jobs:edit", "DELETE": "jobs:edit"}

    @extend_schema(
        operation_id="data_triggers_edit",
        tags=["jobs"],
        request=DataTriggerWishSerializer,
        responses={200: DataTriggerSerializer, 403: _NOT_ALLOWED, 404: _NOT_THERE, 422: _REFUSED},
    )
    def patch(self, request: Request, key: str, trigger_id: int) -> Response:
        """Change what is sent."""
        trigger = access_trigger(user_of(request), key, trigger_id, for_=Permission.EDIT_JOBS)
        user, by = user_of(request), actor_of(request)
        body = DataTriggerWishSerializer(data=request.data, context={"user": user})
        body.is_valid(raise_exception=True)
        wish = body.wish(trigger)
        changed = or_problem(lambda: data_triggers.edit(trigger=trigger, wish=wish, reader=user, by=by))
        return Response(_shown(request, changed)[0])

    @extend_schema(
        operation_id="data_triggers_remove",
        tags=["jobs"],
        responses={204: None, 403: _NOT_ALLOWED, 404: _NOT_THERE},
    )
    def delete(self, request: Request, key: str, trigger_id: int) -> Response:
        """Take it away; the runs that it started stay."""
        trigger = access_trigger(user_of(request), key, trigger_id, for_=Permission.EDIT_JOBS)
        data_triggers.remove(trigger=trigger, by=actor_of(request))
        return Response(status=204)


def _shown(request: Request, *triggers: DataTrigger) -> Any:
    context = {"datasets": watched_keys(triggers, user_of(request))}
    return DataTriggerSerializer(triggers, many=True, context=context).data
