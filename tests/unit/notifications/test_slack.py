"""Slack: what arrives at a real server, under whose rights, and what its answers do (A09, F36)."""

import json
import time
from datetime import timedelta

import pytest
from django.core import mail
from django.db import connection, transaction
from django.utils import timezone

from portal.audit.actions import Actor
from portal.events import Node, nodes
from portal.notifications import hooks, relay, slack
from portal.notifications.actions import notify, prefer, read
from portal.notifications.choices import Channel, Pace, Sort
from portal.notifications.models import Notification, Outbox, Preference, SlackHook
from portal.outgoing import Mistyped, calls

pytestmark = pytest.mark.django_db
LABEL = "<!channel> & <https://evil.example|click> {actor} %(x)s a|b\nnew line"
TESTS = Actor.system("tests")


@pytest.fixture
def hidden(monkeypatch):
    keys: set[str] = set()
    monkeypatch.setitem(
        nodes._resolvers,
        "thing",
        lambda wanted, _user: {key: Node(LABEL, f"/thing/{key}/") for key in wanted if key not in keys},
    )
    return keys


@pytest.fixture
def connected(server, cast):
    hooks.connect(user=cast.ada, url=server.url("/services/T/B/canary"), by=Actor.person(cast.ada))
    return server


@transaction.atomic
def tell(*people, key="1", kind="comment.mentioned"):
    notify(to=people, kind=kind, about=("thing", key), by=TESTS)
    Outbox.objects.filter(state="waiting").update(available_at=timezone.now())


def deliver():
    return relay.deliver(Channel.SLACK)


def states():
    rows = Outbox.objects.filter(channel="slack").order_by("pk")
    return list(rows.values_list("state", "reason"))


def texts(server):
    return [json.loads(each.body)["text"] for each in server.received]


def test_it_arrives_literally_with_its_link(connected, cast, hidden, settings):
    tell(cast.ada)
    assert deliver() == 1
    got = connected.received[0]
    assert (got.method, got.path) == ("POST", "/services/T/B/canary")
    assert got.headers["content-type"].startswith("application/json")
    text = texts(connected)[0]
    assert text.startswith(f"<{settings.PUBLIC_URL}/thing/1/|")
    assert "&lt;!channel&gt; &amp; &lt;https://evil.example¦click&gt; {actor} %(x)s a¦b new line" in text
    assert text.count("<") == text.count(">") == 1
    assert states() == [("sent", "")]
    # Mail goes its own way.
    assert Outbox.objects.get(channel="mail").state == "waiting"
    assert relay.deliver() == 1
    assert len(mail.outbox) == 1
    assert len(connected.received) == 1


def test_who_has_no_slack_gets_none_and_it_follows_the_wish(connected, cast, hidden):
    tell(cast.ben)
    assert not Outbox.objects.filter(channel="slack").exists()
    prefer(user=cast.ada, sort=Sort.MENTIONED, channel=Channel.SLACK, pace=Pace.NEVER)
    tell(cast.ada)
    assert not Outbox.objects.filter(channel="slack").exists()
    prefer(user=cast.ada, sort=Sort.MENTIONED, channel=Channel.MAIL, pace=Pace.NEVER)
    prefer(user=cast.ada, sort=Sort.MENTIONED, channel=Channel.SLACK, pace=Pace.NOW)
    tell(cast.ada)
    latest = Notification.objects.filter(recipient=cast.ada).first()
    assert [each.channel for each in latest.deliveries.all()] == ["slack"]


@pytest.mark.parametrize("reason", ["not_visible", "deactivated", "not_wanted", "read", "not_connected"])
def test_a09_rights_and_wishes_are_asked_again_at_sending(connected, cast, hidden, reason):
    tell(cast.ada)
    if reason == "not_visible":
        hidden.add("1")
    elif reason == "deactivated":
        type(cast.ada).objects.filter(pk=cast.ada.pk).update(is_active=False)
    elif reason == "not_wanted":
        Preference.objects.create(user=cast.ada, sort="mentioned", channel="slack", pace="never")
    elif reason == "read":
        read(notifications=Notification.objects.of(cast.ada))
    else:
        hooks.disconnect(user=cast.ada, by=TESTS)
    assert deliver() == 0
    assert connected.received == []
    assert states() == [("dropped", reason)]


def test_a_burst_is_one_message_and_a_long_one_is_bounded(connected, cast, hidden):
    for key in range(30):
        tell(cast.ada, key=str(key))
    assert deliver() == 1
    lines = texts(connected)[0].splitlines()
    assert len(lines) == 21
    assert "and 10 more in your inbox" in lines[-1]
    assert {state for state, _ in states()} == {"sent"}


def test_f36_an_error_of_slack_is_tried_again_later(connected, cast, hidden):
    connected.status = 500
    tell(cast.ada)
    assert deliver() == 0
    row = Outbox.objects.get(channel="slack")
    assert (row.state, row.reason, row.attempts) == ("waiting", "slack_failed", 1)
    assert timedelta(seconds=20) < row.available_at - timezone.now() < timedelta(seconds=70)
    connected.status = 200
    Outbox.objects.update(available_at=timezone.now())
    assert deliver() == 1
    assert states() == [("sent", "")]


def test_f36_after_eight_tries_it_is_given_up_and_seen(connected, cast, hidden):
    connected.status = 503
    tell(cast.ada)
    Outbox.objects.update(attempts=relay.MOST_ATTEMPTS - 1)
    deliver()
    assert states() == [("failed", "slack_failed")]


@pytest.mark.parametrize(("header", "least"), [("600", 590), ("999999", 3590), ("soon", 15), ("-5", 15)])
def test_f36_slack_says_when_and_that_is_kept_to(connected, cast, hidden, header, least):
    connected.status, connected.headers = 429, {"Retry-After": header}
    tell(cast.ada)
    deliver()
    row = Outbox.objects.get(channel="slack")
    assert (row.state, row.reason) == ("waiting", "slack_busy")
    wait = (row.available_at - timezone.now()).total_seconds()
    assert least < wait <= 3601


@pytest.mark.parametrize("status", [302, 400, 403, 404, 410])
def test_a_webhook_that_is_gone_is_not_tried_again_and_its_owner_is_told(connected, cast, hidden, status):
    connected.status = status
    tell(cast.ada)
    deliver()
    assert states() == [("failed", "slack_refused")]
    assert SlackHook.objects.get().refused_at is not None
    connected.status = 200
    tell(cast.ada, key="2")
    deliver()
    assert SlackHook.objects.get().refused_at is None


@pytest.mark.parametrize("behaviour", ["hang", "reset"])
def test_f36_silence_costs_its_time_and_delays_nobody(connected, cast, hidden, behaviour, monkeypatch):
    monkeypatch.setattr(slack, "call", lambda *a, **k: calls.call(*a, **k, patience=0.5))
    hooks.connect(user=cast.ben, url=connected.url("/services/ben"), by=TESTS)

    def behave(handler):
        if "canary" in handler.path:
            getattr(connected, behaviour)(handler)
        else:
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    connected.behave = behave
    tell(cast.ada, cast.ben)
    assert deliver() == 1
    reason = {"hang": "out_of_time", "reset": "no_connection"}[behaviour]
    assert sorted(states()) == [("sent", ""), ("waiting", reason)]


@pytest.mark.django_db(transaction=True)
def test_f36_a_slow_slack_does_not_hold_up_mail_nor_the_clock(connected, cast, hidden, monkeypatch):
    monkeypatch.setattr(slack, "call", lambda *a, **k: calls.call(*a, **k, patience=2.0))
    connected.behave = connected.hang
    tell(cast.ada)
    began = time.monotonic()
    relay.relay()
    relay.relay()
    assert time.monotonic() - began < 1
    relay._senders[Channel.MAIL].join()
    assert len(mail.outbox) == 1
    relay._senders[Channel.SLACK].join()
    assert len(connected.received) == 1
    assert states() == [("waiting", "out_of_time")]


def test_the_address_is_sealed_and_in_no_log(connected, cast, hidden, caplog):
    caplog.set_level("DEBUG")
    connected.status = 500
    tell(cast.ada)
    deliver()
    connected.status = 200
    Outbox.objects.update(available_at=timezone.now())
    deliver()
    assert "not_sent" in caplog.text
    assert "canary" not in caplog.text
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(h)::text FROM notifications_slackhook h")
        assert "canary" not in cursor.fetchone()[0]


@pytest.mark.parametrize(
    "url",
    [
        "", "http://hooks.slack.com/services/x", "https://example.com/services/x", "https://hooks.slack.com/",
        "https://hooks.slack.com.evil.example/services/x", "https://127.0.0.1/services/x",
        "https://x@hooks.slack.com/services/x", "file:///etc/passwd",
    ],
)  # fmt: skip
def test_what_is_no_webhook_of_slacks_is_refused(cast, url):
    with pytest.raises(Mistyped):
        hooks.connect(user=cast.ada, url=url, by=TESTS)
    assert not SlackHook.objects.exists()


def test_slacks_own_hosts_are_taken(cast):
    for host in ("hooks.slack.com", "hooks.slack-gov.com"):
        hooks.connect(user=cast.ada, url=f"https://{host}/services/T0/B0/x", by=TESTS)
        assert SlackHook.objects.get().url().startswith(f"https://{host}")
