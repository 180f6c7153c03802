"""Which questions use a thing, and how questions look where others name them."""

from collections.abc import Collection, Iterable, Mapping
from functools import reduce
from operator import or_
from typing import Final

from django.db.models import Q

from portal.accounts.models import User
from portal.events import Node, Reference, Usage
from requests_app.choices import LinkRole
from requests_app.models import Answer, DataRequest, QuestionLink

_LONGEST_NUMBER: Final = 18


def question_nodes(keys: Iterable[str], user: User) -> Mapping[str, Node]:
    """Return a node for each of these questions (keys are numbers) that the person may know of."""
    found = DataRequest.objects.visible_to(user).filter(number__in=_numbers(keys))
    return {question.key: node_of(question, user) for question in found.only("number", "title", "state")}


def answer_nodes(keys: Iterable[str], user: User) -> Mapping[str, Node]:
    """Return a node for each of these answers (keys are ids) that was published and may be seen."""
    found = Answer.objects.visible_to(user).filter(pk__in=_numbers(keys)).select_related("question")
    return {
        str(answer.pk): Node(
            label=answer.question.title,
            url=answer.question.get_absolute_url(),
            icon="ask",
            tone=answer.tone,
            state=str(answer.get_status_display()),
        )
        for answer in found
    }


def node_of(question: DataRequest, user: User) -> Node:
    """Return how the question looks to this reader, who may see it."""
    return Node(
        label=f"{question.label} {question.title}",
        url=question.get_absolute_url(),
        icon="ask",
        tone=question.tone,
        state=question.state_for(user),
        is_open=question.is_open,
    )


def questions_using(
    references: Collection[Reference], user: User, most: int, *, open_only: bool
) -> list[Usage]:
    """Return the questions linked to these things that this person may see: open ones first, then the newest.

    One query for all of them.
    """
    keys: dict[str, list[str]] = {}
    for kind, key in references:
        keys.setdefault(kind, []).append(key)
    if not keys:
        return []
    linked_to = reduce(or_, (Q(kind=kind, key__in=those) for kind, those in keys.items()))
    visible = DataRequest.objects.visible_to(user)
    links = (
        QuestionLink.objects.filter(linked_to, question__in=visible.open() if open_only else visible)
        .select_related("question")
        .defer("question__body", "question__search", "question__title_search")
        .order_by("-question_id", "role")[: 5 * most]
    )
    seen: dict[int, Usage] = {}
    for linked in sorted(links, key=lambda row: not row.question.is_open):
        usage = Usage(
            reference=("question", linked.question.key),
            node=node_of(linked.question, user),
            role=str(LinkRole(linked.role).label),
        )
        seen.setdefault(linked.question_id, usage)
    return list(seen.values())[:most]


def _numbers(keys: Iterable[str]) -> list[int]:
    """Return the keys that can be a number of PostgreSQL's bigint; others name nothing."""
    return [int(key) for key in keys if key.isascii() and key.isdigit() and len(key) <= _LONGEST_NUMBER]
