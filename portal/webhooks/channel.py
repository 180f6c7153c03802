"""What a channel of Slack is told: a line for each event that leads to the thing, and none of its figures."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from portal.accounts.models import User
from portal.events import Node, Reference, nodes
from portal.notifications.slack import escaped, linked, test_words
from portal.webhooks.choices import TEST, Event
from portal.webhooks.models import Delivery

# What has happened to a run or job, by the state or condition of the payload.
_HOW: Final[dict[str, Promise]] = {
    "running": gettext_lazy("has started"),
    "succeeded": gettext_lazy("has succeeded"),
    "failed": gettext_lazy("has failed"),
    "timed_out": gettext_lazy("has taken too long"),
    "lost": gettext_lazy("is lost: its worker died"),
    "cancelled": gettext_lazy("is cancelled"),
    "skipped": gettext_lazy("is skipped"),
    "late": gettext_lazy("has not started in time"),
    "deadline": gettext_lazy("has not ended in time"),
    "longer": gettext_lazy("takes longer than usual"),
}
_WHAT: Final[dict[str, Promise]] = {
    Event.ALERT_CLOSED: gettext_lazy("is all right again"),
    Event.DATASET_UPDATED: gettext_lazy("is published anew"),
    Event.REPORT_PUBLISHED: gettext_lazy("has a new edition"),
    Event.QUESTION_CREATED: pgettext_lazy("question", "is asked"),
    Event.QUESTION_ACCEPTED: pgettext_lazy("question", "is accepted"),
    Event.QUESTION_ASSIGNED: pgettext_lazy("question", "is in hand"),
    Event.QUESTION_NEEDS_INFO: pgettext_lazy("question", "waits for its asker"),
    Event.QUESTION_REPLIED: pgettext_lazy("question", "has a reply of its asker"),
    Event.QUESTION_BLOCKED: pgettext_lazy("question", "is blocked"),
    Event.QUESTION_UNBLOCKED: pgettext_lazy("question", "goes on"),
    Event.QUESTION_ANSWERED: pgettext_lazy("question", "is answered"),
    Event.QUESTION_DECLINED: pgettext_lazy("question", "is declined"),
    Event.QUESTION_DUPLICATE: pgettext_lazy("question", "is a duplicate"),
    Event.QUESTION_CLOSED: pgettext_lazy("question", "is closed"),
    Event.QUESTION_REOPENED: pgettext_lazy("question", "is open again"),
    Event.QUESTION_UNDONE: pgettext_lazy("question", "is where it was before: a step is taken back"),
}


def lines_of(deliveries: Sequence[Delivery], reader: User) -> list[str]:
    """Return a line of Slack's for each, in the language that is active, with the names that a reader sees.

    Who may be told of each was asked before (``told_of``).
    """
    told = [json.loads(each.body)["data"] for each in deliveries]
    about = {each.reference for each in deliveries if each.about_kind}
    about |= {("job", key) for data in told if (key := _job_of(data))}
    seen = nodes.resolve(about, reader)
    return [_line(each, data, seen) for each, data in zip(deliveries, told, strict=True)]


def _line(delivery: Delivery, data: Mapping[str, Any], seen: Mapping[Reference, Node]) -> str:
    if delivery.event == TEST:
        return escaped(test_words())
    thing, job = seen[delivery.reference], seen.get(("job", _job_of(data)))
    name = f"{job.label}, {thing.label}" if job else thing.label
    what = _HOW.get(_how_of(data)) if delivery.event not in _WHAT else _WHAT[delivery.event]
    text = _("%(name)s %(what)s") % {"name": name, "what": what or delivery.event}
    return linked(text, thing.url)


def _job_of(data: Mapping[str, Any]) -> str:
    return str(_run_or_alert(data).get("job", {}).get("key", ""))


def _how_of(data: Mapping[str, Any]) -> str:
    found = _run_or_alert(data)
    return str(found.get("condition") or found.get("state", ""))


def _run_or_alert(data: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = data.get("alert") or data.get("run") or {}
    return found
