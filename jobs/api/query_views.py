"""The API of queries: ask the lake once for each key, and read the answer."""

from typing import cast

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from jobs.access import access_query
from jobs.actions.queries import ask_once
from jobs.api.asking import unfit, user_of, whole_number
from jobs.api.query_serializers import QUERY_EXAMPLE, NewQuerySerializer, QuerySerializer
from jobs.choices import Trigger
from jobs.exceptions import IdempotencyConflict, InvalidParameters, JobDisabled, TooManyQueries
from jobs.longpoll import LONGEST, wait_for_end
from jobs.models import Run
from jobs.queries import evidence_of
from portal.accounts.models import ApiToken
from portal.api.conditional import respond
from portal.api.idempotency import idempotency_key
from portal.api.problems import Problem
from portal.audit.actions import actor_of
from portal.warehouse.errors import RefusedSql

_NOT_THERE = OpenApiResponse(description="There is no such query, or it is not the owner's.")
# What a caller may have open is small, and each is over within a minute.
_COME_BACK = {"Retry-After": "5"}


class QueriesView(APIView):
    """The door to ask the lake."""

    required_scopes = {"POST": "queries:run"}

    @extend_schema(
        operation_id="queries_ask",
        tags=["queries"],
        request=NewQuerySerializer,
        parameters=[
            OpenApiParameter(
                "Idempotency-Key",
                OpenApiTypes.STR,
                OpenApiParameter.HEADER,
                description="1 to 255 characters of your own choice; the same key asks once.",
            )
        ],
        responses={
            201: OpenApiResponse(QuerySerializer, description="The query was accepted."),
            200: OpenApiResponse(QuerySerializer, description="The key was used before: this is its query."),
            409: OpenApiResponse(description="Queries are switched off."),
            422: OpenApiResponse(
                description="The SQL is refused (line and column say where), or the key came with another."
            ),
        },
        examples=[
            OpenApiExample(
                "Ask with a parameter",
                value={"sql": QUERY_EXAMPLE["sql"], "parameters": QUERY_EXAMPLE["parameters"]},
                request_only=True,
            )
        ],
    )
    def post(self, request: Request) -> Response:
        """Ask in SQL; with an Idempotency-Key once, however often this is sent."""
        token = cast("ApiToken", request.auth)
        body = NewQuerySerializer(data=request.data)
        body.is_valid(raise_exception=True)
        try:
            run, created = ask_once(
                sql=body.validated_data["sql"],
                parameters=body.validated_data.get("parameters", {}),
                chart=None,
                by=actor_of(request),
                requested_by=token.owner,
                principal=f"token:{token.pk}",
                idempotency_key=idempotency_key(request),
                how=Trigger.API,
            )
        except RefusedSql as error:
            raise _refused(error) from error
        except InvalidParameters as error:
            raise unfit(error.errors) from error
        except IdempotencyConflict as error:
            raise Problem(422, "The key was used before", str(error), kind="problem-idempotency") from error
        except TooManyQueries as error:
            raise Problem(429, "Too many open queries", str(error), headers=_COME_BACK) from error
        except JobDisabled as error:
            raise Problem(409, "Queries are switched off", str(error), kind="problem-disabled") from error
        headers = {"Location": f"/api/v1/queries/{run.number}"}
        fresh = access_query(token.owner, run.number)
        return Response(_shown(fresh), status=201 if created else 200, headers=headers)


class QueryView(APIView):
    """One query with its answer."""

    required_scopes = {"GET": "queries:run"}

    @extend_schema(
        operation_id="queries_read",
        tags=["queries"],
        parameters=[
            OpenApiParameter(
                "wait",
                OpenApiTypes.INT,
                description="Answer when the query has ended, at the latest after so many seconds (0 to 20).",
            )
        ],
        responses={200: QuerySerializer, 404: _NOT_THERE},
    )
    def get(self, request: Request, number: int) -> Response:
        """Read a query as it stands now, or wait a little for its end."""
        wait = whole_number(request, "wait", default=0, most=LONGEST)
        user = user_of(request)
        run = access_query(user, number)
        if wait and run.is_open:
            wait_for_end(run.pk, wait)
            run = access_query(user, number)
        return respond(request, _shown(run))


def _shown(run: Run) -> dict[str, object]:
    return dict(QuerySerializer(run, context={"evidence": evidence_of(run)}).data)


def _refused(error: RefusedSql) -> Problem:
    return Problem(
        422,
        "The SQL is refused",
        str(error),
        kind="problem-sql",
        more={"line": error.line, "column": error.column},
    )
