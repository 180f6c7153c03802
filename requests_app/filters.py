"""The lists of questions: what somebody usually looks for (views), and filters that the URL holds."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import django_filters
from django.db.models import Exists, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Now
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from portal.accounts.models import Team, User
from portal.accounts.permissions import Permission
from requests_app.choices import Kind, Priority, State
from requests_app.models import DataRequest
from requests_app.models.choosing import DataRequestQuerySet

WORK_ORDER: Final = ("priority", "due", "id")
NEWEST: Final = ("-id",)
# Above this nobody counts on: the tab says «99+».
MOST_COUNTED: Final = 99

Choose = Callable[[DataRequestQuerySet, User], QuerySet[DataRequest]]


@dataclass(frozen=True, slots=True)
class View:
    """One of the ways to look at the questions, a tab of the list; ``counted`` ones show how many."""

    key: str
    label: Promise
    choose: Choose
    order: tuple[str, ...] = NEWEST
    counted: Q | None = None

    @property
    def is_snoozed(self) -> bool:
        """Whether what it holds sleeps."""
        return self.key == "snoozed"


def views_of(user: User) -> tuple[View, ...]:
    """Return the tabs of this person, the first of which is where they land."""
    mine = View(
        "asked",
        _("I asked"),
        lambda questions, reader: questions.asked_by(reader),
    )
    everything = View("all", _("All"), lambda questions, _reader: questions)
    if not user.may(Permission.ANSWER_QUESTIONS):
        return (
            mine,
            View(
                "waiting",
                _("Waiting for me"),
                lambda questions, reader: questions.waiting_for(reader),
                counted=Q(requester=user.pk, state__in=[State.NEEDS_INFO, State.ANSWERED]),
            ),
            View(
                "team",
                _("My team"),
                lambda questions, reader: questions.filter(on_behalf__in=reader.team_ids),
            ),
            View(
                "answered", _("Answered"), lambda questions, _reader: questions.filter(answer__isnull=False)
            ),
            everything,
        )
    awake = Q(snoozed_until=None) | Q(snoozed_until__lte=Now())
    return (
        View(
            "queue",
            _("Queue"),
            lambda questions, _reader: questions.open().awake(),
            WORK_ORDER,
            counted=Q(state__in=State.open()) & awake,
        ),
        View(
            "mine",
            _("In my hands"),
            lambda questions, reader: questions.in_hands_of(reader),
            WORK_ORDER,
            counted=Q(assignee=user.pk, state__in=State.open()),
        ),
        View(
            "review",
            _("For my review"),
            lambda questions, reader: questions.for_review_by(reader),
            WORK_ORDER,
            counted=Q(reviewer=user.pk, state=State.IN_REVIEW),
        ),
        View(
            "free",
            _("To take"),
            lambda questions, _reader: questions.unassigned(),
            WORK_ORDER,
            counted=Q(state=State.READY, assignee=None) & awake,
        ),
        View(
            "overdue",
            _("Overdue"),
            lambda questions, _reader: questions.overdue(),
            WORK_ORDER,
            counted=Q(state__in=State.open(), next_due_at__lte=Now()),
        ),
        View("snoozed", _("Snoozed"), lambda questions, _reader: questions.open().snoozed(), WORK_ORDER),
        mine,
        everything,
    )


def counted_of(
    views: tuple[View, ...], questions: QuerySet[DataRequest]
) -> QuerySet[DataRequest, tuple[str]]:
    """Return the key of each counted view as often as it holds a question, up to where nobody counts on."""
    first, *others = [
        questions.filter(view.counted).order_by().values_list(Value(view.key))[: MOST_COUNTED + 1]
        for view in views
        if view.counted is not None
    ]
    return first.union(*others, all=True) if others else first


class QuestionFilter(django_filters.FilterSet):
    """Choose questions by words, state, kind, priority, who has them and whose team asks."""

    ASSIGNEES: Final = [("me", _("Me")), ("none", _("Nobody"))]

    q = django_filters.CharFilter(method="by_words", max_length=200)
    state = django_filters.ChoiceFilter(choices=State.choices)
    kind = django_filters.ChoiceFilter(choices=Kind.choices)
    priority = django_filters.ChoiceFilter(choices=Priority.choices)
    assignee = django_filters.CharFilter(method="by_assignee", max_length=12)
    team = django_filters.CharFilter(field_name="on_behalf__key", max_length=50)

    class Meta:
        model = DataRequest
        fields: list[str] = []

    def __init__(self, *args: Any, reader: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._reader = reader

    def by_words(self, questions: DataRequestQuerySet, _name: str, words: str) -> QuerySet[Any]:
        """Keep the questions that hold each word, or bear the number."""
        return questions.holding(words)

    def by_assignee(self, questions: QuerySet[Any], _name: str, value: str) -> QuerySet[Any]:
        """Keep what is in somebody's hands: «me», «none», or a person's number."""
        if value == "none":
            return questions.filter(assignee=None)
        if value == "me":
            return questions.filter(assignee=self._reader.pk)
        return questions.filter(assignee=int(value)) if _is_number(value) else questions.none()


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10


def asking_teams(questions: QuerySet[DataRequest]) -> QuerySet[Team]:
    """Return the teams of these questions only, so that the choices tell of nothing else."""
    return Team.objects.filter(Exists(questions.filter(on_behalf=OuterRef("pk")).order_by()))
