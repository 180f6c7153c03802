"""What a notification says; a new kind takes its line here.

``{actor}`` is who did it, ``{object}`` the thing's name as the reader may know it, so that each language
keeps its own order.
"""

from dataclasses import dataclass
from typing import Final

from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.notifications.choices import Sort
from portal.notifications.models import Notification


@dataclass(frozen=True, slots=True)
class Wording:
    """A kind's sentence, the sort by which people decide how to be told, and its symbol."""

    sentence: Promise
    sort: Sort
    icon: str = "bell"


KINDS: Final[dict[str, Wording]] = {
    "question.asked": Wording(gettext_lazy("{actor} asks: {object}"), Sort.FOR_ME, "ask"),
    "question.assigned": Wording(gettext_lazy("{actor} gives you {object}"), Sort.FOR_ME, "inbox"),
    "question.taken": Wording(gettext_lazy("{actor} works on {object}"), Sort.ANSWERED, "play"),
    "question.handed_over": Wording(
        gettext_lazy("{actor} gave {object} to somebody else"), Sort.FOR_ME, "people"
    ),
    "question.woken": Wording(gettext_lazy("{object} is back from its snooze"), Sort.FOR_ME, "clock"),
    "question.undone": Wording(
        gettext_lazy("{actor} took back the last step on {object}"), Sort.ANSWERED, "again"
    ),
    "question.let_in": Wording(gettext_lazy("{actor} let you into {object}"), Sort.FOR_ME, "people"),
    "question.needs_info": Wording(
        gettext_lazy("{actor} needs to know something about {object}"), Sort.FOR_ME, "ask"
    ),
    "question.reminded": Wording(gettext_lazy("{object} still waits for your reply"), Sort.FOR_ME, "ask"),
    "question.replied": Wording(gettext_lazy("{actor} replied to {object}"), Sort.FOR_ME, "ask"),
    "question.in_review": Wording(
        gettext_lazy("{actor} asks you to review the answer to {object}"), Sort.FOR_ME, "eye"
    ),
    "question.sent_back": Wording(
        gettext_lazy("{actor} sent back your answer to {object}"), Sort.FOR_ME, "again"
    ),
    "question.answered": Wording(gettext_lazy("{actor} answered {object}"), Sort.ANSWERED, "check"),
    "question.closed": Wording(gettext_lazy("{actor} closed {object}"), Sort.ANSWERED, "check"),
    "question.reopened": Wording(gettext_lazy("{actor} reopened {object}"), Sort.FOR_ME, "again"),
    "question.declined": Wording(gettext_lazy("{actor} declined {object}"), Sort.ANSWERED, "x"),
    "question.duplicate": Wording(
        gettext_lazy("{actor} found the same question asked before: {object}"), Sort.ANSWERED, "copy"
    ),
    "question.blocked": Wording(gettext_lazy("{object} waits for something else"), Sort.ANSWERED, "pause"),
    "question.unblocked": Wording(gettext_lazy("{object} goes on"), Sort.ANSWERED, "play"),
    "question.due_soon": Wording(gettext_lazy("{object} is due soon"), Sort.DEADLINES, "clock"),
    "question.overdue": Wording(gettext_lazy("{object} is overdue"), Sort.DEADLINES, "clock"),
    "question.followed": Wording(gettext_lazy("{actor} asks the same as {object}"), Sort.WATCHED, "people"),
    "comment.added": Wording(gettext_lazy("{actor} commented on {object}"), Sort.WATCHED, "ask"),
    "comment.mentioned": Wording(gettext_lazy("{actor} mentioned you in {object}"), Sort.MENTIONED, "ask"),
    "note.added": Wording(gettext_lazy("{actor} left a note on {object}"), Sort.WATCHED, "lock"),
    "evidence.verification_failed": Wording(
        gettext_lazy("A number behind {object} does not come out the same any more"), Sort.FOR_ME, "shield"
    ),
    "report.ready": Wording(gettext_lazy("A new edition is there: {object}"), Sort.REPORTS, "file"),
    "run.failed": Wording(gettext_lazy("{object} failed"), Sort.RUNS, "play"),
    "jobs.alerts": Wording(gettext_lazy("{object}"), Sort.RUNS, "play"),
    "run.recovered": Wording(gettext_lazy("{object} works again"), Sort.RUNS, "play"),
    "webhook.switched_off": Wording(
        gettext_lazy("The webhook {object} took nothing for too long and was switched off"),
        Sort.FOR_ME,
        "link",
    ),
}


def wording_of(kind: str) -> Wording:
    """Return a kind's wording; one of an older or newer version is told by its thing alone."""
    return KINDS.get(kind) or Wording(gettext_lazy("News of {object}"), Sort.WATCHED)


def text(notification: Notification, label: str) -> str:
    """Return the sentence as plain text."""
    return _fill(notification, label)


def html(notification: Notification, label: str, others: int = 0) -> SafeString:
    """Return the sentence with the thing's name set off; ``others`` did the same to it."""
    return format_html(
        str(wording_of(notification.kind).sentence),
        actor=actor_of(notification, others),
        object=format_html("<b>{}</b>", label),
    )


def _fill(notification: Notification, label: str) -> str:
    sentence = str(wording_of(notification.kind).sentence)
    # Only these two are put in: what a name holds is never read as a pattern.
    head, _mark, tail = sentence.partition("{actor}")
    if not _mark:
        return sentence.replace("{object}", label)
    actor = actor_of(notification)
    return head.replace("{object}", label) + actor + tail.replace("{object}", label)


def actor_of(notification: Notification, others: int = 0) -> str:
    """Return who did it: «Ben Cho», «Ben Cho and 2 others»; the portal's own parts are said to be such."""
    name = notification.actor_label if notification.actor_kind != "system" else _("Data Desk")
    if not others:
        return name
    return _("%(name)s and %(count)s more") % {"name": name, "count": others}
