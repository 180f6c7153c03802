"""What to say when a step is refused: what happened meanwhile, who did it, and what is possible now."""

from collections.abc import Callable
from typing import Final

from django.utils.translation import gettext as _

from portal.accounts.models import User
from portal.ui import formats
from requests_app.access import available
from requests_app.exceptions import (
    AlreadyTaken,
    CannotAnswer,
    ChangedMeanwhile,
    IllegalTransition,
    MissingField,
    NotForThem,
    NothingToTake,
    NothingToUndo,
    NotOwnReview,
    QuestionError,
    ReviewNeeded,
    TooLate,
    WipLimitReached,
)
from requests_app.models import DataRequest
from requests_app.story import step_in_words

_SENTENCES: Final[dict[type[QuestionError], Callable[[], str]]] = {
    CannotAnswer: lambda: _("This person does not belong to the data team, or is not active."),
    NotForThem: lambda: _("The asker may not see that question, so it cannot stand for theirs."),
    NotOwnReview: lambda: _("Nobody reviews their own answer. Choose a colleague."),
    NothingToTake: lambda: _("No question waits for you."),
    NothingToUndo: lambda: _("There is nothing to undo: too late, or something happened since."),
    ReviewNeeded: lambda: _("An answer of this kind is read by a second person first: send it to review."),
    TooLate: lambda: _("A question can be reopened within 14 days of its answer. Ask a new one."),
}


def said(error: QuestionError, question: DataRequest, user: User) -> str:
    """Return the refusal as a sentence in the reader's language."""
    if isinstance(error, AlreadyTaken | WipLimitReached):
        return str(error)
    if isinstance(error, IllegalTransition | ChangedMeanwhile):
        return " ".join(filter(None, (_happened(question, user), _possible(question, user))))
    for kind, words in _SENTENCES.items():
        if isinstance(error, kind):
            return words()
    return _("Fill this in.") if isinstance(error, MissingField) else _("This cannot be done now.")


def _happened(question: DataRequest, user: User) -> str:
    """Say what was done last, by whom and when, as far as the reader may know."""
    last = question.events.select_related("user").order_by("-id").first()
    if last is None:
        return _("The question has changed meanwhile.")
    return _("The question has changed meanwhile: %(what)s, %(when)s.") % {
        "what": step_in_words(last, user),
        "when": formats.ago(last.at),
    }


def _possible(question: DataRequest, user: User) -> str:
    steps = [str(row.label) for row in available(question, user) if not row.stays]
    if not steps:
        return _("Nothing is left for you to do here.")
    return _("Now you can: %(steps)s.") % {"steps": ", ".join(steps)}
