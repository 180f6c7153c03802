"""What a question's page reads of what stands around it; asked for all day, so its SQL is written once."""

from typing import Final

from portal.accounts.models import User
from portal.accounts.prepared import Prepared
from requests_app.models import (
    Answer,
    DataRequest,
    DecisionRecord,
    Follower,
    QuestionLink,
    SlaClock,
    StateSpan,
)

_FOLLOWERS: Final = Prepared(
    lambda most, *, question: (
        Follower.objects.filter(question=question).select_related("user").order_by("-pk")[:most]
    )
)
_DRAFT: Final = Prepared(
    lambda *, question: (
        Answer.objects.filter(question=question).drafts().select_related("author", "reviewer")[:1]
    )
)
_DECISIONS: Final = Prepared(
    lambda *, question: DecisionRecord.objects.filter(question=question).select_related("decided_by")[:3]
)
_CLOCKS: Final = Prepared(
    lambda *, question: SlaClock.objects.filter(question=question).select_related("calendar")
)
_LINKS: Final = Prepared(lambda *, question: QuestionLink.objects.filter(question=question)[:200])
_SPANS: Final = Prepared(lambda *, question: StateSpan.objects.filter(question=question)[:500])
_OTHER: Final = Prepared(lambda *, user, pk: DataRequest.objects.visible_to(user).filter(pk=pk))


def other(pk: int, user: User) -> DataRequest | None:
    """Return another question, if this person may know of it."""
    return _OTHER.first(user=user, pk=pk)


def followers_of(question: DataRequest, most: int) -> list[Follower]:
    """Return its newest followers with their people."""
    return _FOLLOWERS(most, question=question.pk)


def draft_of(question: DataRequest) -> Answer | None:
    """Return the answer that is still being written or reviewed, with its author and reviewer."""
    return _DRAFT.first(question=question.pk)


def decisions_of(question: DataRequest) -> list[DecisionRecord]:
    """Return the newest decisions that it served, with who made them."""
    return _DECISIONS(question=question.pk)


def clocks_of(question: DataRequest) -> list[SlaClock]:
    """Return its deadlines with their calendars."""
    return _CLOCKS(question=question.pk)


def links_of(question: DataRequest) -> list[QuestionLink]:
    """Return what it has to do with."""
    return _LINKS(question=question.pk)


def spans_of(question: DataRequest) -> list[StateSpan]:
    """Return the spans of its states, the first one first."""
    return _SPANS(question=question.pk)
