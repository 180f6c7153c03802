"""/account/notifications/ with Slack: connected, tried, disconnected, and never shown again."""

import json

import pytest

from portal.audit.models import AuditEvent
from portal.notifications.models import Preference, SlackHook

pytestmark = pytest.mark.django_db
PAGE = "/account/notifications/"


@pytest.fixture
def dan(client, cast):
    client.force_login(cast.dan)
    return client


@pytest.fixture
def connected(dan, server):
    dan.post(PAGE + "slack/", {"url": server.url("/services/canary")})
    return dan


def test_without_slack_there_is_mail_alone(dan):
    page = dan.get(PAGE).content.decode()
    assert "Connect Slack" in page
    assert 'name="mentioned"' in page
    assert "slack-mentioned" not in page
    assert "Send a test message" not in page


def test_it_is_connected_on_the_record_and_not_shown_again(dan, server, cast):
    reply = dan.post(PAGE + "slack/", {"url": f" {server.url('/services/canary')}\n"}, follow=True)
    page = reply.content.decode()
    assert "Slack is connected" in page
    assert "canary" not in page
    assert 'name="slack-mentioned"' in page
    assert SlackHook.objects.get().url() == server.url("/services/canary")
    event = AuditEvent.objects.get(action="delivery.slack_connected")
    assert (event.object_label, event.data) == (cast.dan.name, {})


@pytest.mark.parametrize("url", ["https://example.com/canary", "http://hooks.slack.com/canary", ""])
def test_a_wrong_address_is_told_and_not_repeated(dan, url):
    reply = dan.post(PAGE + "slack/", {"url": url})
    page = reply.content.decode()
    assert reply.status_code == 422
    assert 'id="slack-url-error"' in page
    assert "canary" not in page
    assert not SlackHook.objects.exists()


def test_the_wish_is_kept_for_each_channel(connected, cast):
    connected.post(PAGE, {"mentioned": "never", "slack-mentioned": "daily", "slack-runs": "nonsense"})
    kept = set(Preference.objects.filter(user=cast.dan).values_list("sort", "channel", "pace"))
    assert kept == {("mentioned", "mail", "never"), ("mentioned", "slack", "daily")}
    page = connected.get(PAGE).content.decode()
    assert page.index("slack-mentioned") < page.index('value="daily" selected')


def test_the_test_message_arrives_once_in_ten_seconds(connected, server):
    page = connected.post(PAGE + "slack/test/", follow=True).content.decode()
    assert "Slack took the test message" in page
    assert "Data Desk reaches you here" in json.loads(server.received[0].body)["text"]
    page = connected.post(PAGE + "slack/test/", follow=True).content.decode()
    assert "Wait some seconds" in page
    assert len(server.received) == 1


def test_a_test_that_fails_says_why(connected, server):
    server.status = 404
    page = connected.post(PAGE + "slack/test/", follow=True).content.decode()
    assert "Slack does not know this webhook any more" in page
    SlackHook.objects.update(tested_at=None, refused_at="2026-01-01T00:00:00Z")
    assert "Slack takes no more messages here" in connected.get(PAGE).content.decode()
    server.status = 200
    page = connected.post(PAGE + "slack/test/", follow=True).content.decode()
    assert "Slack takes no more messages here" not in page


def test_an_address_that_is_not_allowed_any_more_says_so(connected, settings, server):
    settings.OUTGOING_ALLOW = ()
    page = connected.post(PAGE + "slack/test/", follow=True).content.decode()
    assert "The address cannot be called" in page
    assert server.received == []


def test_disconnecting_forgets_the_address(connected):
    page = connected.post(PAGE + "slack/disconnect/", follow=True).content.decode()
    assert "Connect Slack" in page
    assert not SlackHook.objects.exists()
    assert AuditEvent.objects.filter(action="delivery.slack_disconnected").count() == 1
    connected.post(PAGE + "slack/disconnect/")
    assert AuditEvent.objects.filter(action="delivery.slack_disconnected").count() == 1
    assert "No Slack is connected" in connected.post(PAGE + "slack/test/", follow=True).content.decode()


@pytest.mark.parametrize("path", ["slack/", "slack/test/", "slack/disconnect/"])
def test_get_changes_nothing(connected, path):
    assert connected.get(PAGE + path).status_code == 405
    assert SlackHook.objects.exists()
