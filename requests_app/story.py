"""What happened to a question, in words, as far as its reader may know."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.accounts.models import User
from portal.accounts.permissions import Permission
from portal.accounts.prepared import Prepared
from portal.events import Node, Reference, nodes
from portal.ui import formats
from portal.ui.paging import Page, first_page, keyset
from requests_app.choices import BlockReason, DeclineReason, LinkRole, Outcome, Priority, State
from requests_app.models import DataRequest, QuestionEvent

PAGE: Final = 20
_ORDER: Final = ("-id",)
_NEWEST: Final = Prepared(
    lambda internal, *, question: _events(question, internal=internal).order_by(*_ORDER)[: PAGE + 1]
)


@dataclass(frozen=True, slots=True)
class Told:
    """One event as it is shown: who did what, what they said, and the thing it speaks of ("" for none)."""

    tone: str
    who: str
    text: str
    at: datetime
    quote: str = ""
    url: str = ""
    internal: bool = False


# The sentence behind the actor's name. {thing} is another thing, {who} another person.
_SENTENCES: Final[Mapping[str, Promise]] = {
    "accept": gettext_lazy("accepted it"),
    "accept_answer": gettext_lazy("closed it with a decision"),
    "add_follower": gettext_lazy("let {person} in"),
    "answer_with_existing": gettext_lazy("answered it with the answer to {thing}"),
    "ask": gettext_lazy("asked"),
    "ask_back": gettext_lazy("asked back"),
    "assign": gettext_lazy("assigned it to {to}"),
    "block": gettext_lazy("blocked it: {reason}"),
    "close_answered": gettext_lazy("closed it: nobody objected to the answer"),
    "close_unanswered": gettext_lazy("closed it: the asker did not reply"),
    "decline": gettext_lazy("declined it"),
    "edit_question": gettext_lazy("edited it"),
    "hand_over": gettext_lazy("handed it over to {to}"),
    "link": gettext_lazy("linked {thing}"),
    "mark_duplicate": gettext_lazy("marked it as a duplicate of {thing}"),
    "me_too": gettext_lazy("wants to know it too"),
    "publish_answer": gettext_lazy("published the answer"),
    "reconsider": gettext_lazy("took it up again"),
    "release": gettext_lazy("gave it back to the queue"),
    "remind": gettext_lazy("reminded the asker"),
    "reopen": gettext_lazy("reopened it"),
    "reply": gettext_lazy("replied"),
    "resume": gettext_lazy("went on without a reply"),
    "send_back": gettext_lazy("sent the answer back"),
    "set_priority": gettext_lazy("set the priority to {priority}"),
    "snooze": gettext_lazy("snoozed it until {until}"),
    "submit_for_review": gettext_lazy("sent the answer to {reviewer} for review"),
    "take": gettext_lazy("took it"),
    "unblock": gettext_lazy("went on with it"),
    "undo": gettext_lazy("took the last step back"),
    "unfollow": gettext_lazy("stopped following"),
    "unlink": gettext_lazy("removed the link to {thing}"),
    "wake": gettext_lazy("woke it"),
    "withdraw": gettext_lazy("withdrew it"),
}


def story_of(question: DataRequest, reader: User, cursor: str | None = None) -> tuple[list[Told], str | None]:
    """Return a page of events, newest first, and the cursor of the earlier ones (None: there are none)."""
    internal = reader.may(Permission.ANSWER_QUESTIONS)
    page: Page[QuestionEvent]
    if cursor:
        page = keyset(_events(question.pk, internal=internal), order=_ORDER, cursor=cursor, size=PAGE)
    else:
        page = first_page(_NEWEST(internal, question=question.pk), order=_ORDER, size=PAGE)
    known = nodes.resolve(_named(page.items), reader)
    return [_told(event, reader, known) for event in page.items], page.next_cursor


def _events(question: int, *, internal: bool) -> QuerySet[QuestionEvent]:
    events = QuestionEvent.objects.filter(question=question).select_related("user")
    return events if internal else events.filter(internal=False)


def step_in_words(event: QuestionEvent, reader: User) -> str:
    """Say who did what, as one clause; what is internal is only said to have been done."""
    if event.internal and not reader.may(Permission.ANSWER_QUESTIONS):
        return _("the data team worked on it")
    return f"{_who(event)} {_text(event, nodes.resolve(_named([event]), reader))}"


def _told(event: QuestionEvent, reader: User, known: Mapping[Reference, Node]) -> Told:
    reference = _reference(event)
    node = known.get(reference) if reference else None
    return Told(
        tone=_tone(event),
        who=_who(event),
        text=_text(event, known),
        at=event.at,
        quote=_quote(event, reader),
        url=node.url if node else "",
        internal=event.internal,
    )


def _who(event: QuestionEvent) -> str:
    if event.user is not None:
        return event.user.name
    return _("Data Desk") if event.actor == "clock" else event.actor


def _tone(event: QuestionEvent) -> str:
    moved = event.to_state and event.to_state != event.from_state
    return State(event.to_state).tone if moved else "neutral"


def _text(event: QuestionEvent, known: Mapping[Reference, Node]) -> str:
    sentence = _SENTENCES.get(event.kind)
    if sentence is None:
        return event.kind
    return str(sentence).format_map(_words(event, known))


def _words(event: QuestionEvent, known: Mapping[Reference, Node]) -> dict[str, Any]:
    """Return what stands in the braces of a sentence."""
    data = event.data
    reference = _reference(event)
    node = known.get(reference) if reference else None
    until = parse_datetime(str(data.get("until", "")))
    priority = data.get("priority")
    return {
        "thing": node.label if node else _("something you may not see"),
        "person": data.get("person", ""),
        "to": data.get("to", ""),
        "reviewer": data.get("reviewer", ""),
        "reason": str(_label(BlockReason, data.get("reason", ""))),
        "priority": str(_label(Priority, priority)),
        "until": formats.moment(until) if until else "",
    }


def _label(choices: Any, value: Any) -> Any:
    return dict(choices.choices).get(value, value)


def _quote(event: QuestionEvent, reader: User) -> str:
    note = str(event.data.get("note") or "")
    if event.kind == "accept_answer":
        outcome = str(_label(Outcome, event.data.get("outcome", "")))
        return ". ".join(filter(None, (outcome.rstrip("."), note)))
    if event.kind == "accept" and reader.may(Permission.ANSWER_QUESTIONS) and event.data.get("next"):
        return _("Next in line: %(name)s") % {"name": event.data["next"]}
    if event.kind == "set_priority":
        return str(event.data.get("reason") or "")
    if event.kind == "link":
        return str(_label(LinkRole, event.data.get("role", "")))
    override = str(event.data.get("override") or "")
    if override and reader.may(Permission.ANSWER_QUESTIONS):
        return ". ".join(filter(None, (note, _("Beyond the limit: %(reason)s") % {"reason": override})))
    return note


def _named(events: Iterable[QuestionEvent]) -> list[Reference]:
    return [reference for event in events if (reference := _reference(event)) is not None]


def _reference(event: QuestionEvent) -> Reference | None:
    """Return the other thing that an event speaks of."""
    data = event.data
    if event.kind in {"link", "unlink"} and len(data.get("reference", ())) == 2:
        kind, key = data["reference"]
        return str(kind), str(key)
    number = data.get("canonical") if event.kind == "mark_duplicate" else data.get("of")
    return ("question", str(number)) if number else None


def reason_in_words(question: DataRequest) -> str:
    """Say why it was declined or what it waits for, "" where neither is so."""
    if question.state == State.DECLINED:
        return str(_label(DeclineReason, question.decline_reason))
    return str(_label(BlockReason, question.block_reason)) if question.state == State.BLOCKED else ""


def url_of(question: DataRequest) -> str:
    """Return the address of its page."""
    return reverse("question", args=[question.number])
