import pytest
from django.test import Client

from portal.accounts.models import Team
from portal.audit.actions import Actor
from requests_app.actions import questions
from requests_app.models import DataRequest
from tests.conftest import Cast
from tests.factories import catalog as catalog_factory
from tests.factories.questions import bring, make_question
from tests.factories.tokens import bearer

pytestmark = pytest.mark.django_db
QUESTIONS = "/api/v1/questions"
READ, WRITE = "questions:read", "questions:write"


def post(client: Client, path: str, body=None, **headers):
    return client.post(path, body or {}, content_type="application/json", headers=headers)


def step(client: Client, question: DataRequest, name: str, headers, **body):
    return post(client, f"{QUESTIONS}/{question.number}/transitions/{name}", body, **headers)


def test_a_question_is_asked_and_its_address_given(client: Client, cast: Cast) -> None:
    catalog_factory.dataset("flights")
    body = {"title": " How late? ", "about": ["dataset:flights"], "team": "marketing"}
    answer = post(client, QUESTIONS, body, **bearer(cast.ada, WRITE))
    question = DataRequest.objects.get()
    assert answer.status_code == 201
    assert answer["Location"] == f"/api/v1/questions/{question.number}"
    assert (question.title, question.requester, question.on_behalf.key) == (
        "How late?",
        cast.ada,
        "marketing",
    )
    assert answer.json()["links"] == [{"kind": "dataset", "key": "flights", "role": "about"}]


def test_the_same_key_asks_once(client: Client, cast: Cast) -> None:
    headers = {**bearer(cast.ada, WRITE), "Idempotency-Key": "k"}
    first, again = (post(client, QUESTIONS, {"title": "How late?"}, **headers) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["number"] == again.json()["number"]
    assert DataRequest.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "field", "status"),
    [
        ({}, "title", 400),
        ({"title": "x" * 201}, "title", 400),
        ({"title": "How?", "titel": "x"}, "titel", 400),
        ({"title": "How?", "team": "finance"}, "team", 422),
        ({"title": "How?", "about": ["dataset:secret"]}, "about", 400),
    ],
)
def test_what_does_not_fit_is_named(client: Client, cast: Cast, body, field, status) -> None:
    catalog_factory.dataset("secret", visibility="team", team=Team.objects.get(key="finance"))
    answer = post(client, QUESTIONS, body, **bearer(cast.ada, WRITE))
    assert answer.status_code == status
    assert answer.json()["errors"][0]["field"].startswith(field)
    assert not DataRequest.objects.exists()


def test_the_list_holds_what_the_owner_may_see_and_asks_few_queries(
    client: Client, cast: Cast, django_assert_max_num_queries
) -> None:
    make_question(cast.finn, "Private", visibility="private")
    make_question(cast.finn, "Of the team", visibility="team")
    for number in range(8):
        make_question(cast.finn, f"Open {number}")
    headers = bearer(cast.ada, READ)
    with django_assert_max_num_queries(8):
        shown = client.get(QUESTIONS, headers=headers).json()["results"]
    assert [each["title"] for each in shown] == [f"Open {number}" for number in range(7, -1, -1)]
    both = client.get(QUESTIONS, headers=bearer(cast.finn, READ)).json()["results"]
    assert len(both) == 10


def test_the_filters_choose(client: Client, cast: Cast) -> None:
    mine = make_question(cast.ada, "Mine", links=[("dataset", "flights")])
    bring(make_question(cast.finn, "Taken"), "in_progress", lead=cast.cleo, analyst=cast.ben)

    def titles(query, who):
        answer = client.get(f"{QUESTIONS}?{query}", headers=bearer(who, READ))
        return [each["title"] for each in answer.json()["results"]]

    assert titles("mine=asked", cast.ada) == ["Mine"]
    assert titles("mine=assigned", cast.ben) == ["Taken"]
    assert titles("state=new&state=ready", cast.ada) == ["Mine"]
    assert titles("about=dataset:flights", cast.ada) == ["Mine"]
    assert titles("open=false", cast.ada) == []
    assert titles("q=mine", cast.ada) == titles(f"q=REQ-{mine.number}", cast.ada) == ["Mine"]
    assert mine.number


def test_a_question_says_what_its_reader_may_do(client: Client, cast: Cast) -> None:
    question = bring(make_question(cast.ada), "needs_info", lead=cast.cleo, analyst=cast.ben)
    shown = client.get(f"{QUESTIONS}/{question.number}", headers=bearer(cast.ada, READ)).json()
    reply = next(each for each in shown["available_transitions"] if each["name"] == "reply")
    assert (reply["to"], reply["needs"]) == (["new", "ready", "in_progress"], ["note"])
    others = client.get(f"{QUESTIONS}/{question.number}", headers=bearer(cast.finn, READ)).json()
    assert {each["name"] for each in others["available_transitions"]} == {"me_too", "unfollow"}


def test_a_missing_and_a_private_question_answer_the_same(client: Client, cast: Cast) -> None:
    hidden = make_question(cast.finn, visibility="private")
    headers = bearer(cast.ada, READ)
    answers = [client.get(f"{QUESTIONS}/{number}", headers=headers) for number in (hidden.number, 10**20, 7)]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.json()["detail"] for answer in answers}) == 1


def test_a_link_to_what_the_reader_may_not_see_is_not_shown(client: Client, cast: Cast) -> None:
    catalog_factory.dataset("secret", visibility="team", team=Team.objects.get(key="finance"))
    question = make_question(cast.finn, links=[("dataset", "secret")])
    shown = client.get(f"{QUESTIONS}/{question.number}", headers=bearer(cast.ada, READ)).json()
    assert shown["links"] == []


def test_a_step_is_taken_by_its_name(client: Client, cast: Cast) -> None:
    question = make_question(cast.ada)
    values = {"kind": "number", "impact": 3, "urgency": 3, "assignee": "ben@example.com"}
    answer = step(
        client, question, "accept", bearer(cast.cleo, WRITE), version=question.version, values=values
    )
    assert answer.status_code == 200
    assert (answer.json()["state"], answer.json()["priority"], answer.json()["assignee"]) == (
        "ready",
        1,
        "Ben Cho",
    )


@pytest.mark.parametrize(
    ("who", "name", "values", "status", "said"),
    [
        ("cleo", "take", {}, 409, "ask_back"),
        ("cleo", "no-such-step", {}, 409, "accept"),
        ("ada", "accept", {"kind": "number", "impact": 1, "urgency": 1}, 403, ""),
        ("cleo", "accept", {"kind": "number"}, 400, "urgency"),
        ("cleo", "decline", {"reason": "no_data", "note": ""}, 422, "note"),
        ("cleo", "decline", {"reason": "no_data", "note": "a\0b"}, 400, "NUL"),
        ("cleo", "ask_back", {"note": "Which?", "extra": "x"}, 400, "extra"),
    ],
)
def test_a_refusal_says_why(client: Client, cast: Cast, who, name, values, status, said) -> None:
    question = make_question(cast.ada)
    answer = step(client, question, name, bearer(getattr(cast, who), WRITE), values=values)
    assert answer.status_code == status
    assert answer["Content-Type"] == "application/problem+json"
    assert said in answer.content.decode()
    question.refresh_from_db()
    assert question.state == "new"


def test_an_older_version_is_told_that_it_changed(client: Client, cast: Cast) -> None:
    question = make_question(cast.ada)
    questions.edit_question(question=question, user=cast.ada, by=Actor.person(cast.ada), title="Other words")
    answer = step(
        client, question, "ask_back", bearer(cast.cleo, WRITE), version=1, values={"note": "Which?"}
    )
    assert answer.status_code == 409


def test_who_comes_second_is_told_who_has_it(client: Client, cast: Cast) -> None:
    question = bring(make_question(cast.ada), "in_progress", lead=cast.cleo, analyst=cast.ben)
    answer = step(client, question, "take", bearer(cast.eun, WRITE))
    assert answer.status_code == 409
    assert "Ben Cho" in answer.json()["detail"]


def test_a_duplicate_points_only_to_what_the_reader_sees(client: Client, cast: Cast) -> None:
    question = bring(make_question(cast.ada), "duplicate", lead=cast.cleo, analyst=cast.ben)
    original = question.canonical
    path = f"{QUESTIONS}/{question.number}"
    assert client.get(path, headers=bearer(cast.finn, READ)).json()["duplicate_of"] == original.number
    DataRequest.objects.filter(pk=original.pk).update(visibility="private")
    assert client.get(path, headers=bearer(cast.finn, READ)).json()["duplicate_of"] is None


def test_answers_are_read_once_they_are_published(client: Client, cast: Cast) -> None:
    draft = bring(make_question(cast.ada, "A draft"), "in_review", lead=cast.cleo, analyst=cast.ben)
    done = bring(make_question(cast.ada), "answered", lead=cast.cleo, analyst=cast.ben)
    headers = bearer(cast.ada, READ)
    assert client.get(f"{QUESTIONS}/{draft.number}/answers", headers=headers).json() == {"results": []}
    shown = client.get(f"{QUESTIONS}/{done.number}/answers", headers=headers).json()["results"]
    assert [(each["author"], each["body"], each["status"]) for each in shown] == [
        ("Ben Cho", "It was 12 %.", "published")
    ]
