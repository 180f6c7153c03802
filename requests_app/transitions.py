"""What may be done with a question, by whom, and what follows: one table for actions, API, buttons, keys."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from requests_app.choices import State


class Party(StrEnum):
    """What somebody is to one question; one person may be several things at once."""

    ASKER = "asker"
    ANALYST = "analyst"
    ASSIGNEE = "assignee"
    REVIEWER = "reviewer"
    TRIAGER = "triager"
    READER = "reader"
    CLOCK = "clock"


class Effect(StrEnum):
    """What a step does to stamps and clocks, beside pausing and resuming them by its state."""

    TRIAGED = "triaged"
    RESPONDED = "responded"
    STARTED = "started"
    ANSWERED = "answered"
    CLOSED = "closed"
    NEW_CYCLE = "new cycle"
    ASKER_WAITS = "asker waits"
    UPDATED = "updated"
    HANDED_OVER = "handed over"


@dataclass(frozen=True, slots=True)
class Transition:
    """One step from ``sources`` to one of ``targets``; without targets the state stays as it is.

    Several targets: the first is the usual one, the row decides. ``needs`` are the fields a form must fill,
    ``may`` those it may offer. ``news`` is the kind of notification, empty for none. ``key`` is the key on
    the question's page and in the triage inbox.
    """

    name: str
    label: Promise
    sources: frozenset[State]
    targets: tuple[State, ...]
    who: frozenset[Party]
    needs: tuple[str, ...] = ()
    may: tuple[str, ...] = ()
    effects: frozenset[Effect] = frozenset()
    news: str = ""
    key: str = ""
    tone: str = ""
    undoable: bool = False

    @property
    def stays(self) -> bool:
        """Whether the state remains."""
        return not self.targets


def _row(
    name: str,
    label: Promise,
    sources: Iterable[State],
    targets: Iterable[State],
    who: Iterable[Party],
    *effects: Effect,
    needs: tuple[str, ...] = (),
    may: tuple[str, ...] = (),
    news: str = "",
    key: str = "",
    tone: str = "",
    undoable: bool = False,
) -> Transition:
    return Transition(
        name,
        label,
        frozenset(sources),
        tuple(targets),
        frozenset(who),
        needs,
        may,
        frozenset(effects),
        news,
        key,
        tone,
        undoable,
    )


_NEW, _INFO, _READY, _WORK = State.NEW, State.NEEDS_INFO, State.READY, State.IN_PROGRESS
_BLOCKED, _REVIEW, _DONE = State.BLOCKED, State.IN_REVIEW, State.ANSWERED
_CLOSED, _DECLINED, _DUPLICATE = State.CLOSED, State.DECLINED, State.DUPLICATE
_OPEN: Final = State.open()
_TRIAGER, _ASSIGNEE, _ASKER = Party.TRIAGER, Party.ASSIGNEE, Party.ASKER
_TRIAGED = ("kind", "impact", "urgency")

# fmt: off
TRANSITIONS: Final[tuple[Transition, ...]] = (
    # Triage
    _row("accept", _("Accept"), [_NEW], [_READY], [_TRIAGER], Effect.TRIAGED, Effect.RESPONDED,
         needs=_TRIAGED,
         may=("effort", "pool", "assignee", "priority", "priority_reason"), key="a", tone="accent",
         undoable=True),
    _row("ask_back", _("Ask back"), [_NEW], [_INFO], [_TRIAGER], Effect.RESPONDED, needs=("note",),
         news="question.needs_info", key="i", undoable=True),
    _row("ask_back", _("Ask back"), [_READY, _WORK], [_INFO], [_TRIAGER, _ASSIGNEE], Effect.RESPONDED,
         Effect.UPDATED, needs=("note",), news="question.needs_info", key="i"),
    _row("answer_with_existing", _("Answer with an existing answer"), [_NEW, _READY], [_DONE], [_TRIAGER],
         Effect.TRIAGED, Effect.RESPONDED, Effect.ANSWERED, needs=("answer",), may=("note",),
         news="question.answered", key="e", undoable=True),
    _row("mark_duplicate", _("Mark as duplicate"), _OPEN, [_DUPLICATE], [_TRIAGER, _ASSIGNEE], Effect.TRIAGED,
         Effect.RESPONDED, Effect.CLOSED, needs=("canonical",), may=("note",), news="question.duplicate",
         key="m", undoable=True),
    _row("decline", _("Decline"), _OPEN, [_DECLINED], [_TRIAGER, _ASSIGNEE], Effect.TRIAGED, Effect.RESPONDED,
         Effect.CLOSED, needs=("reason", "note"), news="question.declined", key="x", tone="danger",
         undoable=True),
    _row("reconsider", _("Take up again"), [_DECLINED, _DUPLICATE], [_NEW], [_TRIAGER], Effect.NEW_CYCLE,
         may=("note",), news="question.reopened"),
    # The asker's part
    _row("reply", _("Reply"), [_INFO], [_NEW, _READY, _WORK], [_ASKER], Effect.ASKER_WAITS, needs=("note",),
         news="question.replied", key="r", tone="accent"),
    _row("resume", _("Go on without a reply"), [_INFO], [_NEW, _READY, _WORK], [_TRIAGER, _ASSIGNEE],
         may=("note",), key="r"),
    _row("withdraw", _("Withdraw"), _OPEN, [_CLOSED], [_ASKER], Effect.CLOSED, may=("note",),
         news="question.closed"),
    _row("accept_answer", _("Close with a decision"), [_DONE], [_CLOSED], [_ASKER], Effect.CLOSED,
         needs=("outcome",), may=("decision", "value_kind", "value_low", "value_high", "confidence",
         "helpful"),
         news="question.closed", key="a", tone="accent"),
    _row("reopen", _("Reopen"), [_DONE, _CLOSED], [_WORK, _READY, _NEW], [_ASKER, _TRIAGER], Effect.NEW_CYCLE,
         Effect.ASKER_WAITS, needs=("note",), news="question.reopened", key="o"),
    # Work
    _row("take", _("Take"), [_READY], [_WORK], [Party.ANALYST], Effect.STARTED, may=("override",),
         news="question.assigned", key="t", tone="accent"),
    _row("release", _("Give back"), [_WORK], [_READY], [_ASSIGNEE, _TRIAGER], may=("note",)),
    _row("block", _("Block"), [_WORK], [_BLOCKED], [_ASSIGNEE, _TRIAGER], Effect.UPDATED, needs=("reason",),
         may=("note", "blocker"), news="question.blocked", key="b"),
    _row("unblock", _("Unblock"), [_BLOCKED], [_WORK], [_ASSIGNEE, _TRIAGER, Party.CLOCK], may=("note",),
         news="question.unblocked", key="b"),
    _row("submit_for_review", _("Send to review"), [_WORK], [_REVIEW], [_ASSIGNEE],
         needs=("reviewer", "body"), news="question.in_review", key="v"),
    _row("send_back", _("Send back"), [_REVIEW], [_WORK], [Party.REVIEWER, _TRIAGER], needs=("note",),
         news="question.sent_back", key="s"),
    _row("publish_answer", _("Publish the answer"), [_WORK], [_DONE], [_ASSIGNEE], Effect.RESPONDED,
         Effect.ANSWERED, Effect.UPDATED, needs=("body",), news="question.answered", key="p", tone="accent"),
    _row("publish_answer", _("Publish the answer"), [_REVIEW], [_DONE], [Party.REVIEWER, _TRIAGER],
         Effect.RESPONDED, Effect.ANSWERED, Effect.UPDATED, may=("body",), news="question.answered", key="p",
         tone="accent"),
    # The clock's part
    _row("close_unanswered", _("Close for want of a reply"), [_INFO], [_CLOSED], [Party.CLOCK], Effect.CLOSED,
         news="question.closed"),
    _row("close_answered", _("Close as accepted"), [_DONE], [_CLOSED], [Party.CLOCK], Effect.CLOSED,
         news="question.closed"),
    # What leaves the state as it is
    _row("assign", _("Assign"), [_READY, _WORK, _INFO, _BLOCKED], [], [_TRIAGER], Effect.HANDED_OVER,
         needs=("assignee",), may=("override", "note"), news="question.assigned", key="g", undoable=True),
    _row("hand_over", _("Hand over"), [_READY, _WORK, _INFO, _BLOCKED], [], [_ASSIGNEE], Effect.HANDED_OVER,
         needs=("assignee", "note"), may=("override",), news="question.assigned", key="h"),
    _row("set_priority", _("Set the priority"), _OPEN, [], [_TRIAGER], needs=("impact", "urgency"),
         may=("priority", "priority_reason"), key="1", undoable=True),
    _row("edit_question", _("Edit"), _OPEN, [], [_ASKER, _TRIAGER, _ASSIGNEE],
         may=("title", "body", "kind", "decision_needed", "decision_by", "visibility", "on_behalf")),
    _row("snooze", _("Snooze"), _OPEN, [], [_TRIAGER, _ASSIGNEE], needs=("until",), may=("wake_on",), key="z",
         undoable=True),
    _row("wake", _("Wake"), _OPEN, [], [_TRIAGER, _ASSIGNEE, Party.CLOCK], key="w"),
    _row("link", _("Link"), frozenset(State), [], [_ASKER, Party.ANALYST], needs=("reference", "role")),
    _row("unlink", _("Remove the link"), frozenset(State), [], [_ASKER, Party.ANALYST],
         needs=("reference", "role")),
    _row("me_too", _("Me too"), _OPEN | {_DONE}, [], [Party.READER], news="question.followed", key="f"),
    _row("unfollow", _("Stop following"), frozenset(State), [], [Party.READER]),
    _row("add_follower", _("Add a person"), frozenset(State), [], [_ASKER, _TRIAGER, _ASSIGNEE],
         needs=("person",)),
    _row("save_draft_answer", _("Save the draft"), [_WORK, _REVIEW, _BLOCKED, _INFO], [],
         [_ASSIGNEE, Party.REVIEWER], needs=("body",)),
)
# fmt: on


def find(name: str, state: str) -> Transition | None:
    """Return the row of this step out of this state; None where the table has none."""
    return next((row for row in TRANSITIONS if row.name == name and state in row.sources), None)


def possible(state: str, parties: Iterable[Party]) -> tuple[Transition, ...]:
    """Return what somebody who is all of ``parties`` may do in this state, in the table's order."""
    held = frozenset(parties)
    return tuple(row for row in TRANSITIONS if state in row.sources and row.who & held)
