"""Tell webhooks that an alert opens or closes, in the transaction that does it."""

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from jobs.choices import Condition
from jobs.models import Alert
from portal.webhooks.actions import Happening, emit
from portal.webhooks.choices import Event


def announce(alerts: Iterable[Alert]) -> int:
    """Record each alert as it stands now, once; return how many deliveries. They come with job and run."""
    return emit([_happening(alert) for alert in alerts])


def _happening(alert: Alert) -> Happening:
    word = Event.ALERT_CLOSED if alert.closed_at else Event.ALERT_OPENED
    return Happening(
        event=word,
        about=("run", str(alert.run_id)),
        job=alert.job.key,
        at=timezone.now(),
        once=f"{word}:{alert.pk}",
        data={"alert": _alert(alert)},
    )


def _alert(alert: Alert) -> dict[str, Any]:
    job, run = alert.job, alert.run
    failed = alert.condition == Condition.FAILED
    return {
        "id": alert.pk,
        "condition": alert.condition,
        "opened_at": alert.opened_at.isoformat(),
        "closed_at": alert.closed_at.isoformat() if alert.closed_at else None,
        "job": {"key": job.key, "name": job.name_en, "kind": job.kind},
        "run": {
            "id": str(run.pk),
            "number": run.number,
            "url": settings.PUBLIC_URL + reverse("run", args=[run.number]),
            "state": run.state,
            "slot": run.slot.isoformat() if run.slot else None,
        },
        "error": run.told_error if failed else None,
    }
