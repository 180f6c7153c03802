"""The relay against real mail servers on the loopback: good ones, slow ones, broken ones (F36)."""

import threading
import time

import pytest
from django.db import connection, transaction
from django.utils import timezone

from portal.audit.actions import Actor
from portal.events import Node, nodes
from portal.notifications import relay, smtp
from portal.notifications.actions import notify
from portal.notifications.choices import Channel
from portal.notifications.models import Outbox
from tests.unit.notifications.sink import sink

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _things(monkeypatch):
    monkeypatch.setitem(
        nodes._resolvers, "thing", lambda keys, _user: {key: Node("월간 보고", "/thing/") for key in keys}
    )


@transaction.atomic
def tell(*people):
    notify(to=people, kind="comment.mentioned", about=("thing", "1"), by=Actor.system("x"))
    Outbox.objects.update(available_at=timezone.now())


def states():
    return list(Outbox.objects.order_by("pk").values_list("state", "reason"))


def test_a_mail_arrives(cast, settings):
    with sink(settings) as server:
        tell(cast.ada)
        assert relay.deliver() == 1
        assert relay.deliver() == 0
    ((to, text),) = server.mails
    assert to == cast.ada.email
    assert "Auto-Submitted: auto-generated" in text
    assert states() == [("sent", "")]


@pytest.mark.parametrize(
    ("manner", "reason"),
    [
        ("hang", "TimeoutError"),
        ("drip", "TimeoutError"),
        ("refuse", "SMTPConnectError"),
        ("reset", "SMTPServerDisconnected"),
    ],
)
def test_a_bad_server_takes_no_more_than_the_deadline(cast, settings, manner, reason):
    with sink(settings, manner):
        tell(cast.ada)
        start = time.monotonic()
        assert relay.deliver() == 0
        took = time.monotonic() - start
    assert took < smtp.DEADLINE + 1
    ((state, kept),) = states()
    assert state == "waiting"
    assert kept in (reason, "ConnectionResetError")
    assert Outbox.objects.get().available_at > timezone.now()


def test_a_refusing_server_is_given_up_visibly(cast, settings):
    with sink(settings, "refuse"):
        tell(cast.ada)
        Outbox.objects.update(attempts=relay.MOST_ATTEMPTS - 1)
        assert relay.deliver() == 0
    # The server's words quote an address: only their class is kept.
    assert states() == [("failed", "SMTPConnectError")]


def test_one_persons_slow_mail_delays_the_next_by_the_deadline_at_most(cast, settings):
    with sink(settings, "slow_for_the_first") as server:
        server.slow_for = cast.ada.email
        tell(cast.ada, cast.ben)
        start = time.monotonic()
        assert relay.deliver() == 1
        assert time.monotonic() - start < smtp.DEADLINE + 1
    assert [to for to, _text in server.mails] == [cast.ben.email]
    assert states() == [("waiting", "TimeoutError"), ("sent", "")]


def test_a_server_that_took_the_mail_and_never_says_goodbye_gets_it_once(cast, settings, monkeypatch):
    monkeypatch.setattr(smtp, "DEADLINE", 1.0)
    with sink(settings, "hang_after_taking") as server:
        tell(cast.ada)
        assert relay.deliver() == 1
    assert len(server.mails) == 1
    assert states() == [("sent", "")]


def test_the_clock_does_not_wait_for_a_slow_server(cast, settings, monkeypatch):
    monkeypatch.setattr(smtp, "DEADLINE", 2.0)
    with sink(settings, "hang"):
        tell(cast.ada)
        start = time.monotonic()
        relay.relay()
        relay.relay()
        assert time.monotonic() - start < 1
        relay._senders[Channel.MAIL].join()
    assert states() == [("waiting", "TimeoutError")]


def test_two_relays_at_once_send_once(cast, settings):
    with sink(settings) as server:
        tell(cast.ada, cast.ben, cast.cleo)
        both = threading.Barrier(2)

        def deliver():
            both.wait()
            try:
                relay.deliver()
            finally:
                connection.close()

        clocks = [threading.Thread(target=deliver) for _ in range(2)]
        for each in clocks:
            each.start()
        for each in clocks:
            each.join()
    assert sorted(to for to, _text in server.mails) == sorted(
        [cast.ada.email, cast.ben.email, cast.cleo.email]
    )
    assert [state for state, _reason in states()] == ["sent"] * 3


def test_a_clock_that_dies_before_noting_it_sends_at_most_twice(cast, settings, monkeypatch):
    def die(*_):
        raise SystemExit

    with sink(settings) as server:
        tell(cast.ada)
        with monkeypatch.context() as patch:
            patch.setattr(relay, "_end", die)
            with pytest.raises(SystemExit):
                relay.deliver()
        assert relay.deliver() == 0
        for _round in range(3):
            Outbox.objects.update(available_at=timezone.now())
            relay.deliver()
    assert len(server.mails) == 2
    assert states() == [("sent", "")]
