"""Channels of Slack: what they are told, in how many messages, and what they never hear of (A10)."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from catalog.choices import Visibility
from catalog.models import Asset
from jobs import announcing
from jobs.choices import RunState
from jobs.models import Job, RunEvent
from portal.accounts.access import anybody
from portal.accounts.models import User
from portal.accounts.permissions import Permission
from portal.audit.actions import Actor
from portal.events import nodes
from portal.outgoing import Mistyped
from portal.webhooks import actions, relay
from portal.webhooks.choices import Event
from portal.webhooks.models import Delivery
from tests.factories.catalog import dataset as make_dataset
from tests.factories.jobs import make_job, make_run
from tests.factories.webhooks import make_endpoint

pytestmark = pytest.mark.django_db


@pytest.fixture
def channel(server, cast):
    return make_endpoint(cast.dan, server.url("/services/team"), format="slack", events=list(Event))


def end(job, state=RunState.FAILED, **fields):
    run = make_run(job, state, **fields)
    RunEvent.objects.create(run=run, kind=state, data={})
    announcing.announce_runs()
    return run


def deliver(channel):
    Delivery.objects.filter(state="waiting").update(available_at=timezone.now())
    return relay.deliver(str(channel.pk))


def messages(server):
    return [json.loads(each.body)["text"] for each in server.received]


def test_what_happens_together_is_one_message_whose_lines_lead_to_the_runs(channel, server, settings):
    first, second = end(make_job("load-a")), end(make_job("load-b"), RunState.TIMED_OUT)
    assert relay.deliver(str(channel.pk)) == 0, "it waits for what comes within the next seconds"
    soonest = Delivery.objects.order_by("available_at").first().available_at
    assert timedelta(seconds=10) < soonest - timezone.now() <= actions.GATHERED
    assert deliver(channel) == 2
    (text,) = messages(server)
    assert text.splitlines() == [
        f"<{settings.PUBLIC_URL}/runs/{first.number}/|Load a, run {first.number} has failed>",
        f"<{settings.PUBLIC_URL}/runs/{second.number}/|Load b, run {second.number} has taken too long>",
    ]
    assert set(Delivery.objects.values_list("state", "status")) == {("sent", 200)}


def test_a_new_dataset_and_an_edition_are_told_without_a_figure_of_theirs(channel, server, settings):
    make_dataset("ops.weather")
    rows = [{"key": "ops.weather", "row_count": 4711, "snapshot": 3}]
    end(make_job("load-weather"), RunState.SUCCEEDED, outputs={"datasets": rows})
    edition = end(
        make_job("weekly", kind="report"), RunState.SUCCEEDED, outputs={"sections": [], "incomplete": True}
    )
    deliver(channel)
    (text,) = messages(server)
    assert "ops.weather" in text
    assert "is published anew" in text
    assert f"/reports/weekly/{edition.number}/|Weekly (incomplete) has a new edition>" in text
    assert "4711" not in text


def test_an_error_of_a_run_stays_in_the_portal(channel, server):
    end(make_job(), error={"class": "user_code", "message": "row 7: canary-value"})
    deliver(channel)
    assert "canary-value" not in messages(server)[0]


def test_words_are_those_of_the_owners_language(channel, server, cast):
    User.objects.filter(pk=cast.dan.pk).update(language="ko")
    end(make_job())
    deliver(channel)
    assert "has failed" not in messages(server)[0]


def test_a10_what_is_not_open_to_the_company_reaches_no_channel_though_its_owner_sees_it(
    channel, server, cast
):
    private = make_job("secret-merger", private=True, owner=cast.dan)
    end(private)
    assert not Delivery.objects.exists()
    # It became private after it was recorded.
    open_job = make_job("open-job", owner=cast.dan)
    end(open_job)
    Job.objects.filter(pk=open_job.pk).update(private=True)
    deliver(channel)
    assert server.received == []
    assert list(Delivery.objects.values_list("state", "reason")) == [("dropped", "not_open")]


def test_a10_one_that_may_not_be_told_holds_back_no_other(channel, server):
    hidden, shown = make_job("hidden"), make_job("shown")
    end(hidden)
    end(shown)
    Job.objects.filter(pk=hidden.pk).update(private=True)
    deliver(channel)
    (text,) = messages(server)
    assert "Shown" in text
    assert "Hidden" not in text


def test_anybody_sees_what_the_company_sees(cast):
    make_dataset("ops.open")
    make_dataset("ops.team")
    Asset.objects.filter(key="ops.team").update(visibility=Visibility.TEAM, owner=cast.dan)
    seen = nodes.resolve([("dataset", "ops.open"), ("dataset", "ops.team")], anybody())
    assert set(seen) == {("dataset", "ops.open")}
    assert not anybody().may(Permission.RUN_JOBS)


def test_a_busy_slack_is_asked_again_when_it_says_for_all_of_the_message(channel, server):
    end(make_job("load-a"))
    end(make_job("load-b"))
    server.status, server.headers = 429, {"Retry-After": "120"}
    deliver(channel)
    rows = Delivery.objects.all()
    assert {(row.state, row.reason, row.attempts) for row in rows} == {("waiting", "slack_busy", 1)}
    assert min(row.available_at for row in rows) > timezone.now() + timedelta(seconds=100)
    assert len(server.received) == 1


def test_more_than_a_message_holds_are_several_messages(channel, server):
    job = make_job()
    for _ in range(23):
        end(job)
    assert deliver(channel) == 23
    assert [len(text.splitlines()) for text in messages(server)] == [20, 3]


def test_a_test_event_comes_at_once(channel, server, cast):
    actions.test(endpoint=channel, by=Actor.person(cast.dan))
    assert relay.deliver(str(channel.pk)) == 1
    assert "Data Desk reaches you here" in messages(server)[0]


@pytest.mark.parametrize("url", ["https://example.com/hook", "https://hooks.slack.com/"])
def test_an_address_that_is_no_channels_is_refused(cast, url):
    with pytest.raises(Mistyped, match="incoming webhook"):
        make_endpoint(cast.dan, url, format="slack")
