"""Note what suggestions did. A measure, not a change of anything: it leaves no audit event."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from django.db.models import Exists, OuterRef, QuerySet

from portal.accounts.models import User
from requests_app import moment
from requests_app.choices import Seen
from requests_app.models import DataRequest, DeflectionEvent

LONGEST_VISIT: Final = 255
ASKED_AGAIN_WITHIN: Final = timedelta(days=7)


def record_seen(
    *, visit: str, user: User, seen: str, shown: Iterable[str] = (), question: DataRequest | None = None
) -> DeflectionEvent:
    """Note that somebody was shown, opened or accepted something while asking, or asked all the same.

    ``visit`` is the form's token; ``shown`` are references «kind:key».
    """
    return DeflectionEvent.objects.create(
        visit=visit[:LONGEST_VISIT],
        user=user,
        seen=Seen(seen),
        shown=list(shown)[:20],
        question=question,
        at=moment.now(),
    )


def deflected() -> QuerySet[DeflectionEvent]:
    """Return the visits in which a suggestion served: accepted, and the person asked nothing for a week."""
    again = DataRequest.objects.filter(
        requester=OuterRef("user"),
        created_at__gt=OuterRef("at"),
        created_at__lte=OuterRef("at") + ASKED_AGAIN_WITHIN,
    )
    return DeflectionEvent.objects.filter(~Exists(again), seen=Seen.ACCEPTED)
