"""To whom an edition has gone, and how each delivery stands."""

from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext as _

from jobs.choices import REPORT_READY
from jobs.models import Run
from jobs.runners.report.recording import CITER
from portal.accounts.models import User
from portal.accounts.permissions import Permission
from portal.notifications.choices import OutboxState
from portal.notifications.models import Notification
from portal.notifications.reasons import reason_in_words

MOST_SHOWN: Final = 60


@dataclass(frozen=True, slots=True)
class Sent:
    """One person by one channel."""

    channel: str
    label: str
    tone: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody who was told of an edition, and by which channels."""

    name: str
    channels: list[Sent]


@dataclass(frozen=True, slots=True)
class Deliveries:
    """The recipients of an edition; ``more`` are not shown, ``untold`` were named but might not see it."""

    recipients: list[Recipient]
    more: int
    untold: int


def deliveries_of(run: Run, reader: User) -> Deliveries | None:
    """Return where an edition has gone, to those who edit the report or read the audit trail; else None."""
    if not (run.job.allows(reader, Permission.EDIT_JOBS) or reader.may(Permission.VIEW_AUDIT)):
        return None
    told = Notification.objects.filter(kind=REPORT_READY, about_kind=CITER, about_key=str(run.pk))
    shown = told.select_related("recipient").prefetch_related("deliveries").order_by("pk")
    recipients = [Recipient(each.recipient.name, _channels(each)) for each in shown[:MOST_SHOWN]]
    return Deliveries(recipients, max(0, told.count() - len(recipients)), int(run.outputs.get("untold") or 0))


def _channels(told: Notification) -> list[Sent]:
    inbox = Sent(
        _("Inbox"),
        _("Read") if told.read_at else _("Not read yet"),
        "good" if told.read_at else "neutral",
    )
    sent = [
        Sent(
            str(each.get_channel_display()),
            str(each.get_state_display()),
            OutboxState(each.state).tone,
            reason_in_words(each.reason),
        )
        for each in sorted(told.deliveries.all(), key=lambda each: each.channel)
    ]
    return [inbox, *sent]
