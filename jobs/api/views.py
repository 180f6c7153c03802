"""The API of jobs and runs: list, trigger exactly once, follow, read the log, cancel."""

from typing import Any, cast
from uuid import UUID

from django.http import FileResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from jobs import logs
from jobs.access import access_artifact, access_job, access_run, newest_definitions, sees_all_of
from jobs.actions import runs
from jobs.api.asking import or_problem, run_for, token_for, user_of, whole_number
from jobs.api.definition_views import (
    ANSWERS,
    BODY,
    DEFINITION_EXAMPLE,
    SHOWN,
    delete_job,
    make_job,
)
from jobs.api.serializers import (
    RUN_EXAMPLE,
    AgainSerializer,
    ArtifactSerializer,
    JobSerializer,
    LogSerializer,
    RunSerializer,
    TriggerSerializer,
)
from jobs.choices import Trigger
from jobs.exceptions import CancelMissed, RunAlreadyEnded
from jobs.files import file_response
from jobs.filters import JobFilter, RunFilter
from jobs.history import recent_runs
from jobs.longpoll import LONGEST, wait_for_end
from jobs.models import Job, Run
from jobs.models.job import JobQuerySet
from jobs.models.run import RunQuerySet
from jobs.outputs import seen_outputs
from portal.accounts.models import ApiToken
from portal.accounts.permissions import Permission
from portal.api.conditional import respond
from portal.api.idempotency import idempotency_key
from portal.api.problems import Problem
from portal.audit.actions import actor_of

_NOT_THERE = OpenApiResponse(description="There is no such object, or none that you may see.")
_NOT_ALLOWED = OpenApiResponse(description="The token's scopes or its owner's roles do not allow it.")


ONCE = OpenApiParameter(
    "Idempotency-Key",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="1 to 255 characters of your own choice; the same key starts one run.",
)
_STARTED = {
    201: OpenApiResponse(RunSerializer, description="The run was accepted and will not be lost."),
    200: OpenApiResponse(RunSerializer, description="The key was used before: this is its run."),
    403: _NOT_ALLOWED,
    404: _NOT_THERE,
    409: OpenApiResponse(description="The job is switched off."),
    422: OpenApiResponse(description="Parameters do not fit, or the key came with others before."),
}
RUN = OpenApiParameter("run_id", OpenApiTypes.STR, OpenApiParameter.PATH, description="Its id or number.")


class JobsView(ListAPIView[Job]):
    """The jobs that the token's owner may see."""

    required_scopes = {"GET": "jobs:read", "POST": "jobs:write"}
    queryset = JobQuerySet(Job).none()  # The description of the API asks for a model, not for rows.
    serializer_class = JobSerializer
    filterset_class = JobFilter
    ordering = ("key",)

    def get_queryset(self) -> JobQuerySet:
        """Return the visible jobs with what the answer shows of each."""
        return (
            Job.objects.visible_to(user_of(self.request))
            .select_related("owner", "team", "pool")
            .prefetch_related("schedules")
        )

    @extend_schema(operation_id="jobs_list", tags=["jobs"])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List jobs by key."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        serializer = JobSerializer(page, many=True, context=beside(request, page))
        return self.get_paginated_response(serializer.data)

    @extend_schema(
        operation_id="jobs_make",
        tags=["jobs"],
        request=BODY,
        responses={201: SHOWN, 403: _NOT_ALLOWED, 422: ANSWERS[422]},
        examples=[OpenApiExample("A new job", value=DEFINITION_EXAMPLE, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        """Make a job; answers its definition, and its version as ETag."""
        return make_job(request)


class JobView(APIView):
    """One job."""

    required_scopes = {"GET": "jobs:read", "DELETE": "jobs:write"}

    @extend_schema(operation_id="jobs_read", tags=["jobs"], responses={200: JobSerializer, 404: _NOT_THERE})
    def get(self, request: Request, key: str) -> Response:
        """Read a job: its parameters' schema, schedules and last run."""
        job = access_job(user_of(request), key)
        return respond(request, JobSerializer(job, context=beside(request, [job])).data)

    @extend_schema(
        operation_id="jobs_delete",
        tags=["jobs"],
        responses={
            204: OpenApiResponse(description="Deleted, with its runs, logs, versions and schedules."),
            403: _NOT_ALLOWED,
            404: _NOT_THERE,
            409: ANSWERS[409],
        },
    )
    def delete(self, request: Request, key: str) -> Response:
        """Delete a job with its history, where nothing depends on it; the audit trail stays."""
        return delete_job(request, key)


class JobRunsView(APIView):
    """The door to start a job."""

    required_scopes = {"POST": "jobs:run"}

    @extend_schema(
        operation_id="jobs_run",
        tags=["runs"],
        request=TriggerSerializer,
        parameters=[ONCE],
        responses=_STARTED,
        examples=[
            OpenApiExample("Start with parameters", value={"params": {"airport": "JFK"}}, request_only=True),
            OpenApiExample("The accepted run", value=RUN_EXAMPLE, response_only=True, status_codes=["201"]),
        ],
    )
    def post(self, request: Request, key: str) -> Response:
        """Start a run; with an Idempotency-Key exactly once, however often this is sent."""
        job = access_job(user_of(request), key, for_=Permission.RUN_JOBS)
        token = token_for(request, job)
        body = TriggerSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        once = idempotency_key(request)
        run, created = or_problem(
            lambda: runs.trigger(
                job=job,
                params=body.validated_data.get("params", {}),
                by=actor_of(request),
                trigger=Trigger.API,
                requested_by=token.owner,
                principal=f"token:{token.pk}",
                idempotency_key=once,
            )
        )
        return _started(request, run, created=created)


class RunAgainView(APIView):
    """The way to repeat a run."""

    required_scopes = {"POST": "jobs:run"}

    @extend_schema(
        operation_id="runs_again",
        tags=["runs"],
        request=AgainSerializer,
        parameters=[RUN, ONCE],
        responses=_STARTED,
        examples=[
            OpenApiExample("The same again", value={}, request_only=True),
            OpenApiExample("For another airport", value={"params": {"airport": "LGA"}}, request_only=True),
            OpenApiExample("The accepted run", value=RUN_EXAMPLE, response_only=True, status_codes=["201"]),
        ],
    )
    def post(self, request: Request, run_id: UUID | int) -> Response:
        """Start the job of a run again with the same parameters, or with those changed that are sent."""
        earlier = access_run(user_of(request), run_id, for_=Permission.RUN_JOBS)
        token = token_for(request, earlier.job)
        body = AgainSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        once = idempotency_key(request)
        run, created = or_problem(
            lambda: runs.again(
                run=earlier,
                changes=body.validated_data.get("params"),
                by=actor_of(request),
                how=Trigger.API,
                requested_by=token.owner,
                principal=f"token:{token.pk}",
                idempotency_key=once,
            )
        )
        return _started(request, run, created=created)


class RunsView(ListAPIView[Run]):
    """The runs that the token's owner may see."""

    required_scopes = {"GET": "jobs:read"}
    queryset = RunQuerySet(Run).none()  # As above.
    serializer_class = RunSerializer
    filterset_class = RunFilter
    ordering = ("-id",)

    def get_queryset(self) -> RunQuerySet:
        """Return the visible runs with what the answer shows of each."""
        return Run.objects.visible_to(user_of(self.request)).select_related("job", "requested_by")

    @extend_schema(operation_id="runs_list", tags=["runs"])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List runs, the newest first."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        context = {"outputs": seen_outputs(page, user_of(request))}
        return self.get_paginated_response(RunSerializer(page, many=True, context=context).data)


class RunView(APIView):
    """One run."""

    required_scopes = {"GET": "jobs:read"}
    or_scopes = {"GET": "jobs:run"}

    @extend_schema(
        operation_id="runs_read",
        tags=["runs"],
        parameters=[
            RUN,
            OpenApiParameter(
                "wait",
                OpenApiTypes.INT,
                description="Answer when the run has ended, at the latest after so many seconds (0 to 20). "
                "The answer may come earlier: look at state.",
            ),
        ],
        responses={200: RunSerializer, 404: _NOT_THERE},
    )
    def get(self, request: Request, run_id: UUID | int) -> Response:
        """Read a run as it stands now, or wait a little for its end."""
        wait = whole_number(request, "wait", default=0, most=LONGEST)
        run = run_for(request, run_id)
        if wait and run.is_open:
            wait_for_end(run.pk, wait)
            run = access_run(user_of(request), run_id)
        return respond(request, _shown(request, run))


class RunLogView(APIView):
    """The log of a run."""

    required_scopes = {"GET": "jobs:read"}
    or_scopes = {"GET": "jobs:run"}

    @extend_schema(
        operation_id="runs_log",
        tags=["runs"],
        parameters=[
            RUN,
            OpenApiParameter("after", OpenApiTypes.INT, description="Only lines behind this number (0)."),
            OpenApiParameter("limit", OpenApiTypes.INT, description="At most so many lines (1000)."),
        ],
        responses={200: LogSerializer, 404: _NOT_THERE},
    )
    def get(self, request: Request, run_id: UUID | int) -> Response:
        """Read a piece of the log, the oldest line first."""
        after = whole_number(request, "after", default=0, most=2**31 - 2)
        limit = whole_number(request, "limit", default=logs.PAGE, least=1, most=logs.PAGE)
        # The state is read before the lines: a run that had ended by then writes no more.
        run = run_for(request, run_id)
        lines = logs.read_after(run, after, count=limit)
        answer = {
            "lines": lines,
            "next_after": lines[-1].number if lines else after,
            "ended": not run.is_open and len(lines) < limit,
        }
        return Response(LogSerializer(answer).data)


class RunArtifactsView(APIView):
    """The files that a run keeps."""

    required_scopes = {"GET": "jobs:read"}
    or_scopes = {"GET": "jobs:run"}

    @extend_schema(
        operation_id="runs_artifacts",
        tags=["runs"],
        parameters=[RUN],
        responses={200: ArtifactSerializer(many=True), 404: _NOT_THERE},
    )
    def get(self, request: Request, run_id: UUID | int) -> Response:
        """List the files of a run, at most 100, in the order in which it made them."""
        run = run_for(request, run_id)
        # The files of a report hold rows: they are for who may see every table that it reads.
        files = run.artifacts.all() if sees_all_of(user_of(request), run) else run.artifacts.none()
        return Response(ArtifactSerializer(files, many=True).data)


class RunArtifactView(APIView):
    """One file of a run."""

    required_scopes = {"GET": "jobs:read"}
    or_scopes = {"GET": "jobs:run"}

    @extend_schema(
        operation_id="runs_artifact",
        tags=["runs"],
        parameters=[RUN],
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY, 404: _NOT_THERE},
    )
    def get(self, request: Request, run_id: UUID | int, pk: UUID) -> FileResponse:
        """Download a file; its SHA-256 stands in the list."""
        run_for(request, run_id)
        return file_response(access_artifact(user_of(request), run_id, pk))


class RunCancelView(APIView):
    """The way to stop a run."""

    required_scopes = {"POST": "jobs:run"}

    @extend_schema(
        operation_id="runs_cancel",
        tags=["runs"],
        parameters=[RUN],
        request=None,
        responses={
            202: OpenApiResponse(RunSerializer, description="It stops within seconds."),
            403: _NOT_ALLOWED,
            404: _NOT_THERE,
            409: OpenApiResponse(description="It had already ended, or was not caught: type says which."),
        },
    )
    def post(self, request: Request, run_id: UUID | int) -> Response:
        """Cancel a run that has not ended."""
        run = access_run(user_of(request), run_id, for_=Permission.CANCEL_RUNS)
        token_for(request, run.job)
        try:
            runs.cancel(run=run, by=actor_of(request))
        except RunAlreadyEnded as error:
            raise Problem(409, "The run has ended", str(error), kind="problem-ended") from error
        except CancelMissed as error:
            raise Problem(409, "The run goes on", str(error), kind="problem-missed") from error
        return Response(_shown(request, access_run(user_of(request), run.pk)), status=202)


def _shown(request: Request, run: Run) -> Any:
    return RunSerializer(run, context={"outputs": seen_outputs([run], user_of(request))}).data


def _started(request: Request, run: Run, *, created: bool) -> Response:
    # Whose key it is asked for it: the token's owner, whom the answer names.
    run.requested_by = user_of(request)
    headers = {"Location": f"/api/v1/runs/{run.pk}"}
    return Response(_shown(request, run), status=201 if created else 200, headers=headers)


def beside(request: Request, jobs: list[Job]) -> dict[str, Any]:
    """Return what an answer shows beside the rows of the jobs, read for all of them at once.

    Definitions go only to tokens that may write them: what merely watches runs need not know how they work.
    """
    user, keys = user_of(request), [job.pk for job in jobs]
    definitions: dict[int, dict[str, Any]] = {}
    if "jobs:write" in cast("ApiToken", request.auth).scopes:
        definitions = newest_definitions(Job.objects.visible_to(user).filter(pk__in=keys), user)
    return {"last_runs": recent_runs(keys, count=1, reader=user), "definitions": definitions}
