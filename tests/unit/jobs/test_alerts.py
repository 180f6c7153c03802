"""Alerts: opened once whatever the clocks do, told in one message a person, closed by a success."""

import threading
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.utils import timezone

from jobs.actions.alerts import close_alerts, open_alert, open_late
from jobs.alerts import digest_nodes, open_alerts, tell_of_alerts
from jobs.choices import Condition, RunState
from jobs.engine import slots
from jobs.models import Alert, AlertDigest, AlertNews, Job, Run
from jobs.telling import tell_of_runs
from portal.discussion.watching import watch
from portal.notifications.models import Notification
from requests_app.choices import Visibility
from tests.conftest import Cast
from tests.factories import catalog
from tests.factories.jobs import make_job, make_run
from tests.factories.questions import make_question
from tests.unit.jobs.conftest import TESTS

pytestmark = pytest.mark.django_db


def conditions() -> list[str]:
    return sorted(Alert.objects.open().values_list("condition", flat=True))


def in_seoul(moment: datetime) -> str:
    return f"{moment.astimezone(ZoneInfo('Asia/Seoul')):%H:%M}"


def make_timed(key: str, now: datetime) -> Job:
    return make_job(key, done_by=in_seoul(now - timedelta(hours=1)), done_by_zone="Asia/Seoul")


@pytest.mark.parametrize(
    ("slot", "clock", "zone", "due"),
    [
        # The same day; the next one, where the time has passed; and the slot's own time is the next day's.
        ("2027-06-01T03:00Z", "06:30", "Europe/Berlin", "2027-06-01T04:30Z"),
        ("2027-06-01T05:00Z", "06:30", "Europe/Berlin", "2027-06-02T04:30Z"),
        ("2027-06-01T04:30Z", "06:30", "Europe/Berlin", "2027-06-02T04:30Z"),
        # Its day is that of the zone: in Seoul it is the morning of 2 June.
        ("2027-06-01T20:00Z", "06:30", "Asia/Seoul", "2027-06-01T21:30Z"),
        # The night of summer time has an hour less, that of winter time one more.
        ("2027-03-27T22:00Z", "06:30", "Europe/Berlin", "2027-03-28T04:30Z"),
        ("2027-10-30T21:00Z", "06:30", "Europe/Berlin", "2027-10-31T05:30Z"),
        # 02:30 does not come on 28 March: it is 03:30 by then.
        ("2027-03-27T22:00Z", "02:30", "Europe/Berlin", "2027-03-28T01:30Z"),
        # 02:30 comes twice on 31 October, also for a slot between the two.
        ("2027-10-30T21:00Z", "02:30", "Europe/Berlin", "2027-10-31T01:30Z"),
        ("2027-10-31T00:45Z", "02:30", "Europe/Berlin", "2027-10-31T01:30Z"),
        ("2027-10-31T01:45Z", "02:30", "Europe/Berlin", "2027-11-01T01:30Z"),
        # Samoa left out a whole day: 30 December 2011.
        ("2011-12-30T09:30Z", "12:00", "Pacific/Apia", "2011-12-30T22:00Z"),
    ],
)
def test_a_time_of_day_comes_next_in_its_zone(slot: str, clock: str, zone: str, due: str) -> None:
    found = slots.done_by(datetime.fromisoformat(slot), clock=clock, zone=zone)
    assert found == datetime.fromisoformat(due)


class TestConditions:
    def test_a_run_that_waits_too_long_is_late_and_one_within_its_time_is_not(self) -> None:
        make_run(make_job("late", late_after=60), RunState.QUEUED, ago=120)
        make_run(make_job("early", late_after=600), RunState.QUEUED, ago=120)
        make_run(make_job("unwatched"), RunState.QUEUED, ago=120)
        assert open_late() == 1
        assert Alert.objects.get().job.key == "late"
        assert conditions() == ["late"]

    def test_a_run_that_started_and_was_handed_over_is_not_late(self) -> None:
        run = make_run(make_job(late_after=60), RunState.QUEUED, ago=120)
        # The attempt of a stopping worker is not counted.
        Run.objects.filter(pk=run.pk).update(started_at=run.created_at, attempt=0, hand_overs=1)
        assert open_late() == 0

    def test_the_time_counts_from_the_slot(self) -> None:
        slot = timezone.now() - timedelta(minutes=5)
        make_run(make_job(late_after=60), RunState.QUEUED, ago=1, slot=slot)
        assert open_late() == 1

    @pytest.mark.parametrize("state", [RunState.QUEUED, RunState.RUNNING, RunState.DEFERRED])
    def test_a_run_that_has_not_ended_in_time_missed_its_deadline(self, state: RunState) -> None:
        make_run(make_job(finish_within=60), state, ago=120)
        open_late()
        assert conditions() == ["deadline"]

    def test_a_run_that_ended_missed_nothing(self) -> None:
        make_run(make_job(finish_within=60), RunState.SUCCEEDED, ago=120)
        assert open_late() == 0

    def test_a_job_that_is_not_done_by_its_time_of_day_missed_its_deadline_once(self) -> None:
        now = timezone.now()
        # Of the slot two hours ago the time was an hour ago; that of half an hour ago has until tomorrow.
        job = make_job(
            done_by=in_seoul(now - timedelta(hours=1)), done_by_zone="Asia/Seoul", finish_within=60
        )
        late = make_run(job, RunState.RUNNING, slot=now - timedelta(hours=2))
        make_run(make_timed("tomorrow", now), RunState.QUEUED, slot=now - timedelta(minutes=30))
        make_run(make_timed("by-hand", now), RunState.QUEUED, ago=7200)
        make_run(make_timed("done", now), RunState.SUCCEEDED, slot=now - timedelta(hours=2))
        assert (open_late(), open_late()) == (1, 0)
        assert Alert.objects.get().run == late
        assert conditions() == ["deadline"]

    def test_a_zone_that_the_machine_no_longer_knows_keeps_no_other_job_from_being_told(self) -> None:
        now = timezone.now()
        for key, zone in (("a-lost", "Mars/Olympus"), ("known", "Asia/Seoul")):
            run_of = make_job(key, done_by=in_seoul(now - timedelta(hours=1)), done_by_zone=zone)
            make_run(run_of, RunState.RUNNING, slot=now - timedelta(hours=2))
        open_late()
        assert [alert.job.key for alert in Alert.objects.all()] == ["known"]

    def test_a_run_takes_longer_than_usual_once_ten_have_said_what_is_usual(self) -> None:
        job = make_job(alert_longer=True)
        for _ in range(9):
            make_run(job, took=10, ago=5000)
        make_run(job, RunState.RUNNING, ago=60)
        assert open_late() == 0
        make_run(job, took=10, ago=5000)
        assert open_late() == 1
        assert conditions() == ["longer"]

    def test_a_run_that_waits_for_another_system_takes_longer_too(self) -> None:
        job = make_job(alert_longer=True)
        for _ in range(10):
            make_run(job, took=10, ago=5000)
        make_run(job, RunState.DEFERRED, ago=60)
        assert open_late() == 1
        assert conditions() == ["longer"]

    def test_a_run_that_is_hardly_slower_is_no_alert(self) -> None:
        job = make_job(alert_longer=True)
        for _ in range(10):
            make_run(job, took=60, ago=5000)
        make_run(job, RunState.RUNNING, ago=80)
        assert open_late() == 0

    def test_a_start_deadline_that_passed_is_a_late_start(self, cast: Cast) -> None:
        run = make_run(make_job(owner=cast.ben), RunState.SKIPPED, reason="start_deadline")
        run.events.create(kind="skipped")
        tell_of_runs()
        assert conditions() == ["late"]

    def test_a_job_may_be_silent_about_failures(self) -> None:
        run = make_run(make_job(alert_failed=False), RunState.FAILED)
        run.events.create(kind="failed")
        tell_of_runs()
        assert conditions() == []

    def test_a_failure_that_is_read_after_the_success_opens_nothing(self) -> None:
        job = make_job()
        failed = make_run(job, RunState.FAILED)
        make_run(job, RunState.SUCCEEDED)
        failed.events.create(kind="failed")
        tell_of_runs()
        assert conditions() == []


class TestLife:
    def test_looking_again_opens_nothing_new(self) -> None:
        make_run(make_job(late_after=60), RunState.QUEUED, ago=120)
        assert (open_late(), open_late()) == (1, 0)

    def test_a_success_closes_what_older_runs_met_and_never_what_newer_ones_did(self) -> None:
        job = make_job()
        old, good, new = make_run(job, RunState.FAILED), make_run(job), make_run(job, RunState.QUEUED)
        open_alert(run=old, condition=Condition.FAILED)
        open_alert(run=new, condition=Condition.LATE)
        close_alerts(run=good)
        assert conditions() == ["late"]

    def test_a_closed_alert_of_a_run_is_not_opened_again(self) -> None:
        job = make_job()
        run = make_run(job, RunState.FAILED)
        assert open_alert(run=run, condition=Condition.FAILED)
        close_alerts(run=make_run(job))
        assert not open_alert(run=run, condition=Condition.FAILED)


@pytest.mark.django_db(transaction=True)
def test_three_clocks_open_one_alert_and_send_one_message(cast: Cast) -> None:
    now = timezone.now()
    make_run(make_timed("at-dawn", now), RunState.RUNNING, slot=now - timedelta(hours=2))
    Job.objects.update(owner=cast.ben)
    meeting, failed = threading.Barrier(3, timeout=30), []

    def clock() -> None:
        try:
            for _ in range(3):
                meeting.wait()
                open_late()
                tell_of_alerts()
        except BaseException as error:
            failed.append(error)
            meeting.abort()
        finally:
            connection.close()

    clocks = [threading.Thread(target=clock) for _ in range(3)]
    for each in clocks:
        each.start()
    for each in clocks:
        each.join()
    assert not failed
    assert Alert.objects.count() == AlertNews.objects.count() == AlertDigest.objects.count() == 1
    assert Notification.objects.filter(kind="jobs.alerts").count() == 1


class TestMessages:
    def fail(self, job: Job) -> None:
        open_alert(run=make_run(job, RunState.FAILED), condition=Condition.FAILED)

    def test_a_bad_night_is_one_message_with_the_number_and_its_begin(self, cast: Cast) -> None:
        for number in range(7):
            self.fail(make_job(f"load-{number}", owner=cast.dan))
        assert (tell_of_alerts(), tell_of_alerts()) == (1, 0)
        key = str(AlertDigest.objects.get().pk)
        label = digest_nodes([key], cast.dan)[key].label
        assert label.startswith("7 jobs failed since ")
        assert label.endswith("Load 0, Load 1, Load 2 and 4 more")

    def test_watchers_hear_too_but_not_of_jobs_they_may_not_see(self, cast: Cast) -> None:
        job = make_job(owner=cast.dan)
        hidden = make_job("hidden", private=True, owner=cast.dan)
        for each in (job, hidden):
            watch(reference=("job", each.key), user=cast.ada, by=TESTS)
            self.fail(each)
        tell_of_alerts()
        heard = AlertNews.objects.filter(recipient=cast.ada)
        assert [each.alert.job.key for each in heard] == ["load-weather"]

    def test_a_message_loses_its_words_when_its_reader_loses_the_job(self, cast: Cast) -> None:
        job = make_job()
        watch(reference=("job", job.key), user=cast.ada, by=TESTS)
        self.fail(job)
        tell_of_alerts()
        key = str(AlertDigest.objects.get().pk)
        assert digest_nodes([key], cast.ada)
        assert not digest_nodes([key], cast.finn)
        Job.objects.update(private=True)
        assert not digest_nodes([key, "nonsense"], cast.ada)

    def test_what_is_over_before_it_was_told_is_not_told(self, cast: Cast) -> None:
        job = make_job(owner=cast.dan)
        self.fail(job)
        close_alerts(run=make_run(job))
        assert tell_of_alerts() == 0


def test_an_alert_names_the_data_and_open_questions_it_hurts_as_far_as_its_reader_may_see(cast: Cast) -> None:
    job = make_job(owner=cast.dan)
    catalog.dataset("flights")
    catalog.edge(("job", job.key), ("dataset", "flights"))
    for title, visibility in (("How late?", Visibility.COMPANY), ("Whom to dismiss?", Visibility.PRIVATE)):
        make_question(cast.ada, title, visibility=visibility, links=[("dataset", "flights")])
    open_alert(run=make_run(job, RunState.FAILED), condition=Condition.FAILED)
    (shown,) = open_alerts(job, cast.dan)
    assert [thing.key for thing in shown.fed] == ["flights"]
    titles = {cast.ada: True, cast.finn: False}
    for reader, sees_private in titles.items():
        (seen,) = open_alerts(job, reader)
        words = " ".join(usage.node.label for usage in seen.questions)
        assert "How late?" in words
        assert ("Whom to dismiss?" in words) is sees_private
    tell_of_alerts()
    key = str(AlertDigest.objects.get().pk)
    label = digest_nodes([key], cast.dan)[key].label
    assert label.startswith("Load weather: Failed. It affects ")
