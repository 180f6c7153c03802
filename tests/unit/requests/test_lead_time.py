from datetime import timedelta

import pytest
from django.utils import timezone

from requests_app.choices import Category
from requests_app.lead_time import lead_time_of
from requests_app.models import StateSpan
from tests.factories.questions import make_calendar

pytestmark = pytest.mark.django_db
ALWAYS = [[day, "00:00", "24:00"] for day in range(7)]


def spans(*given):
    """Spans one after the other: (state, category, hours); None hours: it goes on."""
    at, made = timezone.now() - timedelta(hours=sum(hours or 0 for _, _, hours in given)), []
    for state, category, hours in given:
        end = None if hours is None else at + timedelta(hours=hours)
        made.append(StateSpan(state=state, category=category, from_at=at, to_at=end))
        at = end or at
    return made


def test_the_parts_add_up_and_lie_side_by_side():
    make_calendar(windows=ALWAYS, country="")
    given = spans(("new", "triage", 1), ("ready", "backlog", 2), ("in_progress", "active", 1))
    lead = lead_time_of(given, [])
    assert [(part.category, round(part.seconds)) for part in lead.parts] == [
        (Category.TRIAGE, 3600),
        (Category.BACKLOG, 7200),
        (Category.ACTIVE, 3600),
    ]
    assert [(part.x, part.width) for part in lead.parts] == [(0, 25), (25, 50), (75, 25)]
    assert round(lead.total) == 4 * 3600


def test_the_same_category_counts_once_and_what_goes_on_counts_till_now():
    make_calendar(windows=ALWAYS, country="")
    given = spans(("new", "triage", 1), ("needs_info", "requester", 1), ("new", "triage", None))
    lead = lead_time_of(given, [], now=given[-1].from_at + timedelta(hours=2))
    assert [(part.category, round(part.seconds / 3600)) for part in lead.parts] == [
        (Category.TRIAGE, 3),
        (Category.REQUESTER, 1),
    ]


def test_only_working_hours_count():
    make_calendar(windows=[[0, "09:00", "10:00"]], zone="UTC", country="")
    monday = timezone.now().replace(hour=9, minute=30, second=0, microsecond=0)
    monday -= timedelta(days=monday.weekday())
    span = StateSpan(state="new", category="triage", from_at=monday, to_at=monday + timedelta(days=3))
    assert lead_time_of([span], []).total == 1800


def test_nothing_has_passed_before_the_doors_open():
    make_calendar(windows=[[0, "09:00", "10:00"]], zone="UTC", country="")
    saturday = timezone.now().replace(hour=9, minute=0)
    saturday += timedelta(days=(5 - saturday.weekday()) % 7)
    span = StateSpan(state="new", category="triage", from_at=saturday, to_at=saturday + timedelta(hours=3))
    assert lead_time_of([span], []).parts == []
