"""What webhooks hear of questions: each step once, in its own transaction, as far as the owner may see."""

import json
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from portal.audit.actions import Actor
from portal.webhooks import actions, relay
from portal.webhooks.choices import Event
from portal.webhooks.models import Delivery, Endpoint
from requests_app import moment
from requests_app.actions import asker, questions, triage, work
from requests_app.announcing import _WORDS
from requests_app.choices import Outcome, Visibility
from requests_app.models import DataRequest, QuestionEvent
from requests_app.transitions import TRANSITIONS
from tests.conftest import Cast
from tests.factories.questions import bring, make_question
from tests.factories.webhooks import make_endpoint
from tests.receiver import Receiver

pytestmark = pytest.mark.django_db

QUESTIONS = [event for event in Event if event.startswith("question.")]
# Work on the answer is the data team's own; the state alone changes.
_UNTOLD = {"resume", "release", "submit_for_review", "send_back"}


@pytest.fixture
def endpoint(cast: Cast) -> Endpoint:
    return make_endpoint(cast.dan, events=QUESTIONS)


def heard() -> list[dict[str, Any]]:
    return [json.loads(each.body) for each in Delivery.objects.order_by("pk")]


def types() -> list[str]:
    return [each["type"] for each in heard()]


def accept(question: DataRequest, cast: Cast, **fields: Any) -> None:
    by = Actor.person(cast.cleo)
    triage.accept(question=question, user=cast.cleo, by=by, kind="number", impact=2, urgency=2, **fields)


def test_every_step_that_moves_a_question_has_its_word() -> None:
    moving = {row.name for row in TRANSITIONS if not row.stays}
    assert moving - _UNTOLD <= set(_WORDS)
    assert set(_WORDS.values()) == set(QUESTIONS)


def test_a_question_is_told_from_asking_to_its_answer(endpoint: Endpoint, cast: Cast, settings: Any) -> None:
    question = bring(make_question(cast.ada), "answered", lead=cast.cleo, analyst=cast.ben)
    assert types()[0] == "question.created"
    assert types()[-1] == "question.answered"
    assert {"question.accepted", "question.assigned"} <= set(types())
    told = heard()[-1]["data"]
    assert told["step"] == "publish_answer"
    assert told["question"]["number"] == question.number
    assert told["question"]["url"] == f"{settings.PUBLIC_URL}/requests/{question.number}/"
    assert (told["question"]["state"], told["question"]["title"]) == ("answered", question.title)
    assert told["question"]["answered_at"]
    asker.accept_answer(
        question=question, user=cast.ada, by=Actor.person(cast.ada), outcome=Outcome.CONFIRMED
    )
    assert types()[-1] == "question.closed"


def test_triage_that_is_taken_back_is_told(endpoint: Endpoint, cast: Cast) -> None:
    question = make_question(cast.ada)
    accept(question, cast, assignee=cast.ben)
    triage.undo(question=question, user=cast.cleo, by=Actor.person(cast.cleo))
    assert types() == ["question.created", "question.accepted", "question.assigned", "question.undone"]
    assert (heard()[2]["data"]["question"]["assignee"], heard()[3]["data"]["question"]["assignee"]) == (
        cast.ben.name,
        None,
    )


def test_words_and_notes_stay_in_the_portal(endpoint: Endpoint, cast: Cast) -> None:
    question = make_question(cast.ada, body="Canary body")
    accept(question, cast, assignee=cast.ben)
    by = Actor.person(cast.ben)
    work.hand_over(question=question, assignee=cast.cleo, note="Canary note", user=cast.ben, by=by)
    assert types()[-1] == "question.assigned"
    assert "Canary" not in json.dumps(heard())


def test_a_question_that_its_owner_may_not_see_is_neither_recorded_nor_sent(
    cast: Cast, settings: Any
) -> None:
    with Receiver() as server:
        settings.OUTGOING_ALLOW = (("127.0.0.1", server.port),)
        endpoint = make_endpoint(cast.dan, server.url("/hook"), events=QUESTIONS)
        make_question(cast.ada, "Whom to dismiss?", visibility=Visibility.PRIVATE)
        assert heard() == []
        seen, later = make_question(cast.ada, "How late?"), make_question(cast.ada, "Whose fault?")
        # Between the event and its sending the second became private.
        by = Actor.person(cast.ada)
        questions.edit_question(question=later, user=cast.ada, by=by, visibility=Visibility.PRIVATE)
        relay.deliver(str(endpoint.pk))
        assert [json.loads(got.body)["data"]["question"]["number"] for got in server.received] == [
            seen.number
        ]
    assert set(Delivery.objects.values_list("about_key", "state", "reason")) == {
        (seen.key, "sent", ""),
        (later.key, "dropped", "not_visible"),
    }


def test_jobs_narrow_runs_and_not_questions(cast: Cast) -> None:
    make_endpoint(cast.dan, events=["run.failed", "question.created"], jobs=["load-flights"])
    make_endpoint(cast.dan, events=["run.failed"])
    make_question(cast.ada)
    assert types() == ["question.created"]


def test_history_that_is_written_is_not_told_and_neither_is_a_step_that_failed(
    endpoint: Endpoint, cast: Cast
) -> None:
    with moment.at(timezone.now() - timedelta(minutes=1)):
        make_question(cast.ada)
    with transaction.atomic():
        make_question(cast.ada)
        transaction.set_rollback(True)
    assert QuestionEvent.objects.count() == 1
    assert heard() == []


@pytest.mark.django_db(transaction=True)
def test_an_endpoint_that_is_removed_meanwhile_undoes_no_step(cast: Cast) -> None:
    """The foreign key is checked at the commit: without the lock the question would be lost with it."""
    endpoint = make_endpoint(cast.dan, events=QUESTIONS)
    asked, gone = threading.Event(), []

    def remove() -> None:
        asked.wait(30)
        actions.remove(endpoint=Endpoint.objects.get(), by=Actor.person(cast.dan))
        gone.append(Endpoint.objects.count())
        connection.close()

    remover = threading.Thread(target=remove)
    remover.start()
    with transaction.atomic():
        make_question(cast.ada)
        asked.set()
        # It waits for this step, and ends after it.
        remover.join(0.5)
        assert not gone
    remover.join(30)
    assert gone == [0]
    assert QuestionEvent.objects.count() == 1
    assert not Delivery.objects.filter(endpoint=endpoint.pk).exists()
