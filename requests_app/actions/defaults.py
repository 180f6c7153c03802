"""What every installation starts with, so that the first question has a queue and deadlines."""

from typing import Any, Final

from requests_app.choices import PoolKind
from requests_app.models import Calendar, Pool, SlaPolicy
from requests_app.routing import central_pool

CALENDAR: Final = "office"
_OFFICE: Final = [[day, "09:00", "18:00"] for day in range(5)]
# Minutes of business time; nine hours are a day.
_URGENT: Final = {"triage": 60, "first_response": 120, "next_update": 240, "answer": 1080}
_STANDARD: Final = {"triage": 240, "first_response": 480, "next_update": 540, "answer": 2700}
_POLICIES: Final[dict[str, dict[str, Any]]] = {
    "urgent": {"name_en": "Urgent", "name_ko": "긴급", "order": 10, "priorities": [1, 2], "targets": _URGENT},
    "standard": {"name_en": "Standard", "name_ko": "표준", "order": 90, "targets": _STANDARD},
}


def ensure_defaults() -> Pool:
    """Make two policies with their office hours, and the central rotation, where there are none.

    What somebody set up is left as it is. Returns the central rotation.
    """
    if not SlaPolicy.objects.exists():
        hours = {"name_en": "Office hours", "name_ko": "근무 시간", "windows": _OFFICE}
        Calendar.objects.get_or_create(key=CALENDAR, version=1, defaults=hours)
        for key, values in _POLICIES.items():
            SlaPolicy.objects.create(key=key, calendar_key=CALENDAR, **values)
    central = central_pool()
    if central is None:
        central = Pool.objects.create(
            key="central", name_en="Central rotation", name_ko="중앙 순번", kind=PoolKind.CENTRAL
        )
    return central
