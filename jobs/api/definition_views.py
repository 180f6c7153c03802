"""The API of job definitions: make, read, replace, change and delete jobs; If-Match names the version."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from pydantic import ValidationError
from rest_framework.exceptions import ParseError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from jobs.access import access_job, shown_definition
from jobs.actions import definitions
from jobs.actions.jobs import definition_of
from jobs.api.asking import unfit, user_of
from jobs.complaints import complaints
from jobs.definitions import JobDefinition, stated
from jobs.exceptions import (
    ChangedMeanwhile,
    DefinedElsewhere,
    FieldError,
    InvalidDefinition,
    StillNeeded,
)
from jobs.models import Job
from jobs.shapes import JobShape
from portal.accounts.access import require
from portal.accounts.models import User
from portal.accounts.permissions import Permission
from portal.api.problems import Problem
from portal.audit.actions import actor_of

DEFINITION_EXAMPLE: dict[str, Any] = {
    "key": "refresh-orders",
    "kind": "metric_refresh",
    "name_en": "Refresh orders",
    "name_ko": "주문 지표 새로 고침",
    "config": {"dataset": "ops.orders"},
    "parameters_schema": {},
    "owner_email": "dan@example.com",
    "team_key": "data",
    "timeout": 600,
    "after": ["load-orders"],
}


def _described(schema: Any) -> Any:
    """Return a JSON Schema in the words of OpenAPI 3.0, which calls «or null» nullable."""
    if isinstance(schema, list):
        return [_described(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    real = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
    if len(real) == 1 and len(schema["anyOf"]) == 2:
        beside = {name: value for name, value in schema.items() if name != "anyOf"}
        return _described({**real[0], **beside, "nullable": True})
    return {name: _described(each) for name, each in schema.items()}


BODY = {"application/json": _described(JobShape.model_json_schema())}
SHOWN = OpenApiResponse(OpenApiTypes.OBJECT, description="The definition; ETag is its version.")
IF_MATCH = OpenApiParameter(
    "If-Match",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    required=True,
    description='The version that was read, as its ETag says it: "3".',
)
ANSWERS: dict[int, OpenApiResponse] = {
    403: OpenApiResponse(description="The token's scopes, its owner's roles or the job do not allow it."),
    404: OpenApiResponse(description="There is no such job, or none that you may see."),
    409: OpenApiResponse(description="The job is defined in code or in a file, or still needed."),
    412: OpenApiResponse(description="Somebody changed the job since; version is the newest."),
    422: OpenApiResponse(description="The definition does not fit; errors says where."),
    428: OpenApiResponse(description="If-Match is missing."),
}


class JobDefinitionView(APIView):
    """A job's definition."""

    required_scopes = {"GET": "jobs:write", "PUT": "jobs:write", "PATCH": "jobs:write"}

    @extend_schema(
        operation_id="jobs_definition_read",
        tags=["jobs"],
        responses={200: SHOWN, 403: ANSWERS[403], 404: ANSWERS[404]},
    )
    def get(self, request: Request, key: str) -> Response:
        """Read the definition that a job has now."""
        return _answer(access_job(user_of(request), key, for_=Permission.EDIT_JOBS), user_of(request))

    @extend_schema(
        operation_id="jobs_definition_replace",
        tags=["jobs"],
        request=BODY,
        parameters=[IF_MATCH],
        responses={200: SHOWN, **ANSWERS},
        examples=[OpenApiExample("A whole definition", value=DEFINITION_EXAMPLE, request_only=True)],
    )
    def put(self, request: Request, key: str) -> Response:
        """Replace the definition as a whole; what is left out gets its default."""
        job = access_job(user_of(request), key, for_=Permission.EDIT_JOBS)
        return self._write(request, job, _object(request))

    @extend_schema(
        operation_id="jobs_definition_change",
        tags=["jobs"],
        request=BODY,
        parameters=[IF_MATCH],
        responses={200: SHOWN, **ANSWERS},
        examples=[OpenApiExample("More time", value={"timeout": 1200}, request_only=True)],
    )
    def patch(self, request: Request, key: str) -> Response:
        """Change the fields that are sent; an object such as config is replaced as a whole."""
        job = access_job(user_of(request), key, for_=Permission.EDIT_JOBS)
        return self._write(request, job, {**_shown(job, user_of(request)), **_object(request)})

    def _write(self, request: Request, job: Job, body: Mapping[str, Any]) -> Response:
        version = named_version(request)
        user = user_of(request)
        fixed = {"key": job.key, "kind": job.kind}
        wrong = [
            FieldError(field=name, message="It stays for good.")
            for name, value in fixed.items()
            if body.get(name, value) != value
        ]
        if wrong:
            raise _unfit(wrong)
        wanted = definition_from({**body, **fixed})
        return changed(
            request,
            lambda: definitions.change(
                job=job, definition=wanted, version=version, user=user, by=actor_of(request)
            ),
        )


def changed(request: Request, act: Callable[[], Job]) -> Response:
    """Answer the definition that a job has after a change, or why there is none."""
    try:
        job = act()
    except ChangedMeanwhile as error:
        raise Problem(412, "The job was changed", str(error), more={"version": error.version}) from error
    except DefinedElsewhere as error:
        raise Problem(409, "It is defined elsewhere", str(error)) from error
    except InvalidDefinition as error:
        raise _unfit(error.errors) from error
    return _answer(access_job(user_of(request), job.key, for_=Permission.EDIT_JOBS), user_of(request))


def make_job(request: Request) -> Response:
    """Make the job of the body; used by the list's POST."""
    user = user_of(request)
    require(user, Permission.EDIT_JOBS)
    try:
        job = definitions.create(
            definition=definition_from(_object(request)), user=user, by=actor_of(request)
        )
    except InvalidDefinition as error:
        raise _unfit(error.errors) from error
    made = _answer(access_job(user, job.key), user)
    made.status_code = 201
    made["Location"] = f"/api/v1/jobs/{job.key}"
    return made


def delete_job(request: Request, key: str) -> Response:
    """Delete the job with its history; used by DELETE of one job."""
    user = user_of(request)
    job = access_job(user, key, for_=Permission.EDIT_JOBS)
    try:
        definitions.delete(job=job, user=user, by=actor_of(request))
    except DefinedElsewhere as error:
        raise Problem(409, "It is defined elsewhere", str(error)) from error
    except StillNeeded as error:
        raise Problem(409, "It is still needed", str(error)) from error
    return Response(status=204)


def definition_from(body: Mapping[str, Any]) -> JobDefinition:
    """Return the definition that a body states; raises a 422 with what does not fit, field by field."""
    try:
        return JobShape.model_validate(body).definition()
    except ValidationError as error:
        raise _unfit(complaints(error)) from error


def _object(request: Request) -> dict[str, Any]:
    if not isinstance(request.data, dict):
        raise ParseError("The body is a JSON object.")
    return dict(request.data)


def named_version(request: Request) -> int:
    """Return the version that If-Match names, 0 for another tag than ours; raises a 428 without one."""
    given = request.headers.get("If-Match")
    if given is None:
        raise Problem(428, "If-Match is missing", 'Send the version that was read: If-Match: "3".')
    found = re.fullmatch(r'(?:W/)?"([0-9]{1,9})"', given.strip())
    # Another tag than one of ours names no version there is.
    return int(found[1]) if found else 0


def told(definition: Mapping[str, Any], user: User) -> dict[str, Any]:
    """Return a stated definition as a body states it, judged by its reader."""
    shown = shown_definition(definition, user)
    return {name: value for name, value in shown.items() if name in JobShape.model_fields}


def _shown(job: Job, user: User) -> dict[str, Any]:
    return told(stated(definition_of(job)), user)


def _answer(job: Job, user: User) -> Response:
    return Response(_shown(job, user), headers={"ETag": f'"{job.version}"'})


def _unfit(errors: Iterable[FieldError]) -> Problem:
    return unfit(
        errors, "The definition does not fit", "Mend the fields named in errors and send the request again."
    )
