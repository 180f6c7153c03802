"""Which questions a list of the API holds, by its address."""

from typing import Any

import django_filters
from django.db.models import QuerySet

from portal.accounts.models import User
from requests_app.choices import Kind, Priority, State
from requests_app.models import DataRequest
from requests_app.models.choosing import DataRequestQuerySet


class QuestionFilter(django_filters.FilterSet):
    """The filters of a list of questions; ``mine`` is as seen by the token's owner."""

    q = django_filters.CharFilter(method="by_words", max_length=200)
    state = django_filters.MultipleChoiceFilter(choices=State.choices)
    kind = django_filters.ChoiceFilter(choices=Kind.choices)
    priority = django_filters.TypedChoiceFilter(choices=Priority.choices, coerce=int)
    team = django_filters.CharFilter(field_name="on_behalf__key", max_length=50)
    open = django_filters.BooleanFilter(method="is_open")
    mine = django_filters.ChoiceFilter(
        method="of_mine",
        choices=[("asked", "asked by me"), ("assigned", "in my hands"), ("review", "for me to review")],
    )
    about = django_filters.CharFilter(
        method="is_about", max_length=221, help_text="What it is about, as kind:key."
    )

    class Meta:
        model = DataRequest
        fields: list[str] = []

    def by_words(self, queryset: DataRequestQuerySet, name: str, value: str) -> QuerySet[DataRequest]:
        """Keep those that hold each word, or bear the number."""
        return queryset.holding(value)

    def is_open(self, queryset: DataRequestQuerySet, name: str, value: bool) -> QuerySet[DataRequest]:
        """Keep the open ones, or those that are not."""
        return queryset.open() if value else queryset.exclude(state__in=State.open())

    def of_mine(self, queryset: DataRequestQuerySet, name: str, value: str) -> QuerySet[DataRequest]:
        """Keep what concerns the reader in this way."""
        user: Any = self.request.user if self.request else None
        if not isinstance(user, User):
            return queryset.none()
        ways = {
            "asked": queryset.asked_by,
            "assigned": queryset.in_hands_of,
            "review": queryset.for_review_by,
        }
        return ways[value](user)

    def is_about(self, queryset: DataRequestQuerySet, name: str, value: str) -> QuerySet[DataRequest]:
        """Keep what is linked to this thing."""
        kind, _, key = value.partition(":")
        return queryset.about(kind, key)
