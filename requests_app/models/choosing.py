"""Which questions: what somebody may know of, what waits for whom, in what order."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Exists, OuterRef, Q, Value
from django.db.models.functions import Coalesce, Now

from portal.accounts.models import Membership, User
from portal.accounts.permissions import Permission
from portal.search import Matches, Query
from requests_app.choices import State, Visibility
from requests_app.models.around import Follower, QuestionLink

if TYPE_CHECKING:
    from requests_app.models.question import DataRequest  # noqa: F401 - named in the base of the class

OPEN = ["new", "needs_info", "ready", "in_progress", "blocked", "in_review"]
# What has no deadline comes behind everything that has one; keyset paging cannot go past a NULL.
NEVER = datetime(9999, 12, 31, tzinfo=UTC)
_OF_A_ROW = [
    "number",
    "title",
    "state",
    "priority",
    "visibility",
    "next_due_at",
    "next_warn_at",
    "state_since",
    "created_at",
    "answered_at",
    "closed_at",
    "version",
    "requester__name",
    "assignee__name",
]


class DataRequestQuerySet(models.QuerySet["DataRequest"]):
    """Choose questions."""

    def visible_to(self, user: User) -> Self:
        """Keep what this person may know of, as conditions the database joins; never a list of ids.

        Company: everybody. Team: the asker's teams, the team it is asked for, who answers questions. Private:
        who asked, answers, reviews or was let in as a follower. Who triages sees all.
        """
        if not user.is_active:
            return self.none()
        if user.may(Permission.TRIAGE_QUESTIONS):
            return self
        followed = Follower.objects.filter(question=OuterRef("pk"), user=user.pk)
        involved = Q(requester=user.pk) | Q(assignee=user.pk) | Q(reviewer=user.pk) | Q(Exists(followed))
        return self.filter(Q(visibility=Visibility.COMPANY) | involved | _of_the_team(user))

    def holding(self, words: str) -> Self:
        """Keep those that hold each word, or bear the number."""
        bare = words.strip().upper().removeprefix("REQ-").removeprefix("#")
        if bare.isascii() and bare.isdigit() and len(bare) < 19:
            return self.filter(number=int(bare))
        query = Query(words)
        return self.filter(Matches("search", query.all)) if query else self

    def open(self) -> Self:
        """Keep those in which somebody still owes an answer or a reply."""
        return self.filter(state__in=OPEN)

    def in_triage(self) -> Self:
        """Keep those that wait for triage and are not snoozed."""
        return self.awake().filter(state=State.NEW)

    def awake(self) -> Self:
        """Leave out what is snoozed; a snooze ends by itself at its time."""
        return self.filter(Q(snoozed_until=None) | Q(snoozed_until__lte=Now()))

    def snoozed(self) -> Self:
        """Keep what is snoozed."""
        return self.filter(snoozed_until__gt=Now())

    def asked_by(self, user: User) -> Self:
        """Keep those this person asked."""
        return self.filter(requester=user.pk)

    def in_hands_of(self, user: User) -> Self:
        """Keep the open ones that are assigned to this person."""
        return self.open().filter(assignee=user.pk)

    def for_review_by(self, user: User) -> Self:
        """Keep those whose answer this person is to review."""
        return self.filter(reviewer=user.pk, state=State.IN_REVIEW)

    def waiting_for(self, user: User) -> Self:
        """Keep those this person must act on as the asker: a reply or a decision is wanted."""
        return self.filter(requester=user.pk, state__in=[State.NEEDS_INFO, State.ANSWERED])

    def unassigned(self) -> Self:
        """Keep the accepted ones that nobody has in hand."""
        return self.awake().filter(state=State.READY, assignee=None)

    def held_by(self, user: User) -> Self:
        """Keep what counts against this person's limit of work in progress."""
        return self.filter(assignee=user.pk, state__in=[State.IN_PROGRESS, State.IN_REVIEW])

    def overdue(self) -> Self:
        """Keep the open ones with a deadline that has passed."""
        return self.open().filter(next_due_at__lte=Now())

    def about(self, kind: str, key: str) -> Self:
        """Keep those that are linked to this thing, in whatever role."""
        return self.filter(Exists(QuestionLink.objects.filter(question=OuterRef("pk"), kind=kind, key=key)))

    def with_due(self) -> Self:
        """Add ``due``, the deadline by which work is ordered; never null."""
        return self.annotate(due=Coalesce("next_due_at", Value(NEVER)))

    def in_order_of_work(self) -> Self:
        """Order by priority, then deadline, then age: the order of the index ``question_queue``."""
        return self.order_by("priority", Coalesce("next_due_at", Value(NEVER)), "id")

    def for_rows(self) -> Self:
        """Read only what one line of a page shows (``requests_app.rows``): the fewer columns, the faster."""
        return self.select_related("requester", "assignee").only(*_OF_A_ROW)

    def for_list(self) -> Self:
        """Read what a list shows: people and teams joined, no texts, no search documents."""
        return self.select_related("requester", "assignee", "on_behalf", "pool").defer(
            "body", "search", "title_search", "decline_note", "block_note"
        )


def _of_the_team(user: User) -> Q:
    if user.may(Permission.ANSWER_QUESTIONS):
        return Q(visibility=Visibility.TEAM)
    colleague = Membership.objects.filter(user=OuterRef("requester"), team__in=user.team_ids)
    return Q(visibility=Visibility.TEAM) & (Q(on_behalf__in=user.team_ids) | Q(Exists(colleague)))
