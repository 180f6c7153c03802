"""Turn the body of a transition into the action of the same name."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from django.http import Http404
from django.utils.dateparse import parse_datetime
from rest_framework.exceptions import ValidationError

from portal.accounts.models import User
from portal.audit.actions import Actor
from portal.events import Reference, nodes
from requests_app.access import access_question, colleague, pool_named
from requests_app.actions import answers, asker, questions, triage, work
from requests_app.models import Answer, DataRequest, Pool

ACTIONS: Final[Mapping[str, Callable[..., Any]]] = {
    "accept": triage.accept,
    "ask_back": triage.ask_back,
    "answer_with_existing": triage.answer_with_existing,
    "mark_duplicate": triage.mark_duplicate,
    "decline": triage.decline,
    "reconsider": triage.reconsider,
    "resume": triage.resume,
    "set_priority": triage.set_priority,
    "snooze": triage.snooze,
    "wake": triage.wake,
    "reply": asker.reply,
    "withdraw": asker.withdraw,
    "accept_answer": asker.accept_answer,
    "reopen": asker.reopen,
    "take": work.take,
    "release": work.release,
    "block": work.block,
    "unblock": work.unblock,
    "assign": work.assign,
    "hand_over": work.hand_over,
    "submit_for_review": answers.submit_for_review,
    "send_back": answers.send_back,
    "publish_answer": answers.publish_answer,
    "save_draft_answer": answers.save_draft_answer,
    "me_too": questions.me_too,
    "unfollow": questions.unfollow,
}
_WITHOUT_VERSION: Final = frozenset({"me_too", "unfollow", "save_draft_answer"})
_NUMBERS: Final = frozenset({"impact", "urgency", "priority", "effort", "helpful", "answer_version"})
_PEOPLE: Final = frozenset({"assignee", "reviewer"})


def run(
    question: DataRequest,
    name: str,
    fields: Mapping[str, Any],
    *,
    user: User,
    by: Actor,
    version: int | None,
) -> None:
    """Take the step; raises what the action raises, and ValidationError for fields it does not know."""
    given = {field: _read(field, value, user) for field, value in fields.items()}
    if name not in _WITHOUT_VERSION:
        given["version"] = version
    try:
        ACTIONS[name](question=question, user=user, by=by, **given)
    except TypeError as error:
        # The action's own signature says which fields there are.
        if "argument" not in str(error):
            raise
        raise ValidationError({"fields": [_which(error)]}) from error


def _which(error: TypeError) -> str:
    return str(error).split("() ", 1)[-1]


def _read(field: str, value: Any, user: User) -> Any:
    """Return a field's value as the action takes it; what the person may not see does not exist."""
    if field in _NUMBERS:
        return _whole(field, value)
    if field in _PEOPLE:
        return _person(field, value)
    readers: dict[str, Callable[[], Any]] = {
        "canonical": lambda: _question(value, user),
        "answer": lambda: _answer(value, user),
        "pool": lambda: _pool(value),
        "until": lambda: _time(value),
        "blocker": lambda: reference(value, user),
    }
    if field in readers:
        return readers[field]()
    if not isinstance(value, str):
        raise ValidationError({field: ["It takes a text."]})
    return value


def _whole(field: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**31:
        raise ValidationError({field: ["It takes a whole number."]})
    return value


def _person(field: str, value: Any) -> User:
    """Return a colleague of the data team by their e-mail."""
    found = colleague(str(value))
    if found is None:
        raise ValidationError({field: ["It takes the e-mail of somebody of the data team."]})
    return found


def _question(value: Any, user: User) -> DataRequest:
    try:
        return access_question(user, _whole("canonical", value))
    except Http404:
        raise ValidationError({"canonical": ["There is no such question."]}) from None


def _answer(value: Any, user: User) -> Answer:
    found = Answer.objects.visible_to(user).filter(pk=_whole("answer", value)).first()
    if found is None:
        raise ValidationError({"answer": ["There is no such answer."]})
    return found


def _pool(value: Any) -> Pool:
    found = pool_named(str(value))
    if found is None:
        raise ValidationError({"pool": ["There is no such pool."]})
    return found


def _time(value: Any) -> datetime:
    try:
        found = parse_datetime(str(value))
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise ValidationError({"until": ["It takes a time with its zone, as in 2026-03-05T09:00:00+09:00."]})
    return found


def reference(value: Any, user: User, field: str = "blocker") -> Reference:
    """Return «kind:key» as a reference to a thing that this person may know of."""
    kind, _, key = str(value).partition(":")
    if not nodes.resolve([(kind, key)], user):
        raise ValidationError({field: ["There is no such thing, or none that you may see."]})
    return (kind, key)
