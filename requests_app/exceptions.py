"""What can go wrong with questions, each a sentence; the docstring is the message."""

from collections.abc import Iterable

from django.utils.translation import gettext as _


class QuestionError(Exception):
    """Something about a question is not as it must be."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or "").strip().splitlines()[0])


class Conflict(QuestionError):
    """The question stands elsewhere by now."""


class IllegalTransition(Conflict):
    """This cannot be done with the question now."""

    def __init__(self, name: str, state: str, possible: Iterable[str]) -> None:
        self.name, self.state, self.possible = name, state, tuple(possible)
        super().__init__(f"{name} is not possible in the state {state}; possible: {', '.join(self.possible)}")


class ChangedMeanwhile(Conflict):
    """Somebody changed the question since it was opened."""


class TooLate(Conflict):
    """A question can be reopened within 14 days of its answer; ask a new one."""


class AlreadyTaken(Conflict):
    """Somebody else has already taken the question."""

    def __init__(self, holder: str) -> None:
        self.holder = holder
        super().__init__(_("%(name)s has already taken this question.") % {"name": holder})


class WipLimitReached(Conflict):
    """As many questions are in hand as the limit allows; a reason overrides it."""

    def __init__(self, held: int, limit: int) -> None:
        self.held, self.limit = held, limit
        message = _("%(held)s questions are in hand; the limit is %(limit)s. Give a reason to go beyond it.")
        super().__init__(message % {"held": held, "limit": limit})


class NothingToTake(Conflict):
    """No question waits for this person."""


class NothingToUndo(Conflict):
    """There is nothing to undo: too late, or something happened since."""


class NotAllowed(QuestionError):
    """You may see this question but not do this with it."""


class MissingField(QuestionError):
    """Something that this step needs was left out; ``field`` says what."""

    def __init__(self, field: str, message: str | None = None) -> None:
        self.field = field
        super().__init__(message or _("Fill in: %(field)s.") % {"field": field})


class CannotAnswer(MissingField):
    """The chosen person does not belong to the data team, or is not active."""


class ReviewNeeded(QuestionError):
    """An answer of this kind is read by a second person before the asker sees it."""


class NotOwnReview(MissingField):
    """Nobody reviews their own answer."""


class NotForThem(MissingField):
    """The asker may not see that question, so it can neither answer theirs nor stand for it."""
