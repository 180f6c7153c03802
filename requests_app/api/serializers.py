"""What the API shows of questions and answers, field by field; nothing is shown that is not written here."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from portal.accounts.models import User
from portal.api.serializers import StrictSerializer
from requests_app.access import available
from requests_app.choices import Kind, Level, Visibility
from requests_app.models import Answer, DataRequest, QuestionLink

_STEP = {
    "name": "reply",
    "label": "Reply",
    "to": ["new", "ready", "in_progress"],
    "needs": ["note"],
    "may": [],
}
QUESTION_EXAMPLE = {
    "number": 2043,
    "label": "REQ-2043",
    "title": "How many flights to Boston were late in June?",
    "body": "We choose the hotel contingent for July.",
    "kind": "number",
    "state": "needs_info",
    "resolution": "",
    "priority": 2,
    "impact": 3,
    "urgency": 2,
    "effort": 1,
    "visibility": "company",
    "decision_needed": "How many rooms to book",
    "decision_by": "2026-03-05",
    "requester": "Ada Yoon",
    "team": "marketing",
    "assignee": "Ben Cho",
    "pool": "central",
    "duplicate_of": None,
    "sla": "on_track",
    "next_due_at": "2026-03-03T09:00:00Z",
    "reopen_count": 0,
    "version": 4,
    "created_at": "2026-03-01T06:40:00Z",
    "triaged_at": "2026-03-01T07:10:00Z",
    "answered_at": None,
    "closed_at": None,
    "page": "/questions/2043/",
}


@extend_schema_serializer(examples=[OpenApiExample("A question", value=QUESTION_EXAMPLE, response_only=True)])
class QuestionSerializer(serializers.ModelSerializer[DataRequest]):
    """A question and where it stands; ``body`` is markdown."""

    requester = serializers.CharField(source="requester.name", help_text="Who asked.")
    team = serializers.CharField(source="on_behalf.key", default=None, help_text="For which team.")
    assignee = serializers.CharField(source="assignee.name", default=None, help_text="Who answers.")
    pool = serializers.CharField(source="pool.key", default=None)
    duplicate_of = serializers.SerializerMethodField()
    sla = serializers.SerializerMethodField()
    page = serializers.SerializerMethodField()

    class Meta:
        model = DataRequest
        fields = list(QUESTION_EXAMPLE)

    @extend_schema_field(OpenApiTypes.INT)
    def get_duplicate_of(self, question: DataRequest) -> int | None:
        """Return the number of the question it repeats, if the reader may see that one."""
        shown: set[int] = self.context.get("canonicals", set())
        original = question.canonical
        return original.number if original is not None and original.pk in shown else None

    @extend_schema_field(OpenApiTypes.STR)
    def get_sla(self, question: DataRequest) -> str:
        """Return how it stands with its deadlines."""
        return str(question.sla.value)

    @extend_schema_field(OpenApiTypes.URI_REF)
    def get_page(self, question: DataRequest) -> str:
        """Return the path of the page."""
        return question.get_absolute_url()


class TransitionSerializer(serializers.Serializer[Any]):
    """A step that the token's owner may take now."""

    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # The field's name; not its own label.
    to = serializers.ListField(child=serializers.CharField(), source="targets", help_text="Empty: it stays.")
    needs = serializers.ListField(child=serializers.CharField(), help_text="Fields that must be sent.")
    may = serializers.ListField(child=serializers.CharField(), help_text="Fields that may be sent.")


class LinkSerializer(serializers.ModelSerializer[QuestionLink]):
    """A thing the question has to do with."""

    class Meta:
        model = QuestionLink
        fields = ["kind", "key", "role"]


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "A question in full",
            value={
                **QUESTION_EXAMPLE,
                "links": [{"kind": "dataset", "key": "ops.flights", "role": "about"}],
                "available_transitions": [_STEP],
            },
            response_only=True,
        )
    ]
)
class QuestionInFullSerializer(QuestionSerializer):
    """A question with what it is linked to and what may be done with it now."""

    links = serializers.SerializerMethodField()
    available_transitions = serializers.SerializerMethodField()

    class Meta(QuestionSerializer.Meta):
        fields = [*QuestionSerializer.Meta.fields, "links", "available_transitions"]

    @extend_schema_field(LinkSerializer(many=True))
    def get_links(self, question: DataRequest) -> Any:
        """Return the links to things that the reader may know of."""
        return LinkSerializer(self.context["links"], many=True).data

    @extend_schema_field(TransitionSerializer(many=True))
    def get_available_transitions(self, question: DataRequest) -> Any:
        """Return the steps that are possible for the reader."""
        user: User = self.context["user"]
        return TransitionSerializer(available(question, user), many=True).data


class AskSerializer(StrictSerializer):
    """A new question."""

    title = serializers.CharField(max_length=200)
    body = serializers.CharField(max_length=20_000, required=False, allow_blank=True)
    kind = serializers.ChoiceField(choices=Kind.choices, required=False)
    urgency = serializers.ChoiceField(choices=Level.choices, required=False)
    visibility = serializers.ChoiceField(choices=Visibility.choices, required=False)
    decision_needed = serializers.CharField(max_length=300, required=False, allow_blank=True)
    decision_by = serializers.DateField(required=False, allow_null=True)
    team = serializers.SlugField(required=False, help_text="The key of the team it is asked for.")
    about = serializers.ListField(
        child=serializers.RegexField(r"^[a-z_]{1,20}:.{1,200}$"),
        required=False,
        max_length=10,
        help_text="What it is about, as kind:key.",
    )


class TransitionBodySerializer(StrictSerializer):
    """What a step needs; see ``needs`` and ``may`` of available_transitions."""

    version = serializers.IntegerField(
        required=False, help_text="The version you read; if it has changed the answer is 409."
    )
    values = serializers.DictField(required=False, help_text="The step's fields, by name.")


class AnswerSerializer(serializers.ModelSerializer[Answer]):
    """A published answer; ``body`` is markdown."""

    author = serializers.CharField(source="author.name")
    reviewer = serializers.CharField(source="reviewer.name", default=None)

    class Meta:
        model = Answer
        fields = ["id", "status", "body", "author", "reviewer", "stale_reason", "published_at", "verified_at"]
