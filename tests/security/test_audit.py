"""A63: the trail and its seals stand against the portal's own database role; its page is for few."""

import pytest
from django.db import DatabaseError, transaction
from django.test import Client

from portal.accounts.permissions import ROLE_PERMISSIONS, Permission, Role
from portal.audit.actions import Actor, record
from portal.audit.models import AuditEvent, AuditSeal
from portal.audit.sealing import seal_events
from portal.audit.verifying import verify
from tests.conftest import Cast

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _sealed() -> None:
    for number in range(3):
        record("thing.done", by=Actor.system("test"), n=number)
    assert seal_events() == 3


@pytest.mark.parametrize("model", [AuditEvent, AuditSeal])
def test_a63_the_portal_itself_can_neither_change_nor_delete(model: type[AuditEvent | AuditSeal]) -> None:
    field = "action" if model is AuditEvent else "hash"
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        model.objects.update(**{field: "x"})
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        model.objects.all().delete()
    first = model.objects.first()
    assert first is not None
    setattr(first, field, "x")
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        first.save()
    assert verify().end.seq == 3


def test_only_leads_and_administrators_may_read_the_trail() -> None:
    readers = {role for role, granted in ROLE_PERMISSIONS.items() if Permission.VIEW_AUDIT in granted}
    assert readers == {Role.LEAD, Role.ADMINISTRATOR}


def test_the_rail_leads_there_only_those_who_may(client: Client, cast: Cast) -> None:
    client.force_login(cast.dan)
    assert b'href="/audit/"' not in client.get("/jobs/").content
    client.force_login(cast.cleo)
    assert b'href="/audit/"' in client.get("/jobs/").content


def test_names_in_the_trail_are_text_not_markup(client: Client, cast: Cast) -> None:
    bad = "<script>alert(1)</script>{object}{0.__class__}%s"
    record("job.registered", by=Actor.system(bad), about=("job", bad, bad), note=bad)
    record("thing.done", by=Actor("user", "'\"><b>", bad), about=("thing", bad, bad))
    client.force_login(cast.cleo)
    page = client.get("/audit/").content.decode()
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;{object}{0.__class__}%s") >= 4
    assert "<script>alert" not in page
    assert "'\"><b>" not in page
