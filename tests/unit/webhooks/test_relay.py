"""What reaches a real server, how it is signed, and what slow, failing and dead ones do (A09, A10, F36)."""

import json
import time
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone
from standardwebhooks import Webhook, WebhookVerificationError

from portal.accounts.models import User
from portal.audit.actions import Actor
from portal.events import Node, nodes
from portal.notifications.models import Notification
from portal.outgoing import Mistyped, call
from portal.webhooks import actions, relay
from portal.webhooks.actions import Happening, Wish, emit
from portal.webhooks.models import Delivery, Endpoint
from tests.factories.webhooks import make_endpoint
from tests.receiver import Receiver

pytestmark = pytest.mark.django_db


@pytest.fixture
def hidden(monkeypatch):
    """The keys of things that nobody sees any more."""
    keys: set[str] = set()
    monkeypatch.setitem(
        nodes._resolvers,
        "thing",
        lambda wanted, _user: {key: Node("Thing", f"/thing/{key}/") for key in wanted if key not in keys},
    )
    return keys


@pytest.fixture
def endpoint(server, cast, hidden):
    return make_endpoint(cast.dan, server.url("/hook"))


@transaction.atomic
def happen(key="1", event="run.failed", job="load-flights", **fields):
    at = fields.pop("at", timezone.now())
    return emit(
        [
            Happening(
                event=event, about=("thing", key), job=job, at=at, once=f"{event}:{key}", data={"지역": key}
            )
        ]
    )


def deliver(endpoint):
    return relay.deliver(str(endpoint.pk))


def hurry():
    Delivery.objects.filter(state="waiting").update(available_at=timezone.now())


def states():
    return list(Delivery.objects.order_by("pk").values_list("state", "reason", "attempts"))


def standing(endpoint):
    endpoint.refresh_from_db()
    return endpoint.standing


def test_it_arrives_signed_as_the_scheme_says_and_once(endpoint, server):
    assert happen() == 1
    happen()
    assert deliver(endpoint) == 1
    assert deliver(endpoint) == 0
    (got,) = server.received
    assert (got.method, got.path, got.headers["content-type"]) == ("POST", "/hook", "application/json")
    payload = Webhook(endpoint.keys()[0]).verify(got.body, got.headers)
    assert payload == {
        "type": "run.failed",
        "version": 1,
        "timestamp": payload["timestamp"],
        "data": {"지역": "1"},
    }
    with pytest.raises(WebhookVerificationError):
        Webhook(endpoint.keys()[0]).verify(got.body + b" ", got.headers)
    row = Delivery.objects.get()
    assert (row.state, row.status, row.answer, row.message_id) == (
        "sent",
        200,
        "ok",
        got.headers["webhook-id"],
    )


def test_both_secrets_sign_until_the_old_one_has_had_its_day(endpoint, server, cast):
    old = endpoint.keys()[0]
    new = actions.rotate(endpoint=endpoint, by=Actor.person(cast.dan))
    happen("1")
    deliver(endpoint)
    Endpoint.objects.update(old_secret_until=timezone.now() - timedelta(seconds=1))
    happen("2")
    deliver(endpoint)
    during, after = server.received
    for key in (old, new):
        Webhook(key).verify(during.body, during.headers)
    Webhook(new).verify(after.body, after.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(old).verify(after.body, after.headers)


def test_it_hears_only_of_what_it_asked_for(server, cast, hidden):
    endpoint = make_endpoint(cast.dan, server.url(), jobs=["load-flights"])
    assert happen("1", event="run.succeeded") == 0
    assert happen("2", job="other") == 0
    assert happen("3", at=timezone.now() - timedelta(hours=1)) == 0
    actions.pause(endpoint=endpoint, by=Actor.person(cast.dan))
    assert happen("4") == 0
    assert actions.resume(endpoint=endpoint, by=Actor.person(cast.dan))
    assert not actions.resume(endpoint=endpoint, by=Actor.person(cast.dan))
    assert happen("5") == 1


def test_a09_what_the_owner_may_not_see_is_neither_recorded_nor_sent(endpoint, server, hidden):
    happen("1")
    hidden |= {"1", "2"}
    assert happen("2") == 0
    deliver(endpoint)
    assert server.received == []
    assert states() == [("dropped", "not_visible", 1)]


@pytest.mark.parametrize(
    ("change", "reason"), [({"is_active": False}, "deactivated"), ({"roles": ["business"]}, "not_allowed")]
)
def test_a09_an_owner_who_lost_their_rights_is_sent_nothing(endpoint, server, cast, change, reason):
    happen()
    User.objects.filter(pk=cast.dan.pk).update(**change)
    deliver(endpoint)
    assert server.received == []
    assert states() == [("dropped", reason, 1)]


@pytest.mark.parametrize("status", [301, 404])
def test_another_answer_than_2xx_is_tried_again(endpoint, server, status):
    server.status, server.headers = status, {"Location": "/elsewhere"}
    happen()
    deliver(endpoint)
    assert states() == [("waiting", f"status_{status}", 1)]
    assert [each.path for each in server.received] == ["/hook"]


def test_it_is_tried_ever_later_and_then_fails(endpoint, server, monkeypatch):
    monkeypatch.setattr(relay, "MOST_ATTEMPTS", 6)
    server.status, server.body = 500, b"<b>no\x00</b>" + b"x" * 3000
    happen()
    waits = []
    for _ in range(relay.MOST_ATTEMPTS):
        hurry()
        assert deliver(endpoint) == 0
        row = Delivery.objects.get()
        waits.append((row.available_at - timezone.now()).total_seconds())
    assert states() == [("failed", "status_500", relay.MOST_ATTEMPTS)]
    assert (row.status, row.answer[:12], len(row.answer)) == (500, "<b>no�</b>xx", 500)
    assert 4 < waits[0] <= 10
    assert waits[4] > 400
    assert max(waits) <= relay.LONGEST_WAIT
    assert len(server.received) == relay.MOST_ATTEMPTS
    assert len({each.headers["webhook-id"] for each in server.received}) == 1
    assert standing(endpoint) == "failing"


def test_what_another_clock_sends_is_left_alone_until_its_lease_is_over(endpoint, server):
    happen()
    Delivery.objects.update(attempts=1, available_at=timezone.now() + timedelta(seconds=relay.LEASE))
    assert deliver(endpoint) == 0
    assert server.received == []
    # It died in the middle: the next one sends the same under the same id.
    hurry()
    assert deliver(endpoint) == 1
    assert states() == [("sent", "", 2)]


def test_while_it_is_paused_what_waits_stays(endpoint, server, cast):
    happen()
    actions.pause(endpoint=endpoint, by=Actor.person(cast.dan))
    relay.send_webhooks()
    assert relay._senders == {}
    assert states() == [("waiting", "", 0)]


def test_sending_again_says_the_same_under_the_same_id(endpoint, server, cast):
    server.status = 500
    happen()
    deliver(endpoint)
    server.status = 200
    assert actions.redeliver(delivery=Delivery.objects.get(), by=Actor.person(cast.dan))
    assert not actions.redeliver(delivery=Delivery.objects.get(), by=Actor.person(cast.dan))
    deliver(endpoint)
    first, second = server.received
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert states() == [("sent", "", 1)]
    assert standing(endpoint) == "active"


@pytest.mark.parametrize("behaviour", ["hang", "drip", "reset"])
def test_f36_a_receiver_that_hangs_drips_or_resets_costs_its_five_seconds_at_most(
    endpoint, server, monkeypatch, behaviour
):
    monkeypatch.setattr(relay, "call", lambda *args, **options: call(*args, **options, patience=0.4))
    server.behave = getattr(server, behaviour)
    happen()
    began = time.monotonic()
    deliver(endpoint)
    assert time.monotonic() - began < 3
    reason = "no_connection" if behaviour == "reset" else "out_of_time"
    assert states() == [("waiting", reason, 1)]
    assert Delivery.objects.get().available_at > timezone.now() + timedelta(seconds=3)


@pytest.mark.django_db(transaction=True)
def test_f36_a_hanging_endpoint_holds_up_neither_the_clock_nor_another_endpoint(
    server, cast, hidden, settings
):
    with Receiver() as dead:
        dead.behave = dead.hang
        settings.OUTGOING_ALLOW += (("127.0.0.1", dead.port),)
        make_endpoint(cast.dan, dead.url())
        make_endpoint(cast.dan, server.url())
        for key in range(3):
            happen(str(key))
        began = time.monotonic()
        relay.send_webhooks()
        assert time.monotonic() - began < 1
        while (len(server.received) < 3 or not dead.received) and time.monotonic() - began < 4:
            time.sleep(0.02)
        # Before the five seconds that the other one may take.
        assert (len(server.received), len(dead.received)) == (3, 1)
        relay.send_webhooks()
        assert len(dead.received) == 1
    for sender in list(relay._senders.values()):
        sender.join(10)
    connection.close()


def test_what_takes_nothing_for_days_is_switched_off_and_its_owner_hears_of_it(endpoint, server, cast):
    server.status = 500
    happen("1")
    happen("2")
    deliver(endpoint)
    Endpoint.objects.update(failing_since=timezone.now() - relay.PATIENCE - timedelta(minutes=1))
    deliver(endpoint)
    assert standing(endpoint) == "off"
    assert {state for state, *_ in states()} == {"failed"}
    told = Notification.objects.get()
    assert (told.recipient, told.kind, told.reference) == (
        cast.dan,
        "webhook.switched_off",
        ("webhook", str(endpoint.pk)),
    )
    assert nodes.resolve([told.reference], cast.dan)
    assert not nodes.resolve([told.reference], cast.ada)
    assert happen("3") == 0


def test_gone_switches_it_off_at_once(endpoint, server):
    server.status = 410
    happen()
    deliver(endpoint)
    assert standing(endpoint) == "off"
    assert states() == [("failed", "status_410", 1)]


def test_a30_an_address_inside_is_refused_when_kept_and_when_called(endpoint, server, cast, settings):
    for url in ("http://10.0.0.1/", "ftp://example.com/", "https://user:pw@example.com/"):
        with pytest.raises(Mistyped):
            actions.add(owner=cast.dan, wish=Wish(name="x", url=url, events=[]), by=Actor.person(cast.dan))
    inside = make_endpoint(cast.dan, f"https://127.0.0.1:{server.port}/")
    settings.OUTGOING_ALLOW = ()
    happen()
    deliver(endpoint)
    deliver(inside)
    assert server.received == []
    # A plain address is none any more, one with TLS and another port neither.
    assert states() == [("failed", "mistyped", 1)] * 2


def test_a_test_event_goes_to_this_endpoint_alone_and_not_twice_at_once(endpoint, server, cast):
    make_endpoint(cast.dan, server.url("/other"))
    by = Actor.person(cast.dan)
    assert actions.test(endpoint=endpoint, by=by) is not None
    assert actions.test(endpoint=endpoint, by=by) is None
    deliver(endpoint)
    assert [json.loads(each.body)["type"] for each in server.received] == ["webhook.test"]


def test_address_and_secrets_are_sealed(endpoint, cast):
    actions.rotate(endpoint=endpoint, by=Actor.person(cast.dan))
    stored = str(Endpoint.objects.values().get())
    assert "/hook" not in stored
    assert "whsec_" not in stored
    moved = Endpoint(pk=make_endpoint(cast.dan, name="Other").pk, url=endpoint.url)
    with pytest.raises(Exception, match="belongs to another row"):
        moved.address()


def test_old_deliveries_are_forgotten(endpoint, server, monkeypatch):
    monkeypatch.setattr(relay, "_tidied_at", None)
    happen("1")
    happen("2")
    deliver(endpoint)
    Delivery.objects.filter(about_key="1").update(ended_at=timezone.now() - timedelta(days=31))
    relay.tidy_webhooks()
    assert list(Delivery.objects.values_list("about_key", flat=True)) == ["2"]


def test_one_is_taken_at_a_time_whatever_the_plan(endpoint):
    for key in "123":
        happen(key)
    ways = ("hashjoin", "mergejoin", "hashagg", "sort", "material", "memoize", "indexscan", "bitmapscan")
    with connection.cursor() as cursor:
        cursor.execute(";".join(f"SET LOCAL enable_{way} = off" for way in ways))
    assert len(relay._take(str(endpoint.pk))) == 1
    assert sorted(attempts for _state, _reason, attempts in states()) == [0, 0, 1]
