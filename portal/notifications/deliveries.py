"""What operators do with deliveries: try again, give up."""

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from portal.audit.actions import Actor, record
from portal.notifications.choices import OutboxState
from portal.notifications.models import Outbox

BY_HAND = "by_hand"

# What Outbox.may_retry and may_drop say of a row, for the database: a clock may take it at this moment.
_RETRIED = Q(state__in=[OutboxState.FAILED, OutboxState.DROPPED]) | Q(state=OutboxState.WAITING) & ~Q(
    reason=""
)
_DROPPED = Q(state__in=[OutboxState.WAITING, OutboxState.FAILED])


@transaction.atomic
def retry(*, delivery: Outbox, by: Actor) -> bool:
    """Let it be tried at once and from the first attempt on; False where it was sent or is just being sent.

    Rights and wishes are asked again when it is sent.
    """
    if not Outbox.objects.filter(_RETRIED, pk=delivery.pk).update(**_afresh()):
        return False
    record("delivery.retried", by=by, about=_about(delivery), kind=delivery.notification.kind)
    return True


@transaction.atomic
def retry_failed(*, by: Actor) -> int:
    """Let all that failed be tried again; return how many there are."""
    count = Outbox.objects.filter(state=OutboxState.FAILED).update(**_afresh())
    if count:
        record("delivery.retried_all", by=by, about=("delivery", "", str(count)), count=count)
    return count


@transaction.atomic
def drop(*, delivery: Outbox, by: Actor) -> bool:
    """Give it up; False where it was sent or given up before."""
    ended = {"state": OutboxState.DROPPED, "reason": BY_HAND, "ended_at": Now()}
    if not Outbox.objects.filter(_DROPPED, pk=delivery.pk).update(**ended):
        return False
    record("delivery.dropped", by=by, about=_about(delivery), kind=delivery.notification.kind)
    return True


def _afresh() -> dict[str, object]:
    return {
        "state": OutboxState.WAITING,
        "reason": "",
        "attempts": 0,
        "available_at": Now(),
        "ended_at": None,
    }


def _about(delivery: Outbox) -> tuple[str, str, str]:
    return ("delivery", str(delivery.pk), delivery.notification.recipient.name)
