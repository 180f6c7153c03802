"""F27 and F28: who claims at once, and who sends twice."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection

from portal.accounts.models import User
from portal.audit.actions import Actor
from portal.audit.models import AuditEvent
from requests_app.actions import answers, questions, triage, work
from requests_app.exceptions import AlreadyTaken, ChangedMeanwhile, NothingToTake, WipLimitReached
from requests_app.models import DataRequest, QuestionEvent
from tests.factories.questions import bring, make_pool, make_question

pytestmark = [pytest.mark.fault, pytest.mark.django_db(transaction=True)]
ROUNDS = 100


def together(*calls):
    """Let all calls begin at the same moment, each with its own connection; return results or refusals."""
    barrier = Barrier(len(calls))

    def run(call):
        try:
            barrier.wait(20)
            return call()
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def ready(cast, title="How late?"):
    return bring(make_question(cast.ada, title), "ready", lead=cast.cleo, analyst=cast.ben)


def test_of_two_who_take_one_question_one_wins_and_the_other_is_told_who(cast):
    make_pool("central", cast.ben, cast.eun)
    wins = set()
    for number in range(ROUNDS):
        made = ready(cast, f"Question {number}")

        def claim(person, pk=made.pk):
            mine = DataRequest.objects.get(pk=pk)
            return work.take(question=mine, user=person, by=Actor.person(person), override="a test")

        found = together(lambda claim=claim: claim(cast.ben), lambda claim=claim: claim(cast.eun))
        won = [each for each in found if isinstance(each, DataRequest)]
        lost = [each for each in found if isinstance(each, AlreadyTaken)]
        assert (len(won), len(lost)) == (1, 1), found
        holder = DataRequest.objects.get(pk=made.pk).assignee
        assert lost[0].holder == holder.name
        assert AuditEvent.objects.filter(action="question.take", object_id=str(made.number)).count() == 1
        assert made.spans.filter(to_at=None).count() == 1
        wins.add(holder.name)
    assert wins <= {"Ben Cho", "Eun Park"}


def test_two_who_take_the_next_one_get_different_questions(cast):
    make_pool("central", cast.ben, cast.eun)
    for number in range(10):
        ready(cast, f"Question {number}")
    for _ in range(3):
        found = together(
            lambda: work.take_next(user=cast.ben, by=Actor.person(cast.ben)),
            lambda: work.take_next(user=cast.eun, by=Actor.person(cast.eun)),
        )
        assert all(isinstance(each, DataRequest) for each in found), found
        assert found[0].pk != found[1].pk


def test_nobody_gets_past_the_limit_by_taking_several_at_once(cast):
    make_pool("central", cast.ben)
    made = [ready(cast, f"Question {number}") for number in range(6)]

    def claim(pk):
        ben = User.objects.get(pk=cast.ben.pk)
        return work.take(question=DataRequest.objects.get(pk=pk), user=ben, by=Actor.person(ben))

    found = together(*[lambda pk=each.pk: claim(pk) for each in made])
    assert sum(isinstance(each, DataRequest) for each in found) == 3
    assert sum(isinstance(each, WipLimitReached) for each in found) == 3


def test_a_form_that_is_sent_twenty_times_at_once_asks_one_question(cast):
    def send():
        return questions.ask(title="How late?", user=cast.ada, by=Actor.person(cast.ada), token="form:1")

    found = together(*[send] * 20)
    assert not [each for each in found if isinstance(each, Exception)], found
    assert len({each.question.pk for each in found}) == 1
    assert sum(each.created for each in found) == 1
    assert DataRequest.objects.count() == 1
    assert QuestionEvent.objects.filter(kind="ask").count() == 1
    assert AuditEvent.objects.filter(action="question.ask").count() == 1


def test_sent_again_later_it_answers_with_the_first_question(cast):
    given = {"title": "How late?", "user": cast.ada, "by": Actor.person(cast.ada), "token": "form:1"}
    first, again = questions.ask(**given), questions.ask(**given)
    assert (first.created, again.created) == (True, False)
    assert first.question.pk == again.question.pk
    # The token is the person's own: another one's equal token asks another question.
    assert questions.ask(**{**given, "user": cast.finn, "by": Actor.person(cast.finn)}).created


def test_of_two_triagers_one_decides_and_the_other_is_told(cast):
    for number in range(20):
        made = make_question(cast.ada, f"Question {number}")

        def accept(pk=made.pk):
            mine = DataRequest.objects.get(pk=pk)
            by = Actor.person(cast.cleo)
            return triage.accept(question=mine, user=cast.cleo, by=by, kind="number", impact=2, urgency=2)

        found = together(accept, accept)
        assert sum(isinstance(each, DataRequest) for each in found) == 1, found
        assert QuestionEvent.objects.filter(question=made, kind="accept").count() == 1


def test_of_two_who_save_one_draft_the_second_is_told_and_loses_nothing(cast):
    made = bring(make_question(cast.ada), "in_review", lead=cast.cleo, analyst=cast.ben, reviewer=cast.eun)
    draft = made.answers.get()

    def save(person, body):
        mine = DataRequest.objects.get(pk=made.pk)
        return answers.save_draft_answer(
            question=mine, body=body, user=person, by=Actor.person(person), answer_version=draft.version
        )

    found = together(lambda: save(cast.ben, "Ben's"), lambda: save(cast.eun, "Eun's"))
    assert sum(isinstance(each, ChangedMeanwhile) for each in found) == 1, found
    draft.refresh_from_db()
    assert draft.body in ("Ben's", "Eun's")
    assert draft.version == 2


def test_taking_from_an_empty_queue_says_so(cast):
    with pytest.raises(NothingToTake):
        work.take_next(user=cast.ben, by=Actor.person(cast.ben))
