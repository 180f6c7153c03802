"""The only way from a request to a notification (its recipient's own) and to a delivery (the operators')."""

from django.http import Http404

from portal.accounts.access import require
from portal.accounts.models import User
from portal.accounts.permissions import Permission
from portal.notifications.models import Notification, Outbox


def access_notification(user: User, pk: int) -> Notification:
    """Return one of this person's own; another's and a missing one are both a 404."""
    found = Notification.objects.of(user).filter(pk=pk).first() if pk < 2**63 else None
    if found is None:
        raise Http404
    return found


def access_delivery(user: User, pk: int) -> Outbox:
    """Return a delivery, whoever it is for, to those who read the audit trail; a missing one is a 404."""
    require(user, Permission.VIEW_AUDIT)
    rows = Outbox.objects.select_related("notification__recipient")
    found = rows.filter(pk=pk).first() if pk < 2**63 else None
    if found is None:
        raise Http404
    return found
