import re
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from portal.accounts.models import User
from portal.audit.actions import Actor
from requests_app.access import parties_of
from requests_app.actions import questions, triage, work
from requests_app.choices import State
from requests_app.models import DataRequest
from requests_app.steps import WRITTEN
from requests_app.transitions import TRANSITIONS, find, possible
from tests.conftest import Cast
from tests.factories.catalog import metric
from tests.factories.questions import bring, make_policy, make_pool, make_question

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}
NAMES = sorted({row.name for row in TRANSITIONS} - WRITTEN)


def in_state(cast: Cast, state: str, **fields: Any) -> DataRequest:
    """Return a question of Ada's that Ben works on, Cleo triages and Eun reviews."""
    question = make_question(cast.ada, **fields)
    bring(question, state, lead=cast.cleo, analyst=cast.ben, reviewer=cast.eun)
    return DataRequest.objects.get(pk=question.pk)


def people(cast: Cast) -> tuple[User, ...]:
    return cast.ada, cast.ben, cast.cleo, cast.dan, cast.eun, cast.finn


def expected(question: DataRequest, user: User) -> set[str]:
    """The table's steps for this person, less those that would change nothing."""
    names = {row.name for row in possible(question.state, parties_of(question, user))}
    if WRITTEN & names:
        names = names - WRITTEN | {"answer"}
    idle = {"wake", "unfollow"}
    if question.requester_id == user.pk:
        idle.add("me_too")
    if question.assignee_id not in {None, user.pk}:
        idle.add("take")
    # Nothing is linked yet, so there is nothing to remove.
    return names - idle - {"unlink"}


def buttons(page: str, number: int) -> set[str]:
    return set(re.findall(rf'(?:href|action)="/requests/{number}/(\w+)/"', page))


@pytest.mark.parametrize("state", list(State))
def test_the_buttons_are_exactly_the_tables(client: Client, cast: Cast, state: str) -> None:
    question = in_state(cast, state)
    for person in people(cast):
        client.force_login(person)
        page = client.get(f"/requests/{question.number}/").content.decode()
        found = buttons(page, question.number)
        draft = {"answer"} if question.answers.drafts().exists() and person in people(cast)[1:5] else set()
        assert found - draft == expected(question, person) - draft, f"{person.name} in {state}"
        assert page.count("btn primary") <= 1


@pytest.mark.parametrize("state", list(State))
def test_every_step_has_its_form_where_the_table_has_it(client: Client, cast: Cast, state: str) -> None:
    question = in_state(cast, state)
    for person in people(cast):
        client.force_login(person)
        mine = {row.name for row in possible(question.state, parties_of(question, person))}
        others = [name for name in NAMES if name not in mine]
        for name in [*sorted(mine - WRITTEN), *others[:: max(1, len(others) // 5)]]:
            status = client.get(f"/requests/{question.number}/{name}/").status_code
            wanted = 200 if name in mine else 403 if find(name, state) else 409
            assert status == wanted, f"{name} by {person.name} in {state}: {status}"


def test_asker_and_analyst_read_the_state_in_their_own_words(client: Client, cast: Cast) -> None:
    question = in_state(cast, State.NEEDS_INFO)
    client.force_login(cast.ada)
    assert "Waiting for you" in client.get(f"/requests/{question.number}/").content.decode()
    client.force_login(cast.ben)
    page = client.get(f"/requests/{question.number}/").content.decode()
    assert "Needs info" in page
    assert "Waiting for you" not in page


def test_the_body_is_markdown_and_no_html(client: Client, cast: Cast) -> None:
    question = make_question(cast.ada, body="It was **late**. <script>alert(1)</script>")
    client.force_login(cast.ada)
    page = client.get(f"/requests/{question.number}/").content.decode()
    assert "<strong>late</strong>" in page
    assert "<script>alert" not in page


def test_a_private_question_is_missing_for_strangers_on_every_route(client: Client, cast: Cast) -> None:
    question = in_state(cast, State.IN_PROGRESS, visibility="private")
    client.force_login(cast.finn)
    paths = ["", "undo/", "answer/", "answer/save/", "answer/cite/", "answer/query/", "answer/evidence/1/"]
    for path in [*paths, *(f"{name}/" for name in NAMES)]:
        for method in (client.get, client.post):
            assert method(f"/requests/{question.number}/{path}").status_code in {404, 405}, path
    assert client.get(f"/requests/{2**70}/").status_code == 404
    client.force_login(cast.cleo)
    assert client.get(f"/requests/{question.number}/").status_code == 200


def test_an_unknown_step_is_missing(client: Client, cast: Cast) -> None:
    question = make_question(cast.ada)
    client.force_login(cast.cleo)
    assert client.get(f"/requests/{question.number}/explode/").status_code == 404


def test_a_step_is_taken_and_told(client: Client, cast: Cast) -> None:
    question = in_state(cast, State.READY)
    client.force_login(cast.ben)
    path = f"/requests/{question.number}/take/"
    response = client.post(path, {"version": question.version}, follow=True)
    assert f"{question.label} is yours." in response.content.decode()
    question.refresh_from_db()
    assert (question.state, question.assignee) == (State.IN_PROGRESS, cast.ben)


def test_a_form_keeps_what_was_typed(client: Client, cast: Cast) -> None:
    question = make_question(cast.ada)
    client.force_login(cast.cleo)
    path = f"/requests/{question.number}/decline/"
    response = client.post(path, {"note": "Look at the board."})
    assert response.status_code == 422
    page = response.content.decode()
    assert "Look at the board." in page
    assert 'aria-invalid="true"' in page
    question.refresh_from_db()
    assert question.state == State.NEW


def test_somebody_elses_step_in_between_is_named(client: Client, cast: Cast) -> None:
    question = make_question(cast.ada)
    seen = question.version
    by = Actor.person(cast.cleo)
    triage.set_priority(question=question, user=cast.cleo, by=by, impact=3, urgency=3)
    client.force_login(cast.cleo)
    sent = {"reason": "no_data", "note": "There are none.", "version": seen}
    response = client.post(f"/requests/{question.number}/decline/", sent)
    assert response.status_code == 409
    page = response.content.decode()
    assert "Cleo Han set the priority to P1: now" in page
    assert "There are none." in page
    # The form now speaks of the question as it is: sent again it is done.
    question.refresh_from_db()
    assert f'name="version" value="{question.version}"' in page


def test_two_who_take_at_once_are_told_who_was_first(client: Client, cast: Cast) -> None:
    question = in_state(cast, State.READY)
    work.take(question=question, user=cast.ben, by=Actor.person(cast.ben))
    client.force_login(cast.eun)
    response = client.post(f"/requests/{question.number}/take/")
    assert response.status_code == 409
    assert "Ben Cho took it" in response.content.decode()


def test_beyond_the_limit_a_reason_is_asked_for(client: Client, cast: Cast) -> None:
    for number in range(3):
        in_state(cast, State.IN_PROGRESS, title=f"Held already, number {number}")
    question = in_state(cast, State.READY)
    client.force_login(cast.ben)
    response = client.post(f"/requests/{question.number}/take/")
    assert response.status_code == 409
    page = response.content.decode()
    assert "3 questions are in hand; the limit is 3." in page
    assert 'name="override"' in page
    client.post(f"/requests/{question.number}/take/", {"override": "Finance closes today"})
    question.refresh_from_db()
    assert question.assignee == cast.ben


def test_a_part_is_only_the_form_and_success_says_where_to_go(client: Client, cast: Cast) -> None:
    question = make_question(cast.ada)
    client.force_login(cast.cleo)
    path = f"/requests/{question.number}/ask_back/"
    part = client.get(path, headers=HTMX).content.decode()
    assert "<html" not in part
    assert 'hx-target="#step-form"' in part
    response = client.post(path, {"note": "Which airport?"}, headers=HTMX)
    assert (response.status_code, response["HX-Redirect"]) == (204, f"/requests/{question.number}/")


def test_a_triage_step_can_be_undone_from_its_toast(client: Client, cast: Cast) -> None:
    question = make_question(cast.ada)
    client.force_login(cast.cleo)
    sent = {"reason": "no_data", "note": "There are none."}
    page = client.post(f"/requests/{question.number}/decline/", sent, follow=True).content.decode()
    assert f'action="/requests/{question.number}/undo/"' in page
    page = client.post(f"/requests/{question.number}/undo/", follow=True).content.decode()
    assert f"Taken back: {question.label} is as it was." in page
    question.refresh_from_db()
    assert question.state == State.NEW
    page = client.post(f"/requests/{question.number}/undo/", follow=True).content.decode()
    assert "There is nothing to undo" in page


def test_the_story_is_told_in_words_and_in_pages(client: Client, cast: Cast) -> None:
    question = in_state(cast, State.CLOSED)
    for number in range(25):
        questions.link(
            question=question,
            reference=("dataset", f"none{number}"),
            role="about",
            user=cast.ben,
            by=Actor.person(cast.ben),
        )
    client.force_login(cast.ada)
    page = client.get(f"/requests/{question.number}/").content.decode()
    assert "linked something you may not see" in page
    assert "Ada Yoon</b> asked" not in page
    cursor = re.search(r"\?events=([\w-]+)", page)
    assert cursor is not None
    part = client.get(f"/requests/{question.number}/?events={cursor[1]}", headers=HTMX).content.decode()
    assert "<html" not in part
    for words in ("asked", "accepted it", "took it", "published the answer", "closed it with a decision"):
        assert f"</b> {words}" in part


def test_what_is_internal_stays_with_the_data_team(client: Client, cast: Cast) -> None:
    question = in_state(cast, State.IN_PROGRESS)
    by = Actor.person(cast.ben)
    work.hand_over(question=question, assignee=cast.eun, note="Ada is impatient.", user=cast.ben, by=by)
    client.force_login(cast.ada)
    page = client.get(f"/requests/{question.number}/").content.decode()
    assert "impatient" not in page
    assert "handed it over" not in page
    client.force_login(cast.dan)
    assert "Ada is impatient." in client.get(f"/requests/{question.number}/").content.decode()


def test_a_duplicate_leads_to_the_original_only_those_who_may_see_it(client: Client, cast: Cast) -> None:
    question = make_question(cast.ada, title="How late were we in May?")
    other = make_question(cast.ada, title="A secret of Ada’s", visibility="private")
    by = Actor.person(cast.cleo)
    triage.mark_duplicate(question=question, canonical=other, user=cast.cleo, by=by)
    client.force_login(cast.ada)
    assert "A secret of Ada’s" in client.get(f"/requests/{question.number}/").content.decode()
    client.force_login(cast.finn)
    page = client.get(f"/requests/{question.number}/").content.decode()
    assert "A secret of Ada’s" not in page
    assert other.label not in page
    assert "in a question that you may not see" in page


def test_links_are_added_by_address_and_removed(client: Client, cast: Cast) -> None:
    question = make_question(cast.ada)
    metric("on_time", points=[("2013-01-01", 0.7)])
    client.force_login(cast.ada)
    path = f"/requests/{question.number}/link/"
    for text in ("metric:on_time", "https://desk.example/catalog/metrics/on_time/"):
        response = client.post(path, {"reference": text, "role": "about"})
        assert response.status_code == 302
    assert question.links.count() == 1
    assert client.post(path, {"reference": "metric:nothing", "role": "about"}).status_code == 422
    client.post(f"/requests/{question.number}/unlink/", {"reference": "metric:on_time", "role": "about"})
    assert question.links.count() == 0


def test_a_person_is_let_in_by_name_or_address(client: Client, cast: Cast) -> None:
    question = make_question(cast.ada, visibility="private")
    client.force_login(cast.ada)
    path = f"/requests/{question.number}/add_follower/"
    assert client.post(path, {"person": "Nobody Here"}).status_code == 422
    assert client.post(path, {"person": cast.finn.email}).status_code == 302
    client.force_login(cast.finn)
    assert client.get(f"/requests/{question.number}/").status_code == 200


def test_an_edit_can_take_words_away(client: Client, cast: Cast) -> None:
    question = make_question(cast.ada, body="Too many words.", decision_needed="Whether to stay")
    client.force_login(cast.ada)
    sent = {
        "title": question.title,
        "kind": "number",
        "visibility": "company",
        "body": "",
        "decision_needed": "",
    }
    client.post(f"/requests/{question.number}/edit_question/", sent)
    question.refresh_from_db()
    assert (question.body, question.decision_needed) == ("", "")


def test_a_snooze_ends_in_the_morning_of_the_persons_own_day(client: Client, cast: Cast) -> None:
    question = make_question(cast.ada)
    client.force_login(cast.cleo)
    path = f"/requests/{question.number}/snooze/"
    assert client.post(path, {"until": "day"}).status_code == 422
    client.post(path, {"until": "tomorrow"})
    question.refresh_from_db()
    assert question.is_snoozed
    assert question.snoozed_until is not None
    assert question.snoozed_until.hour == 0


def test_closing_keeps_the_decision_and_asks_what_a_value_is(client: Client, cast: Cast) -> None:
    question = in_state(cast, State.ANSWERED)
    client.force_login(cast.ada)
    path = f"/requests/{question.number}/accept_answer/"
    page = client.get(path).content.decode()
    assert "It was 12 %." in page
    response = client.post(path, {"outcome": "changed", "value_low": "1200"})
    assert response.status_code == 422
    sent = {"outcome": "changed", "decision": "We moved the share.", "helpful": "5"}
    client.post(path, {**sent, "value_kind": "cost", "value_low": "1200", "confidence": "guess"})
    record = question.decisions.get()
    assert (record.outcome, record.helpful) == ("changed", 5)
    assert record.value_low == Decimal(1200)
    page = client.get(f"/requests/{question.number}/").content.decode()
    assert "We moved the share." in page


def test_the_deadlines_are_shown(client: Client, cast: Cast) -> None:
    make_policy()
    question = in_state(cast, State.IN_PROGRESS)
    client.force_login(cast.ada)
    page = client.get(f"/requests/{question.number}/").content.decode()
    assert "Deadlines" in page
    assert "First response" not in page


def test_the_number_of_queries_does_not_grow(
    client: Client, cast: Cast, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    make_pool("central", cast.ben, cast.eun)
    question = in_state(cast, State.ANSWERED)
    by = Actor.person(cast.ben)
    for key in ("one", "two", "three"):
        metric(key, points=[("2013-01-01", 0.7)])
        questions.link(question=question, reference=("metric", key), role="used", user=cast.ben, by=by)
    for person in (cast.finn, cast.dan):
        questions.me_too(question=question, user=person, by=Actor.person(person))
    client.force_login(cast.ben)
    client.get(f"/requests/{question.number}/")
    with django_assert_max_num_queries(30):
        client.get(f"/requests/{question.number}/")
