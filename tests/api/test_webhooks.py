"""The API of webhooks: made, listed, removed; deliveries read page by page and sent again."""

import pytest
from django.utils import timezone

from portal.webhooks.models import Delivery, Endpoint
from tests.factories.jobs import make_job
from tests.factories.tokens import bearer
from tests.factories.webhooks import make_delivery, make_endpoint

pytestmark = pytest.mark.django_db
PATH = "/api/v1/webhooks"
JSON = "application/json"
WISH = {"name": "Stock", "url": "https://example.com/hooks/canary", "events": ["run.failed"]}


@pytest.fixture
def headers(cast):
    return bearer(cast.dan, "webhooks:read", "webhooks:write")


def test_one_is_made_read_and_removed_and_its_secret_is_told_once(client, headers):
    made = client.post(PATH, WISH, content_type=JSON, headers=headers)
    assert made.status_code == 201
    body = made.json()
    assert body["secret"] == Endpoint.objects.get().keys()[0]
    assert (body["host"], body["state"]) == ("https://example.com", "active")
    own = f"{PATH}/{body['id']}"
    for path in (PATH, own):
        shown = client.get(path, headers=headers).content.decode()
        assert "whsec_" not in shown
        assert "canary" not in shown
    assert client.delete(own, headers=headers).status_code == 204
    assert client.get(own, headers=headers).status_code == 404


def test_a_channel_has_no_secret(client, headers):
    wish = {**WISH, "format": "slack", "url": "https://hooks.slack.com/services/canary"}
    made = client.post(PATH, wish, content_type=JSON, headers=headers)
    assert (made.status_code, made.json()["secret"], made.json()["format"]) == (201, None, "slack")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"url": "http://169.254.169.254/"}, "url"),
        ({"url": "file:///etc/passwd"}, "url"),
        ({"events": []}, "events"),
        ({"events": ["run.exploded"]}, "events"),
        ({"jobs": ["no-such-job"]}, "jobs"),
        ({"job": ["load-flights"]}, "job"),
        ({"name": ""}, "name"),
        ({"format": "xml"}, "format"),
        ({"format": "slack"}, "url"),
    ],
)
def test_what_does_not_fit_is_said_field_by_field(client, headers, changes, field):
    reply = client.post(PATH, {**WISH, **changes}, content_type=JSON, headers=headers)
    assert reply.status_code == 400
    assert [each["field"].partition(".")[0] for each in reply.json()["errors"]] == [field]
    assert not Endpoint.objects.exists()


def test_a_job_that_the_owner_does_not_see_is_not_known(client, cast, headers):
    make_job("load-flights")
    sent = {**WISH, "jobs": ["load-flights"]}
    made = client.post(PATH, sent, content_type=JSON, headers=headers)
    assert made.json()["jobs"] == ["load-flights"]


def test_deliveries_are_listed_and_sent_again(client, cast, headers):
    endpoint = make_endpoint(cast.dan)
    for number in range(3):
        make_delivery(endpoint, once=f"n{number}")
    own = f"{PATH}/{endpoint.pk}/deliveries"
    page = client.get(f"{own}?limit=2", headers=headers).json()
    assert len(page["results"]) == 2
    assert len(client.get(page["next"], headers=headers).json()["results"]) == 1
    newest = page["results"][0]
    assert (newest["status"], newest["reason"]) == (500, "Answered with 500")
    assert newest["body"]["type"] == "webhook.test"
    again = client.post(f"{own}/{newest['id']}/again", headers=headers)
    assert (again.status_code, again.json()["state"]) == (202, "waiting")
    assert client.post(f"{own}/{newest['id']}/again", headers=headers).status_code == 409
    assert Delivery.objects.filter(state="waiting").count() == 1


def test_sending_again_is_honest_about_a_webhook_that_is_paused_or_off(client, cast, headers):
    endpoint = make_endpoint(cast.dan)
    again = f"{PATH}/{endpoint.pk}/deliveries/{make_delivery(endpoint).pk}/again"
    Endpoint.objects.update(off_at=timezone.now())
    refused = client.post(again, headers=headers)
    assert (refused.status_code, refused.json()["title"]) == (409, "The webhook is switched off")
    assert Delivery.objects.get().state == "failed"
    Endpoint.objects.update(off_at=None, paused_at=timezone.now())
    waiting = client.post(again, headers=headers)
    assert (waiting.status_code, waiting.json()["state"]) == (202, "waiting")
    assert "paused" in waiting.json()["reason"]
    assert client.post(again, headers=headers).json()["title"] == "It waits already"


def test_reading_is_not_writing(client, cast):
    endpoint = make_endpoint(cast.dan)
    reading = bearer(cast.dan, "webhooks:read")
    assert client.post(PATH, WISH, content_type=JSON, headers=reading).status_code == 403
    assert client.delete(f"{PATH}/{endpoint.pk}", headers=reading).status_code == 403
    others = bearer(cast.cleo, "webhooks:read", "webhooks:write")
    assert client.get(f"{PATH}/{endpoint.pk}", headers=others).status_code == 200
    assert client.delete(f"{PATH}/{endpoint.pk}", headers=others).status_code == 404
