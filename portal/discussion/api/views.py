"""The API of discussions: read and add comments of what the token's owner may see."""

from typing import Any, cast

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.exceptions import PermissionDenied
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from portal.accounts.models import ApiToken, User
from portal.api.idempotency import idempotency_key
from portal.api.problems import Problem
from portal.audit.actions import actor_of
from portal.discussion.access import access_subject
from portal.discussion.actions import comments
from portal.discussion.api.serializers import CommentSerializer, NewCommentSerializer
from portal.discussion.exceptions import DiscussionError, TokenReused
from portal.discussion.models import Comment, CommentQuerySet
from portal.discussion.subjects import Subject

_NOT_THERE = OpenApiResponse(description="There is no such thing, or none that you may see.")


class CommentsView(ListAPIView[Comment]):
    """The comments of one thing."""

    required_scopes = {"GET": "discussion:read", "POST": "discussion:write"}
    queryset = CommentQuerySet(Comment).none()  # The description of the API asks for a model, not for rows.
    serializer_class = CommentSerializer
    ordering = ("id",)

    def get_queryset(self) -> CommentQuerySet:
        """Return what the token's owner reads, with what the answer shows of each."""
        subject = self._subject()
        comments_ = Comment.objects.about(subject.reference).readable(internal=subject.may_see_internal)
        return comments_.select_related("author").prefetch_related("attachments")

    @extend_schema(operation_id="comments_list", tags=["discussion"], responses={404: _NOT_THERE})
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List comments, the oldest first. Kinds: dataset and metric (by key), job (by key), run (by id)."""
        page = self.paginate_queryset(self.get_queryset()) or []
        return self.get_paginated_response(CommentSerializer(page, many=True).data)

    @extend_schema(
        operation_id="comments_add",
        tags=["discussion"],
        request=NewCommentSerializer,
        parameters=[
            OpenApiParameter(
                "Idempotency-Key",
                OpenApiTypes.STR,
                OpenApiParameter.HEADER,
                description="1 to 255 characters of your own choice; the same key adds one comment.",
            )
        ],
        responses={
            201: OpenApiResponse(CommentSerializer, description="The comment was added."),
            200: OpenApiResponse(CommentSerializer, description="The key was used before: its comment."),
            403: OpenApiResponse(description="The owner may not comment, or writes no internal notes."),
            404: _NOT_THERE,
            422: OpenApiResponse(description="It is empty or too long, or the key came with other words."),
        },
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Add a comment in the name of the token's owner."""
        subject = self._subject()
        body = NewCommentSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        internal = body.validated_data["internal"]
        if not subject.may_comment or (internal and not subject.may_see_internal):
            raise PermissionDenied
        token = cast("ApiToken", request.auth)
        key = idempotency_key(request)
        try:
            made = comments.comment(
                subject=subject,
                body=body.validated_data["body"],
                internal=internal,
                author=token.owner,
                by=actor_of(request),
                once=f"token:{token.pk}:{key}" if key else "",
            )
        except TokenReused as error:
            raise Problem(422, "The key was used before", str(error), kind="problem-idempotency") from error
        except DiscussionError as error:
            wrong = [{"field": "body", "message": str(error)}]
            raise Problem(422, kind="problem-validation", errors=wrong) from error
        return Response(CommentSerializer(made.comment).data, status=201 if made.created else 200)

    def _subject(self) -> Subject:
        user = cast("User", self.request.user)
        return access_subject(user, (self.kwargs["kind"], self.kwargs["key"]))
