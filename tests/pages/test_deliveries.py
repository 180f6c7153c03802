"""/audit/deliveries/: what did not arrive and why, tried again or given up, on the record."""

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from portal.audit.actions import Actor
from portal.audit.models import AuditEvent
from portal.events import Node, nodes
from portal.notifications import relay
from portal.notifications.actions import notify
from portal.notifications.models import Outbox

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def hidden(monkeypatch):
    keys: set[str] = set()
    monkeypatch.setitem(
        nodes._resolvers,
        "thing",
        lambda wanted, _user: {key: Node(f"<i>{key}</i>", "/jobs/") for key in wanted if key not in keys},
    )
    return keys


@pytest.fixture
def cleo(client, cast):
    client.force_login(cast.cleo)
    return client


@transaction.atomic
def tell(user, key="1", **fields):
    notify(to=[user], kind="comment.mentioned", about=("thing", key), by=Actor("user", "0", "Ben Cho"))
    made = Outbox.objects.first()
    Outbox.objects.filter(pk=made.pk).update(**fields)
    return made


def failed(user, key="1"):
    return tell(user, key, state="failed", reason="TimeoutError", attempts=8, ended_at=timezone.now())


def test_it_says_to_whom_and_why(cleo, cast, hidden):
    failed(cast.ada, "plan")
    page = cleo.get("/audit/deliveries/").content.decode()
    assert "Ben Cho mentioned you in <b>&lt;i&gt;plan" in page
    assert cast.ada.name in page
    assert "The mail server took too long" in page
    assert "8 tries" in page
    hidden.add("plan")
    page = cleo.get("/audit/deliveries/").content.decode()
    assert "plan" not in page
    assert "something that you do not see" in page


def test_in_korean(cleo, cast):
    failed(cast.ada)
    page = cleo.get("/audit/deliveries/", headers={"Accept-Language": "ko"}).content.decode()
    assert "메일 서버가 너무 느려요" in page


def test_a_failed_one_is_tried_again_on_the_record_and_leaves(cleo, cast):
    row = failed(cast.ada)
    reply = cleo.post(f"/audit/deliveries/{row.pk}/retry/", {"state": "failed"})
    assert reply.url == "/audit/deliveries/?state=failed"
    assert AuditEvent.objects.get(action="delivery.retried").object_label == cast.ada.name
    assert relay.deliver() == 1
    cleo.post(f"/audit/deliveries/{row.pk}/retry/")
    assert Outbox.objects.get().state == "sent"
    assert AuditEvent.objects.filter(action="delivery.retried").count() == 1


def test_what_is_just_being_sent_is_not_sent_twice(cleo, cast):
    row = tell(cast.ada, attempts=1, reason="")
    cleo.post(f"/audit/deliveries/{row.pk}/retry/")
    assert Outbox.objects.get().attempts == 1
    assert not AuditEvent.objects.filter(action="delivery.retried").exists()


def test_one_that_waits_is_given_up_and_may_come_back(cleo, cast):
    row = tell(cast.ada)
    cleo.post(f"/audit/deliveries/{row.pk}/drop/")
    row.refresh_from_db()
    assert (row.state, row.reason) == ("dropped", "by_hand")
    assert "Given up by hand" in cleo.get("/audit/deliveries/?state=dropped").content.decode()
    cleo.post(f"/audit/deliveries/{row.pk}/retry/")
    assert relay.deliver() == 1
    assert list(AuditEvent.objects.order_by("pk").values_list("action", flat=True))[-2:] == [
        "delivery.dropped",
        "delivery.retried",
    ]


def test_all_failed_are_tried_again_at_once(cleo, cast):
    failed(cast.ada)
    failed(cast.ben)
    cleo.post("/audit/deliveries/retry/", {"state": "failed"})
    assert relay.deliver() == 2
    assert AuditEvent.objects.get(action="delivery.retried_all").data == {"count": 2}


def test_empty_and_linked_from_the_trail(cleo, cast):
    assert "Nothing failed" in cleo.get("/audit/deliveries/?state=nonsense").content.decode()
    assert "/audit/deliveries/" in cleo.get("/audit/").content.decode()


def test_queries_do_not_grow_with_rows_and_pages_hold_fifty(cleo, cast):
    failed(cast.ada)
    cleo.get("/audit/deliveries/")
    with CaptureQueriesContext(connection) as one:
        cleo.get("/audit/deliveries/")
    for number in range(60):
        failed(cast.ada, str(number))
    with CaptureQueriesContext(connection) as many:
        page = cleo.get("/audit/deliveries/").content.decode()
    assert page.count("/drop/") == 50
    assert "cursor=" in page
    assert len(many) == len(one), [query["sql"][:90] for query in many]
