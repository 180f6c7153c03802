"""What one person is offered on a question's page, and how each step of the table is taken."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from portal.accounts.models import User
from portal.audit.actions import Actor
from requests_app import moment
from requests_app.access import available
from requests_app.actions import answers, asker, questions, triage, work
from requests_app.choices import State
from requests_app.models import DataRequest
from requests_app.transitions import Transition

# Pressed and done; whoever wants to say more finds the form at the step's own address.
DIRECT: Final = frozenset({"take", "wake", "me_too", "unfollow", "unblock", "resume"})
# These are done in the editor of the answer.
WRITTEN: Final = frozenset({"save_draft_answer", "submit_for_review", "publish_answer"})
# These stand beside what they change, not among the buttons.
BESIDE: Final = frozenset({"link", "unlink", "add_follower"})
_UNVERSIONED: Final = frozenset({"link", "unlink", "me_too", "unfollow", "add_follower"})
# Which steps stand beside the main one, the likeliest first; all others are in the menu.
_BESIDE_MAIN: Final = (
    "send_back", "ask_back", "reply", "block", "unblock", "reopen", "decline", "hand_over", "assign",
    "wake", "withdraw", "me_too",
)  # fmt: skip
_VISIBLE: Final = 2

_ACTS: Final[Mapping[str, Callable[..., object]]] = {
    "accept": triage.accept,
    "accept_answer": asker.accept_answer,
    "add_follower": questions.add_follower,
    "answer_with_existing": triage.answer_with_existing,
    "ask_back": triage.ask_back,
    "assign": work.assign,
    "block": work.block,
    "decline": triage.decline,
    "edit_question": questions.edit_question,
    "hand_over": work.hand_over,
    "link": questions.link,
    "mark_duplicate": triage.mark_duplicate,
    "me_too": questions.me_too,
    "publish_answer": answers.publish_answer,
    "reconsider": triage.reconsider,
    "release": work.release,
    "reopen": asker.reopen,
    "reply": asker.reply,
    "resume": triage.resume,
    "save_draft_answer": answers.save_draft_answer,
    "send_back": answers.send_back,
    "set_priority": triage.set_priority,
    "snooze": triage.snooze,
    "submit_for_review": answers.submit_for_review,
    "take": work.take,
    "unblock": work.unblock,
    "unfollow": questions.unfollow,
    "unlink": questions.unlink,
    "wake": triage.wake,
    "withdraw": asker.withdraw,
}

DONE: Final[Mapping[str, Promise]] = {
    "accept": _("{question} is accepted."),
    "accept_answer": _("{question} is closed. Thank you: what was decided is kept with it."),
    "add_follower": _("They may see it from now on and are told of it."),
    "answer_with_existing": _("{question} is answered."),
    "ask_back": _("{question} waits for the asker."),
    "assign": _("{question} is assigned."),
    "block": _("{question} is blocked."),
    "decline": _("{question} is declined; the asker is told."),
    "edit_question": _("The question is changed."),
    "hand_over": _("{question} is handed over."),
    "link": _("The link is added."),
    "mark_duplicate": _("{question} is a duplicate; the asker follows the other one."),
    "me_too": _("You will hear when it is answered."),
    "publish_answer": _("The answer is published; the asker is told."),
    "reconsider": _("{question} is back in triage."),
    "release": _("{question} is back in the queue."),
    "reopen": _("{question} is open again."),
    "reply": _("Your reply is sent; the data team goes on."),
    "resume": _("{question} goes on."),
    "save_draft_answer": _("The draft is saved."),
    "send_back": _("The answer is sent back to its author."),
    "set_priority": _("The priority is set; the deadlines follow."),
    "snooze": _("{question} is snoozed."),
    "submit_for_review": _("The answer is sent to review."),
    "take": _("{question} is yours."),
    "unblock": _("{question} goes on."),
    "unfollow": _("You will not hear of it any more."),
    "unlink": _("The link is removed."),
    "wake": _("{question} is awake."),
    "withdraw": _("{question} is withdrawn."),
}


@dataclass(frozen=True, slots=True)
class Offer:
    """A step as a button: where it leads, whether pressing is enough, and whether it is the main one."""

    row: Transition
    label: Promise | str
    url: str
    direct: bool = False
    primary: bool = False

    @property
    def is_page(self) -> bool:
        """Whether it leads to a page of its own rather than to a small form."""
        return self.row.name in WRITTEN or self.row.name == "accept_answer"


@dataclass(frozen=True, slots=True)
class Offers:
    """The buttons in the order of the table: the main one, a few beside it, the rest in the menu."""

    every: tuple[Offer, ...]

    @property
    def shown(self) -> tuple[Offer, ...]:
        """The main one and those beside it."""
        by_name = {offer.row.name: offer for offer in self.every if not offer.primary}
        others = [by_name[name] for name in _BESIDE_MAIN if name in by_name]
        return (*(offer for offer in self.every if offer.primary), *others[:_VISIBLE])

    @property
    def more(self) -> tuple[Offer, ...]:
        """What stands in the menu."""
        shown = self.shown
        return tuple(offer for offer in self.every if offer not in shown)

    def has(self, name: str) -> bool:
        """Say whether this step is among them."""
        return any(offer.row.name == name for offer in self.every)


def offered(question: DataRequest, user: User, *, follows: bool) -> tuple[Transition, ...]:
    """Return the table's steps for this person, without those that would change nothing or come too late."""
    return tuple(row for row in available(question, user) if _applies(row.name, question, user, follows))


def offers_of(question: DataRequest, rows: tuple[Transition, ...]) -> Offers:
    """Return the steps as buttons; the first with the accent is the main one, and writing is one button."""
    wanted = [row for row in rows if row.name not in BESIDE]
    writing = [row for row in wanted if row.name in WRITTEN]
    main = next((row for row in wanted if row.tone == "accent"), None)
    made: list[Offer] = []
    for row in wanted:
        if row.name not in WRITTEN:
            url = reverse("question_step", args=[question.number, row.name])
            made.append(Offer(row, row.label, url, row.name in DIRECT, row is main))
        elif row is writing[-1] if main not in writing else row is main:
            url = reverse("question_answer", args=[question.number])
            made.append(Offer(row, _writing_label(question), url, primary=row is main))
    return Offers(tuple(made))


def perform(
    row: Transition,
    *,
    question: DataRequest,
    user: User,
    by: Actor,
    values: Mapping[str, Any],
    version: int | None,
) -> None:
    """Take the step; raises what its action raises. ``values`` are the action's own arguments."""
    given = dict(values)
    if row.name not in _UNVERSIONED and row.name != "save_draft_answer":
        given["version"] = version
    _ACTS[row.name](question=question, user=user, by=by, **given)


def _writing_label(question: DataRequest) -> Promise:
    if question.state == State.IN_REVIEW:
        return _("Review the answer")
    return _("Write the answer")


def _applies(name: str, question: DataRequest, user: User, follows: bool) -> bool:
    if name == "me_too":
        return not follows and question.requester_id != user.pk
    if name == "unfollow":
        return follows
    if name in {"wake", "snooze"}:
        return question.is_snoozed == (name == "wake")
    if name == "take":
        return question.assignee_id in {None, user.pk}
    if name == "reopen":
        ended = question.closed_at or question.answered_at
        return ended is None or moment.now() - ended <= asker.REOPEN_WITHIN
    return True
