"""/webhooks/: who defines jobs keeps them; a secret is shown once, an address to its owner alone (A41)."""

import re

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from portal.audit.models import AuditEvent
from portal.events import nodes
from portal.webhooks.choices import Event
from portal.webhooks.models import Delivery, Endpoint
from tests.factories.jobs import make_job
from tests.factories.webhooks import make_delivery, make_endpoint

pytestmark = pytest.mark.django_db
CANARY = "https://example.com/hooks/canary"


@pytest.fixture
def dan(client, cast):
    client.force_login(cast.dan)
    return client


@pytest.fixture
def cleo(cast):
    client = Client()
    client.force_login(cast.cleo)
    return client


@pytest.fixture
def endpoint(cast):
    return make_endpoint(cast.dan)


def page_of(endpoint):
    return reverse("webhook", args=[endpoint.pk])


def test_the_page_shows_by_itself_how_a_first_try_went(dan, endpoint):
    waiting = {"state": "waiting", "attempts": 0, "reason": "", "status": None, "ended_at": None}
    delivery = make_delivery(endpoint, **waiting)
    again = f'hx-get="{page_of(endpoint)}?part=deliveries"'
    assert again in dan.get(page_of(endpoint)).content.decode()
    Delivery.objects.filter(pk=delivery.pk).update(attempts=1, reason="status_500", status=500)
    part = dan.get(f"{page_of(endpoint)}?part=deliveries").content.decode()
    assert part.lstrip().startswith("<section")
    assert "500" in part
    assert "hx-get" not in part


def test_a_channel_is_added_has_no_secret_and_says_what_it_is_told(dan, endpoint):
    sent = {"name": "Team", "format": "slack", "events": ["run.failed"], "jobs": ""}
    refused = dan.post("/webhooks/add/", {**sent, "url": CANARY})
    assert refused.status_code == 422
    assert "incoming webhook" in refused.content.decode()
    dan.post("/webhooks/add/", {**sent, "url": "https://hooks.slack.com/services/canary"})
    channel = Endpoint.objects.get(format="slack")
    assert not channel.secret
    make_delivery(channel)
    page = dan.get(page_of(channel)).content.decode()
    assert "A channel of Slack" in page
    assert "Data Desk reaches you here" in page
    assert "/rotate/" not in page
    assert dan.get(f"{page_of(channel)}rotate/").status_code == 404
    # It stays a channel: another address must be one as well.
    assert "format" not in dan.get(f"{page_of(channel)}edit/").content.decode().split("<main")[1]
    changed = {"name": "Team", "url": CANARY, "events": ["run.failed"], "jobs": ""}
    assert dan.post(f"{page_of(channel)}edit/", changed).status_code == 422
    assert dan.post(f"{page_of(channel)}edit/", {**changed, "url": ""}).status_code == 302


def test_one_is_added_and_its_secret_stands_on_one_page_only(dan, cleo, caplog):
    caplog.set_level("DEBUG")
    make_job("load-flights")
    sent = {
        "name": "Stock",
        "format": "json",
        "url": CANARY,
        "events": ["run.failed", "dataset.updated", "question.answered"],
        "jobs": "load-flights,\n",
    }
    reply = dan.post("/webhooks/add/", sent)
    endpoint = Endpoint.objects.get()
    secret = endpoint.keys()[0]
    assert secret in reply.content.decode()
    assert (endpoint.address(), endpoint.jobs) == (CANARY, ["load-flights"])
    for path in ("/webhooks/", page_of(endpoint), f"{page_of(endpoint)}edit/", f"{page_of(endpoint)}rotate/"):
        assert secret not in dan.get(path).content.decode()
    assert CANARY in dan.get(page_of(endpoint)).content.decode()
    for path in ("/webhooks/", page_of(endpoint), "/audit/"):
        page = cleo.get(path)
        assert page.status_code == 200
        assert "/canary" not in page.content.decode()
    assert "canary" not in caplog.text
    assert secret not in caplog.text
    assert AuditEvent.objects.get(action="webhook.added").data["host"] == "https://example.com"


def test_each_event_stands_in_the_group_of_what_it_is_about(dan):
    page = dan.get("/webhooks/add/").content.decode()
    groups = re.findall(r'<fieldset class="group".*?<legend>(.*?)</legend>(.*?)</fieldset>', page, re.DOTALL)
    held = {name: re.findall(r'value="([a-z]+)\.', boxes) for name, boxes in groups}
    assert {name: set(kinds) for name, kinds in held.items()} == {
        "Runs": {"run"},
        "Alerts": {"alert"},
        "Datasets": {"dataset"},
        "Reports": {"report"},
        "Questions": {"question"},
    }
    assert sum(map(len, held.values())) == len(Event)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"url": "http://example.com/"}, "without TLS anybody"),
        ({"url": "https://localhost/hook"}, "leads into a network that is not public"),
        ({"url": "https://127.0.0.1/hook"}, "leads into a network that is not public"),
        ({"url": "https://[::1]/hook"}, "leads into a network that is not public"),
        ({"url": "https://10.0.0.8:8443/hook"}, "leads into a network that is not public"),
        ({"url": "https://10.0.0.1:22/"}, "names port 22"),
        ({"url": ""}, "This field is required"),
        ({"events": []}, "This field is required"),
        ({"events": ["run.exploded"]}, "run.exploded is not one of"),
        ({"jobs": "load-flights no-such-job"}, "There is no job no-such-job"),
        ({"name": ""}, "This field is required"),
    ],
)
def test_what_does_not_fit_is_said_and_nothing_is_kept(dan, changes, words):
    make_job("load-flights")
    sent = {"name": "Stock", "url": CANARY, "events": ["run.failed"], "jobs": "", **changes}
    reply = dan.post("/webhooks/add/", sent)
    assert reply.status_code == 422
    assert words in reply.content.decode()
    assert not Endpoint.objects.exists()


def test_another_name_keeps_the_address(dan, endpoint):
    sent = {"name": "Stores", "url": "", "events": ["run.succeeded"], "jobs": ""}
    assert dan.post(f"{page_of(endpoint)}edit/", sent).status_code == 302
    endpoint.refresh_from_db()
    assert (endpoint.name, endpoint.address(), endpoint.events) == ("Stores", CANARY, ["run.succeeded"])


def test_a_new_secret_is_shown_once_and_the_old_one_kept_for_a_day(dan, endpoint):
    before = endpoint.keys()
    reply = dan.post(f"{page_of(endpoint)}rotate/")
    endpoint.refresh_from_db()
    new, old = endpoint.keys()
    assert [old] == before
    assert new in reply.content.decode()
    assert "another 24 hours" in reply.content.decode()


def test_it_is_paused_resumed_tried_and_removed(dan, endpoint):
    path = page_of(endpoint)
    dan.post(f"{path}pause/")
    assert "It is paused, or" in dan.post(f"{path}test/", follow=True).content.decode()
    assert "Resume" in dan.get(path).content.decode()
    dan.post(f"{path}pause/", {"do": "resume"})
    assert "is on its way" in dan.post(f"{path}test/", follow=True).content.decode()
    assert Delivery.objects.get().state == "waiting"
    dan.post(f"{path}remove/")
    assert not Delivery.objects.exists()
    assert dan.get(path).status_code == 404


def test_deliveries_are_shown_with_their_answers_and_sent_again(dan, endpoint):
    found = make_delivery(endpoint, answer="<script>alert(1)</script>")
    page = dan.get(page_of(endpoint)).content.decode()
    for words in ("Test event", "Answered with 500", "&lt;script&gt;alert(1)", "msg_1", "10 tries"):
        assert words in page
    assert "<script>alert" not in page
    assert "msg_1" not in dan.get(f"{page_of(endpoint)}?state=sent").content.decode()
    dan.post(f"{page_of(endpoint)}deliveries/{found.pk}/again/")
    found.refresh_from_db()
    assert (found.state, found.attempts) == ("waiting", 0)
    again = dan.post(f"{page_of(endpoint)}deliveries/{found.pk}/again/", follow=True)
    assert "It is just being sent" in again.content.decode()


def test_what_a_paused_webhook_is_to_send_again_waits_and_says_so(dan, endpoint):
    found = make_delivery(endpoint)
    dan.post(f"{page_of(endpoint)}pause/")
    for _each in range(2):
        page = dan.post(f"{page_of(endpoint)}deliveries/{found.pk}/again/", follow=True).content.decode()
        assert "It waits: this webhook is paused" in page
        assert "within seconds" not in page
    assert "it is sent once that is resumed" in page
    assert "every 1s" not in page
    found.refresh_from_db()
    assert found.state == "waiting"


def test_what_a_webhook_that_is_off_is_to_send_again_is_refused(dan, endpoint):
    found = make_delivery(endpoint)
    Endpoint.objects.update(off_at=timezone.now())
    page = dan.post(f"{page_of(endpoint)}deliveries/{found.pk}/again/", follow=True).content.decode()
    assert "It is not sent: this webhook is switched off" in page
    found.refresh_from_db()
    assert (found.state, found.reason) == ("failed", "status_500")


def test_the_words_of_what_the_reader_may_not_see_are_kept_back(dan, endpoint, monkeypatch):
    monkeypatch.setitem(nodes._resolvers, "run", lambda _keys, _user: {})
    make_delivery(endpoint, about_kind="run", about_key="1", event="run.failed", body='{"data":"hush-hush"}')
    page = dan.get(page_of(endpoint)).content.decode()
    assert "hush-hush" not in page
    assert "something that you do not see" in page


def test_long_lists_come_page_by_page(dan, endpoint, django_assert_max_num_queries):
    for number in range(30):
        make_delivery(endpoint, once=f"n{number}", message_id=f"msg_{number:02d}", state="sent", reason="")
    with django_assert_max_num_queries(15):
        first = dan.get(page_of(endpoint))
    assert "msg_29" in first.content.decode()
    assert "msg_04" not in first.content.decode()
    cursor = first.context["page"].next_cursor
    assert "msg_04" in dan.get(f"{page_of(endpoint)}?cursor={cursor}").content.decode()


def test_an_empty_list_says_what_to_do(dan):
    assert "No webhooks yet" in dan.get("/webhooks/").content.decode()
    assert 'href="/webhooks/"' in dan.get("/jobs/").content.decode()
