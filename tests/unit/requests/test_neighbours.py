"""What other apps learn of questions, and what they bring to them."""

import pytest

from portal.accounts.models import Team
from portal.audit.actions import Actor
from portal.discussion.subjects import subjects
from portal.events import nodes, usages
from portal.evidence.actions import cite
from portal.notifications.models import Notification
from portal.notifications.wording import text
from requests_app.access import evidence_readable
from requests_app.actions import closing, questions, triage, work
from requests_app.models import DataRequest
from tests.factories import catalog as catalog_factory
from tests.factories.questions import bring, make_pool, make_question

pytestmark = pytest.mark.django_db
FLIGHTS = ("dataset", "flights")


def test_a_node_is_there_only_for_who_may_see_the_question(cast):
    question = make_question(cast.finn, visibility="private")
    reference = ("question", question.key)
    assert nodes.resolve([reference, ("question", "x"), ("question", "9" * 30)], cast.finn).keys() == {
        reference
    }
    assert nodes.resolve([reference], cast.ada) == {}


def test_a_things_page_lists_the_questions_that_use_it_and_may_be_seen(cast):
    done = bring(
        make_question(cast.finn, "Done", links=[FLIGHTS]), "closed", lead=cast.cleo, analyst=cast.ben
    )
    questions.link(question=done, reference=FLIGHTS, role="used", user=cast.ben, by=Actor.person(cast.ben))
    fresh = make_question(cast.finn, "Open", links=[FLIGHTS])
    make_question(cast.finn, "Private", visibility="private", links=[FLIGHTS])
    found = usages.of(FLIGHTS, cast.ada)["question"]
    assert [usage.reference for usage in found] == [("question", fresh.key), ("question", done.key)]
    assert usages.of(("dataset", "other"), cast.ada) == {}


@pytest.mark.parametrize(
    ("visibility", "seeing"),
    [
        ("company", {"ada", "ben", "cleo", "dan", "eun", "finn"}),
        ("team", {"ben", "cleo", "dan", "eun", "finn"}),
        ("private", {"cleo", "finn"}),
    ],
)
def test_who_sees_a_question(cast, visibility, seeing):
    make_question(cast.finn, visibility=visibility)
    people = {name: getattr(cast, name) for name in ("ada", "ben", "cleo", "dan", "eun", "finn")}
    found = {name for name, user in people.items() if DataRequest.objects.visible_to(user).exists()}
    assert found == seeing
    cast.finn.is_active = False
    assert not DataRequest.objects.visible_to(cast.finn).exists()


def test_who_is_let_in_or_works_on_it_sees_a_private_question(cast):
    question = make_question(cast.finn, visibility="private")
    by = {"user": cast.finn, "by": Actor.person(cast.finn)}
    questions.add_follower(question=question, person=cast.ada, **by)
    assert DataRequest.objects.visible_to(cast.ada).exists()
    bring(question, "ready", lead=cast.cleo, analyst=cast.ben)
    work.assign(question=question, assignee=cast.dan, user=cast.cleo, by=Actor.person(cast.cleo))
    assert DataRequest.objects.visible_to(cast.dan).exists()
    assert not DataRequest.objects.visible_to(cast.ben).exists()


def test_its_discussion_is_open_to_who_sees_it_and_notes_to_the_data_team(cast):
    question = make_question(cast.finn, visibility="team")
    reference = ("question", question.key)
    assert subjects.find(reference, cast.ada) is None
    assert subjects.find(reference, cast.finn).may_see_internal is False
    assert subjects.find(reference, cast.ben).may_see_internal is True
    assert subjects.find(reference, cast.ben).first == cast.finn.pk


def test_evidence_is_readable_only_with_every_table_it_reads(cast):
    catalog_factory.dataset("flights", table={"physical_name": "ops.flights"})
    finance = Team.objects.get(key="finance")
    catalog_factory.dataset("pay", visibility="team", team=finance, table={"physical_name": "fin.pay"})
    question = bring(make_question(cast.finn), "answered", lead=cast.cleo, analyst=cast.ben)
    metric = catalog_factory.metric(points=[("2013-01-01", 0.7)])
    evidence = metric.points.get().evidence
    evidence.tables = ["ops.flights"]
    evidence.save()
    assert question.answer
    cite(
        evidence=evidence,
        about=question.answer.reference,
        title="x",
        user=cast.ben,
        by=Actor.person(cast.ben),
    )
    assert evidence_readable(question.answer, cast.ada)
    evidence.tables = ["ops.flights", "fin.pay"]
    evidence.save()
    assert not evidence_readable(question.answer, cast.ada)
    assert evidence_readable(question.answer, cast.finn)


def kinds_for(user):
    return list(Notification.objects.filter(recipient=user).order_by("pk").values_list("kind", flat=True))


def test_each_step_tells_whom_it_concerns(cast):
    make_pool("central", cast.ben)
    question = make_question(cast.ada)
    assert kinds_for(cast.cleo) == kinds_for(cast.ben) == ["question.asked"]
    questions.me_too(question=question, user=cast.finn, by=Actor.person(cast.finn))
    triage.ask_back(question=question, user=cast.cleo, by=Actor.person(cast.cleo), note="Which?")
    assert kinds_for(cast.ada) == ["question.followed", "question.needs_info"]
    triage.undo(question=question, user=cast.cleo, by=Actor.person(cast.cleo))
    bring(question, "answered", lead=cast.cleo, analyst=cast.ben)
    assert kinds_for(cast.ada)[2:] == ["question.undone", "question.taken", "question.answered"]
    assert "question.answered" in kinds_for(cast.finn)
    assert "question.answered" not in kinds_for(cast.ben)


def test_a_reminder_says_what_is_waited_for_and_not_that_the_portal_asks(cast):
    question = make_question(cast.ada)
    triage.ask_back(question=question, user=cast.cleo, by=Actor.person(cast.cleo), note="Which?")
    assert closing.remind(question=question)
    news = Notification.objects.filter(recipient=cast.ada).order_by("-pk")[0]
    assert text(news, "REQ-1") == "REQ-1 still waits for your reply"


def test_the_asker_of_a_duplicate_hears_of_the_answer(cast):
    original = make_question(cast.finn, "The first")
    second = make_question(cast.ada, "The second")
    triage.mark_duplicate(question=second, canonical=original, user=cast.cleo, by=Actor.person(cast.cleo))
    bring(original, "answered", lead=cast.cleo, analyst=cast.ben)
    assert kinds_for(cast.ada).count("question.answered") == 1
