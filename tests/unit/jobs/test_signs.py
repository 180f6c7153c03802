"""What the clock does at a tick: each step when there is something to do, and next to nothing at rest."""

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from jobs.actions.alerts import open_alert
from jobs.announcing import announce_runs
from jobs.choices import Condition, RunState, Trigger
from jobs.engine.clock import Ticker
from jobs.models import Run, RunEvent
from jobs.queue import last_tick
from portal.audit.actions import record
from portal.audit.sealing import seal_events
from portal.notifications.actions import notify
from portal.notifications.models import Outbox
from portal.webhooks import actions
from portal.webhooks.choices import Event
from tests.factories.jobs import make_job, make_run, make_schedule
from tests.factories.webhooks import make_delivery, make_endpoint
from tests.unit.jobs.conftest import TESTS

FOR_OPEN_RUNS = {"reap", "skip_late", "cancel_between_holders", "wake_idle", "wake_to_look"}
LONG_AGO = timedelta(hours=1)


def due() -> set[str]:
    """Return the steps that a tick would do now, without those that it always does."""
    return {step.name for step in Ticker()._signs.due() if step.signs is not None}


def end(job, **fields):
    run = make_run(job, RunState.FAILED, **fields)
    return RunEvent.objects.create(run=run, at=timezone.now() - LONG_AGO, kind="failed", data={})


@pytest.fixture
def quiet(cast):
    while seal_events():
        pass
    # The floor follows a round after the events.
    seal_events()
    assert due() == set()


@pytest.mark.django_db
@pytest.mark.usefixtures("quiet")
class TestQuiet:
    """From a portal at rest, one thing happens."""

    def test_a_tick_at_rest_asks_once_and_tells_that_it_ticked(self):
        ticker = Ticker()
        # What is done every few seconds or minutes is done now.
        ticker.tick()
        with CaptureQueriesContext(connection) as asked:
            ticker.tick()
        assert len(asked) <= 3, [each["sql"] for each in asked]
        assert last_tick() is not None

    def test_a_slot_that_has_come(self):
        schedule = make_schedule(make_job())
        assert due() == set()
        type(schedule).objects.update(next_slot=timezone.now() - LONG_AGO)
        assert due() == {"make_due_slots"}
        type(schedule).objects.update(enabled=False)
        assert due() == set()

    @pytest.mark.parametrize("state", [RunState.QUEUED, RunState.RUNNING, RunState.DEFERRED])
    def test_an_open_run(self, state):
        make_run(make_job(), state)
        assert due() == FOR_OPEN_RUNS

    def test_a_run_that_ended(self):
        make_run(make_job(), RunState.SUCCEEDED)
        assert due() == set()

    def test_the_audit_trail_until_it_is_sealed_and_its_floor_raised(self):
        record("canary", by=TESTS)
        assert due() == {"seal_events"}
        assert seal_events() == 1
        while "seal_events" in due():
            seal_events()
        assert due() == set()

    def test_a_mail_once_its_time_has_come(self, cast):
        notify(to=[cast.ada], kind="comment.mentioned", about=("job", make_job().key), by=TESTS)
        Outbox.objects.update(available_at=timezone.now() + LONG_AGO)
        assert due() == set()
        Outbox.objects.update(available_at=timezone.now() - LONG_AGO)
        assert due() == {"relay"}

    def test_a_delivery_unless_its_endpoint_is_paused(self, cast):
        endpoint = make_endpoint(cast.dan)
        make_delivery(endpoint, state="waiting", ended_at=None)
        assert "send_webhooks" in due()
        actions.pause(endpoint=endpoint, by=TESTS)
        assert "send_webhooks" not in due()

    def test_what_happened_to_a_run_is_told_once(self):
        end(make_job())
        assert due() == {"tell_of_runs"}
        Ticker().tick()
        assert "tell_of_runs" not in due()

    def test_what_happened_to_a_run_is_announced_while_somebody_listens(self, cast):
        endpoint = make_endpoint(cast.dan, events=list(Event))
        end(make_job())
        assert "announce_runs" in due()
        announce_runs()
        assert "announce_runs" not in due()
        actions.remove(endpoint=endpoint, by=TESTS)
        # The cursor is taken away, so that whoever listens later does not hear of the time between.
        assert "announce_runs" in due()
        announce_runs()
        assert "announce_runs" not in due()

    def test_an_alert_until_people_were_told(self, cast):
        run = make_run(make_job(owner=cast.dan), RunState.FAILED)
        open_alert(run=run, condition=Condition.FAILED)
        assert due() == {"tell_of_alerts"}


@pytest.mark.django_db(transaction=True)
def test_a_clock_that_cannot_read_the_signs_does_every_step(caplog):
    minute = timezone.now().replace(second=0, microsecond=0)
    schedule = make_schedule(make_job(), cron="* * * * *", next_slot=minute)
    ticker = Ticker()
    ticker._signs._sql, ticker._signs._params = "SELECT 1 / 0", ()
    ticker.tick()
    assert Run.objects.get().schedule == schedule
    assert Run.objects.get().trigger == Trigger.SCHEDULE
    assert last_tick() is not None
    assert "tick_failed" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_the_time_of_a_sign_is_that_of_the_tick_not_of_its_first():
    ticker = Ticker()
    assert "make_due_slots" not in {step.name for step in ticker._signs.due()}
    make_schedule(make_job(), next_slot=timezone.now() + timedelta(milliseconds=300))
    assert "make_due_slots" not in {step.name for step in ticker._signs.due()}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(0.4)")
    assert "make_due_slots" in {step.name for step in ticker._signs.due()}
