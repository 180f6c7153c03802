"""/requests/ask/: one screen, and what is known already beside it."""

import uuid
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from catalog.choices import Visibility as AssetVisibility
from portal.accounts.models import Team
from requests_app.choices import Seen, State, Visibility
from requests_app.models import DataRequest, DeflectionEvent
from tests.conftest import Cast
from tests.factories.catalog import dataset, metric
from tests.factories.questions import bring, make_question

pytestmark = pytest.mark.django_db
TITLE = "Did the February storm hit Newark harder?"


@pytest.fixture
def ada(client: Client, cast: Cast) -> Client:
    client.force_login(cast.ada)
    return client


def send(client, **fields):
    given = {"title": TITLE, "visibility": "company", "once": str(uuid.uuid4()), **fields}
    return client.post("/requests/ask/", given)


def known(client, words):
    response = client.get("/requests/ask/known/", {"title": words})
    assert response.status_code == 200
    return response.content.decode()


def test_a_sentence_is_enough(ada, cast):
    answer = send(ada)
    question = DataRequest.objects.get()
    assert answer["Location"] == f"/requests/{question.number}/"
    assert (question.title, question.requester, question.state) == (TITLE, cast.ada, State.NEW)


def test_everything_that_was_given_is_kept(ada, cast):
    day = timezone.localdate() + timedelta(days=3)
    marketing = Team.objects.get(key="marketing")
    dataset("ops.flights", name_en="Flights")
    send(
        ada,
        decision_needed="Move the campaign",
        decision_by=day.isoformat(),
        body="A rough number is fine.",
        on_behalf=marketing.pk,
        visibility="team",
        about=["dataset:ops.flights", "dataset:nothing", "nonsense"],
    )
    question = DataRequest.objects.get()
    assert (question.decision_needed, question.decision_by) == ("Move the campaign", day)
    assert (question.body, question.on_behalf, question.visibility) == (
        "A rough number is fine.",
        marketing,
        Visibility.TEAM,
    )
    assert [link.reference for link in question.links.all()] == [("dataset", "ops.flights")]


def test_f28_a_double_press_asks_once(ada):
    once = str(uuid.uuid4())
    first, second = send(ada, once=once), send(ada, once=once)
    assert first["Location"] == second["Location"]
    assert DataRequest.objects.count() == 1


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"title": ""}, "This field is required"),
        ({"title": "?!"}, "Ask in a few words."),
        ({"title": "x" * 201}, "at most 200"),
        ({"decision_by": "2001-01-01"}, "This day has passed"),
        ({"decision_by": "soon"}, "Enter a valid date"),
        ({"visibility": "everybody"}, "not one of the available choices"),
        ({"once": "again"}, "Press the button again"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_lost(ada, fields, words):
    answer = send(ada, body="Kept all the same", **fields)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert words in page
    assert "Kept all the same" in page
    assert not DataRequest.objects.exists()


def test_a_foreign_team_is_no_choice(ada):
    finance = Team.objects.get(key="finance")
    assert send(ada, on_behalf=finance.pk).status_code == 422


def test_the_box_of_another_page_brings_its_words_along(ada):
    assert f'value="{TITLE}"' in ada.get("/requests/ask/", {"title": TITLE}).content.decode()


def test_while_typing_answers_questions_and_data_appear(ada, cast):
    answered = bring(
        make_question(cast.finn, "Storm of February at Newark"),
        State.ANSWERED,
        lead=cast.cleo,
        analyst=cast.ben,
    )
    asked = make_question(cast.finn, "February storm and Newark passengers")
    metric("ops.storm_rate", name_en="Newark storm cancellations in February")
    page = known(ada, "February storm Newark")
    for url in (
        f"/requests/{answered.number}/",
        f"/requests/{asked.number}/",
        "/catalog/metrics/ops.storm_rate/",
    ):
        assert f'href="{url}"' in page
    assert "This answers it" in page
    assert "Me too" in page


def test_too_few_words_tell_nothing(ada):
    assert "Maybe it is known already" in known(ada, "storm")
    assert "Nobody has asked this yet" in known(ada, "entirely unheard of matter")


def test_a07_private_questions_and_hidden_data_are_not_suggested(ada, cast):
    private = make_question(cast.finn, "Budget of the secret merger plan", visibility=Visibility.PRIVATE)
    finance = Team.objects.get(key="finance")
    dataset(
        "fin.merger",
        name_en="Budget of the secret merger plan",
        team=finance,
        visibility=AssetVisibility.TEAM,
    )
    page = known(ada, "budget secret merger plan")
    assert str(private.number) not in page
    assert "fin.merger" not in page
    for route in ("opened", "answered", "me-too"):
        assert ada.post(f"/requests/ask/{route}/", {"number": private.number}).status_code == 404


def test_me_too_follows_instead_of_asking(ada, cast):
    asked = make_question(cast.finn, "February storm and Newark passengers")
    answer = ada.post("/requests/ask/me-too/", {"number": asked.number, "once": "v1"})
    assert answer["Location"] == f"/requests/{asked.number}/"
    assert asked.followers.filter(user=cast.ada).exists()
    assert DeflectionEvent.objects.get().seen == Seen.ACCEPTED


def test_an_answer_that_serves_is_noted_and_nothing_asked(ada, cast):
    answered = bring(make_question(cast.finn), State.ANSWERED, lead=cast.cleo, analyst=cast.ben)
    ada.post("/requests/ask/opened/", {"number": answered.number, "once": "v1"})
    ada.post("/requests/ask/answered/", {"number": answered.number, "once": "v1"})
    assert [event.seen for event in DeflectionEvent.objects.all()] == [Seen.OPENED, Seen.ACCEPTED]
    assert DataRequest.objects.count() == 1


def test_a_form_token_that_cannot_be_kept_hinders_nothing(ada, cast):
    asked = make_question(cast.finn, "February storm and Newark passengers")
    ada.post("/requests/ask/me-too/", {"number": asked.number, "once": "v\0" + "1"})
    assert DeflectionEvent.objects.get().visit == "v1"


@pytest.mark.parametrize("number", ["", "x", "-1", "9" * 30])
def test_a_number_that_is_none_is_missing(ada, number):
    assert ada.post("/requests/ask/me-too/", {"number": number}).status_code == 404


def test_without_a_script_one_looks_first_and_chooses_what_it_is_about(ada, cast):
    dataset("ops.storms", name_en="Storms of February at Newark")
    looked = ada.post("/requests/ask/", {"title": TITLE, "body": "Kept", "look": "1", "once": "x"})
    page = looked.content.decode()
    assert looked.status_code == 200
    assert 'href="/catalog/datasets/ops.storms/"' in page
    assert "Kept" in page
    chosen = ada.post("/requests/ask/?look=1", {"title": TITLE, "about": "dataset:ops.storms", "once": "x"})
    assert 'name="about" value="dataset:ops.storms"' in chosen.content.decode()
    assert not DataRequest.objects.exists()


def test_korean_questions_find_korean_ones(ada, cast):
    make_question(cast.finn, "2월 폭설 때 뉴어크 결항률은 얼마였나요?")
    ada.cookies["desk-language"] = "ko"
    page = known(ada, "뉴어크 결항률이 궁금해요")
    assert "뉴어크 결항률은" in page
    assert "이미" in page or "먼저" in page or "질문" in page


def test_typing_takes_few_queries(ada, cast, django_assert_max_num_queries):
    for number in range(6):
        make_question(cast.finn, f"February storm Newark {number}")
        dataset(f"ops.storm{number}", name_en=f"February storm Newark {number}")
    known(ada, "February storm Newark")
    with django_assert_max_num_queries(14):
        known(ada, "February storm Newark")
