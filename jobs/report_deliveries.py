"""To whom an edition has gone, and how each delivery stands."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from django.db.models import Q
from django.utils.translation import gettext as _

from jobs.choices import REPORT_READY
from jobs.definitions import of_version
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
    """The recipients of an edition; ``more`` are not shown, ``untold`` were named but might not see it.

    ``names`` says who those are, to those who may edit the report.
    """

    recipients: list[Recipient]
    more: int
    untold: int
    names: list[str]


def deliveries_of(run: Run, reader: User) -> Deliveries | None:
    """Return where an edition has gone, to those who edit the report or read the audit trail; else None."""
    edits = run.job.allows(reader, Permission.EDIT_JOBS)
    if not (edits or reader.may(Permission.VIEW_AUDIT)):
        return None
    told = Notification.objects.filter(kind=REPORT_READY, about_kind=CITER, about_key=str(run.pk))
    shown = told.select_related("recipient").prefetch_related("deliveries").order_by("pk")
    recipients = [Recipient(each.recipient.name, _channels(each)) for each in shown[:MOST_SHOWN]]
    untold = int(run.outputs.get("untold") or 0)
    return Deliveries(
        recipients,
        more=max(0, told.count() - len(recipients)),
        untold=untold,
        names=_left_out(run, told.values_list("recipient_id", flat=True)) if untold and edits else [],
    )


def _left_out(run: Run, told: Iterable[int]) -> list[str]:
    """Return who is named by the version that made the edition and was not told."""
    version = run.job.versions.filter(number=run.job_version).first()
    config = of_version(version).config if version else run.job.config
    people, teams = config.get("people", []), config.get("teams", [])
    named = User.objects.filter(Q(email__in=people) | Q(teams__key__in=teams), is_active=True).distinct()
    reached = set(told)
    unknown = set(people) - {each.email for each in named}
    return sorted([*unknown, *(f"{each.name} ({each.email})" for each in named if each.pk not in reached)])


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
