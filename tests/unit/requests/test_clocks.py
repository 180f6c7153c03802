"""Deadlines follow from the spans: pauses, priorities, undo and reopening leave none of them wrong."""

from datetime import datetime, timedelta
from threading import Barrier, Thread
from zoneinfo import ZoneInfo

import pytest
from django.db import connection

from portal.audit.actions import Actor
from requests_app import moment, story, ticking
from requests_app.actions import answers, asker, discussed, triage, work
from requests_app.choices import ClockOutcome, SlaState, State
from requests_app.models import DataRequest, SlaClock
from tests.factories import jobs as job_factory
from tests.factories.questions import make_policy, make_pool, make_question

pytestmark = pytest.mark.django_db
SEOUL = ZoneInfo("Asia/Seoul")
MONDAY = datetime(2026, 3, 9, 9, tzinfo=SEOUL)
HOUR = timedelta(hours=1)


def at(hours=0, days=0):
    return moment.at(MONDAY + timedelta(hours=hours, days=days))


@pytest.fixture
def question(cast):
    make_policy(
        targets={"triage": 240, "first_response": 480, "answer": 1080, "next_update": 120, "hand_over": 60}
    )
    make_pool("central", cast.ben, cast.eun)
    with at():
        return make_question(cast.ada)


def clock(question, metric, cycle=0):
    return SlaClock.objects.get(question=question, metric=metric, cycle=cycle)


def accept(question, cast, **fields):
    given = {"kind": "number", "impact": 2, "urgency": 2, **fields}
    return triage.accept(question=question, user=cast.cleo, by=Actor.person(cast.cleo), **given)


def ben(question, cast):
    return {"question": question, "user": cast.ben, "by": Actor.person(cast.ben)}


def test_a_new_question_is_due_for_triage_first(question):
    assert question.next_due_at == MONDAY + 4 * HOUR
    assert question.sla_at(MONDAY) == SlaState.ON_TRACK
    assert question.sla_at(MONDAY + 3 * HOUR) == SlaState.DUE_SOON
    assert question.sla_at(MONDAY + 4 * HOUR) == SlaState.OVERDUE


def test_waiting_for_the_asker_stops_the_answer_clock_and_moves_its_deadline(question, cast):
    with at(1):
        accept(question, cast)
        work.take(**ben(question, cast))
    assert clock(question, "answer").due_at == MONDAY + timedelta(days=1, hours=9)
    with at(3):
        triage.ask_back(**ben(question, cast), note="Which airport?")
    assert clock(question, "answer").is_paused
    assert question.next_due_at is None
    assert question.sla_at(MONDAY + timedelta(days=30)) == SlaState.PAUSED
    with at(3, days=1):
        asker.reply(question=question, user=cast.ada, by=Actor.person(cast.ada), note="JFK")
    answer = clock(question, "answer")
    # Nine working hours lay between, so the deadline moved by nine working hours.
    assert answer.paused_s == 9 * 3600
    assert answer.due_at == MONDAY + timedelta(days=2, hours=9)
    assert (
        question.next_due_at == clock(question, "next_update").due_at == MONDAY + timedelta(days=1, hours=5)
    )


def test_a_new_priority_counts_the_same_spans_again(question, cast):
    make_policy("urgent", order=1, priorities=[1], targets={"triage": 60, "answer": 240})
    with at(1):
        accept(question, cast)
    with at(2):
        triage.set_priority(
            question=question, user=cast.cleo, by=Actor.person(cast.cleo), impact=3, urgency=3
        )
    assert clock(question, "answer").due_at == MONDAY + 4 * HOUR
    # What had stopped stays as it was measured.
    assert clock(question, "triage").target_s == 240 * 60


def test_a_newer_version_of_the_policy_leaves_running_clocks_alone(question, cast):
    make_policy("standard", version=2, targets={"answer": 60})
    with at(1):
        accept(question, cast)
    assert clock(question, "answer").due_at == MONDAY + timedelta(days=1, hours=9)
    with at(1):
        other = make_question(cast.ada, "A later question of mine")
    assert clock(other, "answer").due_at == MONDAY + 2 * HOUR


def test_undo_starts_the_triage_clock_again_where_it_was(question, cast):
    with at(1):
        accept(question, cast)
    assert clock(question, "triage").outcome == ClockOutcome.HIT
    with at(1.05):
        triage.undo(question=question, user=cast.cleo, by=Actor.person(cast.cleo))
    assert question.state == State.NEW
    assert question.next_due_at == clock(question, "triage").due_at == MONDAY + 4 * HOUR


def test_an_answer_in_time_is_a_hit_and_a_late_one_a_miss(question, cast):
    with at(1):
        accept(question, cast)
        work.take(**ben(question, cast))
    with at(9, days=2):
        answers.publish_answer(**ben(question, cast), body="12 %")
    assert clock(question, "answer").outcome == ClockOutcome.MISS
    assert clock(question, "triage").outcome == ClockOutcome.HIT
    assert question.next_due_at is None
    with at(9, days=3):
        asker.reopen(question=question, user=cast.ada, by=Actor.person(cast.ada), note="And Newark?")
    # A new cycle with its own clock; the old verdict stands.
    assert clock(question, "answer").outcome == ClockOutcome.MISS
    assert clock(question, "answer", 1).started_at == MONDAY + timedelta(days=3, hours=9)


def test_a_withdrawn_question_drops_its_clocks(question, cast):
    with at(1):
        asker.withdraw(question=question, user=cast.ada, by=Actor.person(cast.ada))
    assert {each.outcome for each in question.clocks.all()} == {ClockOutcome.DROPPED}


def test_a_hand_over_gives_the_new_holder_a_clock_of_their_own(question, cast):
    with at(1):
        accept(question, cast)
        work.take(**ben(question, cast))
    with at(2):
        work.hand_over(**ben(question, cast), assignee=cast.eun, note="The SQL is done.")
    assert clock(question, "hand_over").due_at == MONDAY + 3 * HOUR
    with at(2.5):
        triage.ask_back(question=question, user=cast.eun, by=Actor.person(cast.eun), note="Which year?")
    assert clock(question, "hand_over").outcome == ClockOutcome.HIT


def test_a_comment_of_the_team_is_the_first_response_and_the_askers_wants_one(question, cast):
    with at(1):
        discussed.commented(question=question, user=cast.dan, by=Actor.person(cast.dan), comment=1)
    assert question.first_response_at == MONDAY + HOUR
    with at(2):
        discussed.commented(question=question, user=cast.ada, by=Actor.person(cast.ada), comment=2)
        discussed.commented(question=question, user=cast.ada, by=Actor.person(cast.ada), comment=3)
    assert clock(question, "next_update").due_at == MONDAY + 4 * HOUR
    with at(3):
        discussed.commented(question=question, user=cast.ben, by=Actor.person(cast.ben), comment=4)
    assert clock(question, "next_update").outcome == ClockOutcome.HIT


def test_the_askers_comment_while_it_waits_for_them_is_the_reply(question, cast):
    with at(1):
        triage.ask_back(question=question, user=cast.cleo, by=Actor.person(cast.cleo), note="Which?")
        discussed.commented(question=question, user=cast.finn, by=Actor.person(cast.finn), comment=1)
    assert question.state == State.NEEDS_INFO
    with at(2):
        discussed.commented(question=question, user=cast.ada, by=Actor.person(cast.ada), comment=2)
    assert question.state == State.NEW


class TestTick:
    def test_due_soon_and_overdue_are_told_once_each(self, question):
        with at(2.9):
            assert ticking.tell_deadlines() == 0
        with at(3):
            assert ticking.tell_deadlines() == 1
            assert ticking.tell_deadlines() == 0
        with at(4):
            assert ticking.tell_deadlines() == 1
            assert ticking.tell_deadlines() == 0
        told = clock(question, "triage")
        assert (told.warned_at, told.breached_at) == (MONDAY + 3 * HOUR, MONDAY + 4 * HOUR)

    def test_a_snoozed_question_wakes_at_its_time(self, question, cast):
        with at(1):
            triage.snooze(
                question=question, user=cast.cleo, by=Actor.person(cast.cleo), until=MONDAY + 5 * HOUR
            )
        with at(4):
            assert ticking.wake_snoozed() == 0
        with at(5):
            assert ticking.wake_snoozed() == 1
        question.refresh_from_db()
        assert question.snoozed_until is None

    def test_a_blocked_question_goes_on_once_its_job_has_succeeded_since(self, question, cast):
        job = job_factory.make_job()
        job_factory.make_run(job, finished_at=MONDAY + HOUR)
        with at(1):
            accept(question, cast)
            work.take(**ben(question, cast))
        with at(2):
            work.block(**ben(question, cast), reason="job", blocker=("job", job.key))
            assert ticking.unblock_recovered() == 0
        job_factory.make_run(job, finished_at=MONDAY + 3 * HOUR)
        with at(4):
            assert ticking.unblock_recovered() == 1
        question.refresh_from_db()
        assert question.state == State.IN_PROGRESS
        assert question.events.last().user is None

    def test_the_asker_is_reminded_twice_before_it_is_closed(self, question, cast):
        with at(1):
            triage.ask_back(question=question, user=cast.cleo, by=Actor.person(cast.cleo), note="Which?")
        seen = []
        for day in range(12):
            with at(2, days=day):
                ticking.remind_and_close()
            question.refresh_from_db()
            seen.append((question.reminders, question.state))
        # Monday to Friday, the weekend, and on: the third working day, the fifth, the seventh.
        assert seen[1] == (0, State.NEEDS_INFO)
        assert seen[2] == (1, State.NEEDS_INFO)
        assert seen[3] == (1, State.NEEDS_INFO)
        assert seen[6] == (2, State.NEEDS_INFO)
        assert seen[8][1] == State.CLOSED
        assert question.resolution == "no_reply"
        told = story.story_of(question, cast.ada)[0]
        assert [each.text for each in told if each.who == "Data Desk"] == [
            "closed it: the asker did not reply",
            "reminded the asker",
            "reminded the asker",
        ]

    def test_an_answer_nobody_objects_to_is_accepted_after_five_working_days(self, question, cast):
        with at(1):
            accept(question, cast)
            work.take(**ben(question, cast))
            answers.publish_answer(**ben(question, cast), body="12 %")
        with at(0, days=7):
            assert ticking.close_accepted() == 0
        with at(1, days=7):
            assert ticking.close_accepted() == 1
        question.refresh_from_db()
        assert (question.state, question.resolution) == (State.CLOSED, "answered")


@pytest.mark.django_db(transaction=True)
def test_two_clocks_at_once_do_everything_once(cast):
    make_policy(targets={"triage": 60, "first_response": 480})
    with at():
        for number in range(20):
            made = make_question(cast.ada, f"Question number {number}")
            triage.snooze(question=made, user=cast.cleo, by=Actor.person(cast.cleo), until=MONDAY + 2 * HOUR)
    together, told, woken = Barrier(2), [], []

    def run():
        try:
            together.wait(10)
            with at(2):
                told.append(ticking.tell_deadlines())
                woken.append(ticking.wake_snoozed())
        finally:
            connection.close()

    threads = [Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with at(2):
        # What one clock passed over because the other held it is found by the next tick.
        told.append(ticking.tell_deadlines())
        woken.append(ticking.wake_snoozed())
    assert sum(told) == 20
    assert sum(woken) == 20
    assert DataRequest.objects.filter(events__kind="wake").count() == 20
