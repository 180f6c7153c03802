"""A question as a line of a list, the same on every page."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils import timezone

from portal.accounts.models import User
from requests_app.due import Due, due_of
from requests_app.models import DataRequest


@dataclass(frozen=True, slots=True)
class Row:
    """One question of a list, its state in the reader's words."""

    question: DataRequest
    state: str
    due: Due | None


def rows(questions: Iterable[DataRequest], reader: User) -> list[Row]:
    """Return what a list shows of each question; they come from ``for_rows``."""
    now = timezone.now()
    return [Row(question, question.state_for(reader), due_of(question, now)) for question in questions]
