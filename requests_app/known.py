"""What is known already, as the ask form shows it: suggestions with their words for one reader."""

from dataclasses import dataclass

from catalog.lineage import node_of
from portal.accounts.models import User
from portal.events import Node, Reference
from portal.evidence.choices import Verdict
from portal.evidence.risk import risks
from requests_app.choices import AnswerStatus
from requests_app.models import DataRequest
from requests_app.suggestions import suggest


@dataclass(frozen=True, slots=True)
class Suggested:
    """A question with the mark that says how far it helps."""

    question: DataRequest
    tone: str
    status: str


@dataclass(frozen=True, slots=True)
class Thing:
    """A metric or dataset that fits."""

    reference: Reference
    node: Node


@dataclass(frozen=True, slots=True)
class Known:
    """What fits the words, best first; all empty: nobody has asked this yet."""

    answered: list[Suggested]
    open: list[Suggested]
    things: list[Thing]


def known_for(words: str, user: User) -> Known | None:
    """Return what this person may see of what fits; None while there are too few words to tell."""
    found = suggest(words=words, user=user)
    if found is None:
        return None
    moved = risks("answer", [str(question.answer_id) for question in found.answered if question.answer_id])
    return Known(
        answered=[_answered(question, moved.get(str(question.answer_id))) for question in found.answered],
        open=[Suggested(question, question.tone, question.state_for(user)) for question in found.open],
        things=[Thing((asset.kind, asset.key), node_of(asset)) for asset in found.assets],
    )


def _answered(question: DataRequest, moved: Verdict | None) -> Suggested:
    if moved is not None:
        return Suggested(question, moved.tone, str(moved.label))
    status = AnswerStatus(question.answer.status) if question.answer else AnswerStatus.PUBLISHED
    return Suggested(question, status.tone, str(status.label))
