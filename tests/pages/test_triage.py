import json
import re
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from portal.audit.actions import Actor
from requests_app.actions import answers, triage, work
from requests_app.choices import State
from requests_app.models import DataRequest
from tests.conftest import Cast
from tests.factories.catalog import metric
from tests.factories.questions import bring, make_duty, make_policy, make_pool, make_question, make_tour

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}
URL = "/requests/triage/"
TRIAGED = {"kind": "number", "impact": "2", "urgency": "2", "effort": "1"}


@pytest.fixture
def cleo(client: Client, cast: Cast) -> Client:
    client.force_login(cast.cleo)
    return client


def three(cast: Cast) -> list[DataRequest]:
    return [make_question(cast.ada, title=f"Question number {word}?") for word in ("one", "two", "three")]


def text(client: Client, path: str = URL, **kwargs: Any) -> str:
    response = client.get(path, **kwargs)
    assert response.status_code == 200
    return response.content.decode()


def verified(cast: Cast, title: str, **fields: Any) -> DataRequest:
    """A question with an answer that a second person has checked."""
    question = make_question(cast.finn, title=title, **fields)
    bring(question, State.IN_REVIEW, lead=cast.cleo, analyst=cast.ben, reviewer=cast.eun)
    answers.publish_answer(question=question, user=cast.eun, by=Actor.person(cast.eun))
    return question


def test_it_is_for_those_who_triage(client: Client, cast: Cast) -> None:
    for person in (cast.ada, cast.ben, cast.dan, cast.finn):
        client.force_login(person)
        assert client.get(URL).status_code == 403
    make_duty(cast.dan)
    client.force_login(cast.dan)
    assert client.get(URL).status_code == 200


def test_whoever_is_placed_in_a_team_triages_that_teams_questions(client: Client, cast: Cast) -> None:
    marketing = cast.ada.teams.get()
    make_tour(cast.ben, marketing)
    make_question(cast.ada, title="Of marketing, is it late?", on_behalf=marketing)
    make_question(cast.finn, title="Which carrier flies to Denver?")
    client.force_login(cast.ben)
    page = text(client)
    assert "Of marketing, is it late?" in page
    assert "Which carrier flies to Denver?" not in page


def test_nothing_to_triage_is_said(cleo: Client) -> None:
    page = text(cleo)
    assert "Nothing to triage" in page
    assert "Nothing is snoozed." in text(cleo, f"{URL}?tab=snoozed")


def test_the_first_is_open_and_another_by_its_address(cleo: Client, cast: Cast) -> None:
    one, two, _ = three(cast)
    page = text(cleo)
    assert f'id="pane-title" tabindex="-1" data-focus>{one.title}' in page
    assert page.count('aria-current="true"') == 1
    page = text(cleo, f"{URL}?question={two.number}")
    assert f"data-focus>{two.title}" in page
    assert 'class="inbox reading"' in page
    assert cleo.get(f"{URL}?question={10**17}").status_code == 404


def test_on_a_phone_the_address_without_a_question_is_the_list(cleo: Client, cast: Cast) -> None:
    three(cast)
    assert 'class="inbox"' in text(cleo)


def test_the_nearest_deadline_comes_first_and_snoozed_ones_wait(cleo: Client, cast: Cast) -> None:
    one, two, three_ = three(cast)
    make_policy()
    DataRequest.objects.filter(pk=three_.pk).update(next_due_at="2026-01-01T00:00Z")
    by = Actor.person(cast.cleo)
    cleo.post(f"/requests/{two.number}/snooze/", {"until": "week"})
    page = text(cleo)
    listed = re.findall(r"\?tab=new&amp;question=(\d+)\" hx-get", page)
    assert listed[:2] == [str(three_.number), str(one.number)]
    assert str(two.number) not in listed
    assert two.title in text(cleo, f"{URL}?tab=snoozed")
    triage.ask_back(question=one, user=cast.cleo, by=by, note="Which airport?")
    assert one.title in text(cleo, f"{URL}?tab=waits")


def test_the_bar_bears_the_keys(cleo: Client, cast: Cast) -> None:
    three(cast)
    page = text(cleo)
    found = dict(
        re.findall(
            r'(?:href|form)="(?:/requests/\d+/)?(\w+)[/"].*?data-key="([^"]+)"', page.split('class="keys"')[1]
        )
    )
    wanted = {"accept": "Enter", "ask_back": "i", "mark_duplicate": "d m", "decline": "x", "snooze": "s z"}
    assert {name: found.get(name) for name in wanted} == wanted
    assert 'data-key="j"' in page
    assert 'data-key="a"' in page


def test_accepting_goes_on_to_the_next(cleo: Client, cast: Cast) -> None:
    one, two, _ = three(cast)
    sent = {**TRIAGED, "back": "new", "place": "0", "version": one.version}
    response = cleo.post(f"/requests/{one.number}/accept/", sent)
    assert response["Location"] == f"{URL}?tab=new&place=0"
    page = text(cleo, response["Location"])
    assert f"data-focus>{two.title}" in page
    assert f"{one.label} is accepted." in page
    one.refresh_from_db()
    assert one.state == State.READY


def test_by_htmx_the_inbox_is_swapped_with_its_toast(cleo: Client, cast: Cast) -> None:
    one, two, _ = three(cast)
    sent = {"note": "Which airport?", "back": "new", "place": "0"}
    response = cleo.post(f"/requests/{one.number}/ask_back/", sent, headers=HTMX)
    assert response.status_code == 204
    where = json.loads(response["HX-Location"])
    assert where == {"path": f"{URL}?tab=new&place=0", "target": "#inbox", "swap": "outerHTML"}
    part = text(cleo, where["path"], headers=HTMX)
    assert part.lstrip().startswith('<div class="inbox reading" id="inbox"')
    assert "<html" not in part
    assert 'hx-swap-oob="beforeend:[data-toasts]"' in part
    assert f"{one.label} waits for the asker." in part
    assert f"data-focus>{two.title}" in part


def test_the_last_one_leaves_an_empty_inbox_with_the_way_back(cleo: Client, cast: Cast) -> None:
    question = make_question(cast.ada)
    sent = {"reason": "no_data", "note": "There are none.", "back": "new"}
    page = cleo.post(f"/requests/{question.number}/decline/", sent, follow=True).content.decode()
    assert "Nothing to triage" in page
    assert "Undo the last step" in page
    page = cleo.post(f"/requests/{question.number}/undo/", {"back": "new"}, follow=True).content.decode()
    assert f"data-focus>{question.title}" in page


def test_an_error_comes_back_as_the_form_with_its_place(cleo: Client, cast: Cast) -> None:
    one, _, _ = three(cast)
    response = cleo.post(f"/requests/{one.number}/decline/", {"back": "new", "place": "2"}, headers=HTMX)
    assert response.status_code == 422
    page = response.content.decode()
    assert 'name="back" value="new"' in page
    assert 'name="place" value="2"' in page


def test_what_is_known_is_one_key_away(cleo: Client, cast: Cast) -> None:
    known = verified(cast, "How many flights were cancelled in the February storm?")
    metric("february_storm", points=[("2013-01-01", 0.7)], name_en="Flights cancelled by storm")
    question = make_question(cast.ada, title="How many flights were cancelled in the February storm at JFK?")
    page = text(cleo, f"{URL}?question={question.number}")
    assert "Already known" in page
    assert f'action="/requests/{question.number}/answer_with_existing/"' in page
    assert f'name="answer" value="{known.label}"' in page
    assert 'data-key="1"' in page
    cleo.post(
        f"/requests/{question.number}/answer_with_existing/",
        {"answer": known.label, "back": "new", "place": "0"},
    )
    question.refresh_from_db()
    assert (question.state, question.answer_id) == (
        State.ANSWERED,
        DataRequest.objects.get(pk=known.pk).answer_id,
    )


def test_an_open_question_alike_is_offered_as_the_original(cleo: Client, cast: Cast) -> None:
    other = make_question(cast.finn, title="How many flights were cancelled in the February storm?")
    question = make_question(cast.ada, title="How many flights were cancelled in the February storm at JFK?")
    page = text(cleo, f"{URL}?question={question.number}")
    assert f'name="canonical" value="{other.label}"' in page
    cleo.post(f"/requests/{question.number}/mark_duplicate/", {"canonical": other.label, "back": "new"})
    question.refresh_from_db()
    assert question.canonical == other


def test_what_the_asker_may_not_see_cannot_stand_for_their_question(cleo: Client, cast: Cast) -> None:
    secret = verified(cast, "What do the crews of Newark cost?", visibility="private")
    question = make_question(cast.ada, title="What do the crews of Newark cost?")
    path = f"/requests/{question.number}/answer_with_existing/"
    response = cleo.post(path, {"answer": secret.label}, headers=HTMX)
    assert response.status_code == 422
    assert "The asker may not see that question" in response.content.decode()


def test_it_says_where_it_goes_and_by_which_rule(cleo: Client, cast: Cast) -> None:
    make_pool("central", cast.ben, cast.eun)
    make_tour(cast.ben, cast.ada.teams.get())
    make_question(cast.ada, on_behalf=cast.ada.teams.get())
    page = text(cleo)
    assert "Placed in the asker" in page
    assert "holds 0 of 3" in page
    work_by = DataRequest.objects.get()
    sent = {**TRIAGED, "assignee": str(cast.eun.pk), "back": "new"}
    cleo.post(f"/requests/{work_by.number}/accept/", sent)
    work_by.refresh_from_db()
    assert work_by.assignee == cast.eun


def test_a_link_leaves_the_question_open(cleo: Client, cast: Cast) -> None:
    one, _, _ = three(cast)
    metric("on_time", points=[("2013-01-01", 0.7)])
    sent = {"reference": "metric:on_time", "role": "about", "back": "new", "place": "0"}
    response = cleo.post(f"/requests/{one.number}/link/", sent)
    assert response["Location"] == f"{URL}?tab=new&question={one.number}"


def test_the_number_of_queries_does_not_grow(
    cleo: Client, cast: Cast, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    make_pool("central", cast.ben, cast.eun)
    for number in range(12):
        make_question(cast.ada, title=f"Question of the storm number {number}?")
    text(cleo)
    with django_assert_max_num_queries(36):
        text(cleo)


def test_taking_from_under_the_triager_is_said(cleo: Client, cast: Cast) -> None:
    question = make_question(cast.ada)
    seen = question.version
    bring(question, State.READY, lead=cast.cleo, analyst=cast.ben)
    work.take(question=question, user=cast.ben, by=Actor.person(cast.ben))
    response = cleo.post(f"/requests/{question.number}/accept/", {**TRIAGED, "version": seen}, headers=HTMX)
    assert response.status_code == 409
    page = response.content.decode()
    assert "Ben Cho took it" in page
    assert "Now you can:" in page
