"""The outbox: what leaves, what does not any more, and what is tried again."""

from datetime import timedelta

import pytest
from django.core import mail
from django.db import transaction
from django.utils import timezone

from portal.audit.actions import Actor
from portal.events import Node, nodes
from portal.notifications import relay
from portal.notifications.actions import next_morning, notify, prefer, read
from portal.notifications.choices import Channel, Pace, Sort
from portal.notifications.models import Notification, Outbox, Preference

pytestmark = pytest.mark.django_db
LABEL = "{{7*7}} {0.__class__} %(x)s {actor}\r\nBcc: eve@example.com"


@pytest.fixture
def hidden(monkeypatch):
    """Let everybody see the things of a kind, but those whose keys are put into this set."""
    keys: set[str] = set()
    monkeypatch.setitem(
        nodes._resolvers,
        "thing",
        lambda wanted, _user: {key: Node(LABEL, "/thing/") for key in wanted if key not in keys},
    )
    return keys


def tell(*people, key="1", kind="comment.mentioned", by=None, once=""):
    with transaction.atomic():
        told = notify(to=people, kind=kind, about=("thing", key), by=by or Actor.system("x"), once=once)
    Outbox.objects.filter(state="waiting").update(available_at=timezone.now())
    return told


def states():
    return list(Outbox.objects.order_by("pk").values_list("state", "reason"))


def test_the_actor_and_the_deactivated_are_not_told(cast, hidden):
    assert tell(cast.ada, cast.ben, cast.finn, by=Actor.person(cast.ada)) == 2
    cast.ben.is_active = False
    assert tell(cast.ben) == 0


def test_once_holds(cast, hidden):
    assert tell(cast.ada, once="a") == 1
    assert tell(cast.ada, cast.ben, once="a") == 1
    assert Notification.objects.count() == Outbox.objects.count() == 2


def test_it_sends_literally_and_without_new_headers(cast, hidden):
    tell(cast.ada)
    assert relay.deliver() == 1
    sent = mail.outbox[0]
    assert sent.to == [cast.ada.email]
    assert "{{7*7}} {0.__class__} %(x)s {actor}" in sent.subject
    assert "\n" not in sent.subject
    assert "bcc" not in {name.lower() for name in sent.message()}
    assert states() == [("sent", "")]
    assert relay.deliver() == 0


def test_a_burst_about_one_thing_is_one_mail(cast, hidden):
    tell(cast.ada)
    with transaction.atomic():
        notify(to=[cast.ada], kind="comment.added", about=("thing", "1"), by=Actor.system("x"))
    assert relay.deliver() == 1
    assert [state for state, _reason in states()] == ["sent", "sent"]


@pytest.mark.parametrize("reason", ["not_visible", "deactivated", "not_wanted", "read"])
def test_rights_and_wishes_are_asked_again_at_sending(cast, hidden, reason):
    tell(cast.ada)
    if reason == "not_visible":
        hidden.add("1")
    elif reason == "deactivated":
        type(cast.ada).objects.filter(pk=cast.ada.pk).update(is_active=False)
    elif reason == "not_wanted":
        Preference.objects.create(user=cast.ada, sort="mentioned", channel="mail", pace="never")
    else:
        read(notifications=Notification.objects.of(cast.ada))
    assert relay.deliver() == 0
    assert mail.outbox == []
    assert states() == [("dropped", reason)]


def test_a_taken_row_waits_for_its_lease(cast, hidden, monkeypatch):
    tell(cast.ada)

    def die(**_):
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(relay, "send", die)
        with pytest.raises(SystemExit):
            relay.deliver()
    assert relay.deliver() == 0
    Outbox.objects.update(available_at=timezone.now() - timedelta(seconds=1))
    assert relay.deliver() == 1


def test_a_wish_changed_meanwhile_counts_for_what_waits(cast, hidden):
    tell(cast.ada)
    prefer(user=cast.ada, sort=Sort.MENTIONED, channel=Channel.MAIL, pace=Pace.DAILY)
    assert Outbox.objects.get().available_at == next_morning(timezone.now(), cast.ada.time_zone)
    prefer(user=cast.ada, sort=Sort.MENTIONED, channel=Channel.MAIL, pace=Pace.NEVER)
    assert states() == [("dropped", "not_wanted")]
    tell(cast.ben)
    prefer(user=cast.ben, sort=Sort.WATCHED, channel=Channel.MAIL, pace=Pace.NEVER)
    assert relay.deliver() == 1


def test_what_is_due_waits_for_the_morning_if_that_is_wished_by_now(cast, hidden):
    tell(cast.ada)
    Preference.objects.create(user=cast.ada, sort="mentioned", channel="mail", pace="daily")
    assert relay.deliver() == 0
    row = Outbox.objects.get()
    assert row.state == "waiting"
    assert row.available_at == next_morning(row.notification.created_at, cast.ada.time_zone)
    # The morning has come.
    Notification.objects.update(created_at=timezone.now() - timedelta(days=2))
    Outbox.objects.update(available_at=timezone.now())
    assert relay.deliver() == 1


def test_one_persons_error_stops_nobody_else(cast, hidden, monkeypatch):
    tell(cast.ada, cast.ben)
    # The mail library refuses such an address with an error that is neither its own nor the system's.
    type(cast.ada).objects.filter(pk=cast.ada.pk).update(email="ada\n@example.com")
    assert relay.deliver() == 1
    assert [each.to for each in mail.outbox] == [[cast.ben.email]]
    assert [state for state, _reason in states()] == ["waiting", "sent"]
    Outbox.objects.filter(state="waiting").update(
        attempts=relay.MOST_ATTEMPTS - 1, available_at=timezone.now()
    )
    relay.deliver()
    assert [state for state, _reason in states()] == ["failed", "sent"]


def test_somebody_removed_between_taking_and_sending_gets_nothing(cast, hidden, monkeypatch):
    tell(cast.finn, cast.ben)
    finn = cast.finn.pk
    deliver_to = relay._deliver_to

    def remove_first(pk, rows):
        type(cast.finn).objects.filter(pk=finn).delete()
        return deliver_to(pk, rows)

    monkeypatch.setattr(relay, "_deliver_to", remove_first)
    assert relay.deliver() == 1
    assert [each.to for each in mail.outbox] == [[cast.ben.email]]
    assert states() == [("sent", "")]


def test_old_rows_go(cast, hidden):
    tell(cast.ada)
    tell(cast.ben)
    relay.deliver()
    read(notifications=Notification.objects.of(cast.ada))
    relay.remove_old(timezone.now() + timedelta(days=31))
    assert not Outbox.objects.exists()
    assert Notification.objects.count() == 2
    relay.remove_old(timezone.now() + timedelta(days=91))
    assert list(Notification.objects.values_list("recipient", flat=True)) == [cast.ben.pk]
