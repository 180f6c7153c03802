"""The API of questions: list, ask once, read, take a step, read the answers."""

from typing import Any, cast

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.exceptions import PermissionDenied
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from portal.accounts.models import User
from portal.api.conditional import respond
from portal.api.idempotency import idempotency_key
from portal.api.problems import Problem
from portal.audit.actions import actor_of
from portal.events import nodes
from requests_app.access import access_question, available
from requests_app.actions import questions
from requests_app.api import steps
from requests_app.api.filters import QuestionFilter
from requests_app.api.serializers import (
    QUESTION_EXAMPLE,
    AnswerSerializer,
    AskSerializer,
    QuestionInFullSerializer,
    QuestionSerializer,
    TransitionBodySerializer,
)
from requests_app.exceptions import (
    Conflict,
    IllegalTransition,
    MissingField,
    NotAllowed,
    QuestionError,
    ReviewNeeded,
)
from requests_app.models import DataRequest
from requests_app.models.choosing import DataRequestQuerySet

_NOT_THERE = OpenApiResponse(description="There is no such question, or none that you may see.")
_NOT_ALLOWED = OpenApiResponse(description="The token's scopes or its owner's part in it do not allow it.")
_LONGEST_TOKEN_KEY = 255


def _user(request: Request) -> User:
    return cast("User", request.user)


class QuestionsView(ListAPIView[DataRequest]):
    """The questions that the token's owner may see."""

    required_scopes = {"GET": "questions:read", "POST": "questions:write"}
    queryset = DataRequestQuerySet(DataRequest).none()  # The description asks for a model, not for rows.
    serializer_class = QuestionSerializer
    filterset_class = QuestionFilter
    ordering = ("-id",)

    def get_queryset(self) -> DataRequestQuerySet:
        """Return the visible questions with what the answer shows of each."""
        visible = DataRequest.objects.visible_to(_user(self.request))
        return visible.select_related("requester", "assignee", "on_behalf", "pool", "canonical").defer(
            "search", "title_search"
        )

    @extend_schema(operation_id="questions_list", tags=["questions"])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List questions, the newest first."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        context = {"canonicals": _canonicals(page, _user(request))}
        return self.get_paginated_response(QuestionSerializer(page, many=True, context=context).data)

    @extend_schema(
        operation_id="questions_ask",
        tags=["questions"],
        request=AskSerializer,
        parameters=[
            OpenApiParameter(
                "Idempotency-Key",
                OpenApiTypes.STR,
                OpenApiParameter.HEADER,
                description="1 to 255 characters of your own choice; the same key asks one question.",
            )
        ],
        responses={
            201: OpenApiResponse(QuestionInFullSerializer, description="The question was asked."),
            200: OpenApiResponse(
                QuestionInFullSerializer, description="The key was used before: this is its question."
            ),
            403: _NOT_ALLOWED,
        },
        examples=[
            OpenApiExample(
                "Ask",
                value={
                    "title": QUESTION_EXAMPLE["title"],
                    "decision_needed": QUESTION_EXAMPLE["decision_needed"],
                    "about": ["dataset:ops.flights"],
                },
                request_only=True,
            )
        ],
    )
    def post(self, request: Request) -> Response:
        """Ask a question; with an Idempotency-Key one, however often this is sent."""
        user = _user(request)
        body = AskSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        given = dict(body.validated_data)
        given["links"] = [steps.reference(text, user, "about") for text in given.pop("about", [])]
        team = given.pop("team", None)
        if team:
            given["on_behalf"] = user.teams.filter(key=team).first()
            if given["on_behalf"] is None:
                raise _wrong("team", "It takes the key of a team of yours.")
        key = idempotency_key(request)
        token = f"api:{request.auth.pk}:{key}"[:_LONGEST_TOKEN_KEY] if key else None
        question, created = questions.ask(
            **given, token=token, user=user, by=actor_of(request), language=user.language or "en"
        )
        headers = {"Location": f"/api/v1/questions/{question.number}"}
        return Response(_in_full(question.number, user), status=201 if created else 200, headers=headers)


class QuestionView(APIView):
    """One question."""

    required_scopes = {"GET": "questions:read"}

    @extend_schema(
        operation_id="questions_read",
        tags=["questions"],
        responses={200: QuestionInFullSerializer, 404: _NOT_THERE},
    )
    def get(self, request: Request, number: int) -> Response:
        """Read a question, and what you may do with it now."""
        return respond(request, _in_full(number, _user(request)))


class TransitionView(APIView):
    """The steps of a question."""

    required_scopes = {"POST": "questions:write"}

    @extend_schema(
        operation_id="questions_step",
        tags=["questions"],
        request=TransitionBodySerializer,
        responses={
            200: OpenApiResponse(QuestionInFullSerializer, description="The question as it stands now."),
            403: _NOT_ALLOWED,
            404: _NOT_THERE,
            409: OpenApiResponse(description="It stands elsewhere by now; detail says what is possible."),
            422: OpenApiResponse(description="A field is missing or does not fit."),
        },
        examples=[
            OpenApiExample(
                "Reply",
                value={"version": 4, "values": {"note": "All three airports."}},
                request_only=True,
            )
        ],
    )
    def post(self, request: Request, number: int, name: str) -> Response:
        """Take a step of ``available_transitions``."""
        user = _user(request)
        question = access_question(user, number)
        body = TransitionBodySerializer(data=request.data)
        body.is_valid(raise_exception=True)
        if name not in steps.ACTIONS:
            raise _conflict(IllegalTransition(name, question.state, _possible(question, user)))
        try:
            steps.run(
                question,
                name,
                body.validated_data.get("values", {}),
                user=user,
                by=actor_of(request),
                version=body.validated_data.get("version"),
            )
        except QuestionError as error:
            raise _problem(error) from error
        return Response(_in_full(number, user))


class AnswersView(APIView):
    """The answers to one question."""

    required_scopes = {"GET": "questions:read"}

    @extend_schema(
        operation_id="questions_answers",
        tags=["questions"],
        responses={200: AnswerSerializer(many=True), 404: _NOT_THERE},
    )
    def get(self, request: Request, number: int) -> Response:
        """Read the published answers, the newest first."""
        question = access_question(_user(request), number)
        shown = question.answers.shown().select_related("author", "reviewer")
        return respond(request, {"results": AnswerSerializer(shown, many=True).data})


def _in_full(number: int, user: User) -> dict[str, Any]:
    question = access_question(user, number)
    links = list(question.links.all())
    known = nodes.resolve([linked.reference for linked in links], user)
    context = {
        "user": user,
        "links": [linked for linked in links if linked.reference in known],
        "canonicals": _canonicals([question], user),
    }
    return dict(QuestionInFullSerializer(question, context=context).data)


def _canonicals(page: list[DataRequest], user: User) -> set[int]:
    """Return which of the originals of these duplicates the reader may see."""
    wanted = {question.canonical_id for question in page if question.canonical_id}
    if not wanted:
        return set()
    return set(DataRequest.objects.visible_to(user).filter(pk__in=wanted).values_list("pk", flat=True))


def _possible(question: DataRequest, user: User) -> list[str]:
    return [row.name for row in available(question, user)]


def _problem(error: QuestionError) -> Exception:
    """Return the API's answer to a refused step."""
    if isinstance(error, NotAllowed):
        return PermissionDenied(str(error))
    if isinstance(error, Conflict):
        return _conflict(error)
    if isinstance(error, MissingField):
        return _wrong(error.field, str(error))
    title = "A second person must read the answer" if isinstance(error, ReviewNeeded) else "It does not fit"
    return Problem(422, title, str(error), kind="problem-validation")


def _conflict(error: Conflict) -> Problem:
    title = "Not possible now" if isinstance(error, IllegalTransition) else "It stands elsewhere by now"
    return Problem(409, title, str(error), kind="problem-conflict")


def _wrong(field: str, message: str) -> Problem:
    return Problem(
        422,
        "Some values are not right",
        "Mend the fields named in errors.",
        kind="problem-validation",
        errors=[{"field": field, "message": message}],
    )
