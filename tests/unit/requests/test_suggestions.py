"""What is suggested while somebody types, and to whom."""

import pytest

from portal.accounts.models import Team
from portal.audit.actions import Actor
from requests_app.actions import answers, deflection, questions
from requests_app.models import DataRequest, Follower
from requests_app.suggestions import similar, suggest
from tests.factories import catalog as catalog_factory
from tests.factories.questions import bring, make_question

pytestmark = pytest.mark.django_db


@pytest.fixture
def known(cast):
    """An answered and an open question about delays in June, in both languages."""

    def answered(title, **fields):
        return bring(make_question(cast.finn, title, **fields), "answered", lead=cast.cleo, analyst=cast.ben)

    return {
        "en": answered("How many flights were late in June?"),
        "ko": answered("6월에 늦게 도착한 항공편은 몇 편인가요?"),
        "open": make_question(cast.finn, "Which flights were late in June by carrier?"),
        "else": answered("What do we pay for hotel rooms?"),
    }


def titles(found):
    return [question.title for question in found]


def test_the_answered_and_the_open_question_are_found(cast, known):
    found = suggest(words="flights late June", user=cast.ada)
    assert titles(found.answered) == [known["en"].title]
    assert titles(found.open) == [known["open"].title]


def test_an_open_question_says_how_many_others_ask_it(cast, known):
    Follower.objects.create(question=known["open"], user=cast.ada, me_too=True)
    Follower.objects.create(question=known["open"], user=cast.eun, me_too=False)
    found = suggest(words="flights late June", user=cast.ada)
    assert [question.me_too_count for question in found.open] == [1]


def test_two_korean_words_suffice_whatever_their_particles(cast, known):
    found = suggest(words="도착한 항공편이", user=cast.ada)
    assert titles(found.answered) == [known["ko"].title]


def test_half_of_the_words_suffice_and_the_nearest_comes_first(cast, known):
    nearer = bring(
        make_question(cast.finn, "How many flights were late in June to Boston?"),
        "answered",
        lead=cast.cleo,
        analyst=cast.ben,
    )
    found = suggest(words="how many flights to Boston were late in June and July", user=cast.ada)
    assert titles(found.answered)[:2] == [nearer.title, known["en"].title]


def test_too_few_words_suggest_nothing(cast, known):
    assert suggest(words="flights late", user=cast.ada) is None
    assert suggest(words="항공편", user=cast.ada) is None
    assert suggest(words="", user=cast.ada) is None


def test_words_of_a_query_language_are_words(cast, known):
    for odd in ("' | 'late & !june <-> *", "a:* b\\ c'd \0 e", "((( ))) ::: late june flights"):
        found = suggest(words=odd, user=cast.ada)
        assert found is None or found.answered is not None


def test_metrics_and_datasets_that_fit_are_suggested(cast):
    catalog_factory.dataset("late_flights", name_en="Late flights in June")
    found = suggest(words="late flights in June", user=cast.ada)
    assert [asset.key for asset in found.assets] == ["late_flights"]


@pytest.mark.parametrize(
    "words",
    [
        "6월 정시율은 얼마인가요?",
        "지난달에 우리 정시율이 왜 이렇게 떨어졌나요?",
        "What was our on-time rate in June compared with May?",
        "Could somebody explain why on-time rates fell last summer?",
    ],
)
def test_what_a_whole_question_calls_by_its_name_is_suggested(cast, words):
    catalog_factory.metric("ops.on_time", name_en="On-time rate", name_ko="정시율")
    catalog_factory.dataset("rates", name_en="Rate of exchange", name_ko="환율")
    found = suggest(words=words, user=cast.ada)
    assert found.assets[0].key == "ops.on_time"


def test_what_is_called_by_its_name_stays_hidden_from_whom_it_is_hidden(cast):
    finance = Team.objects.get(key="finance")
    catalog_factory.dataset("layoffs", name_en="Layoffs", visibility="team", team=finance)
    words = "Which team had most layoffs since the spring of last year?"
    assert suggest(words=words, user=cast.ada).assets == []
    assert [asset.key for asset in suggest(words=words, user=cast.finn).assets] == ["layoffs"]


@pytest.mark.parametrize("visibility", ["private", "team"])
def test_what_somebody_may_not_see_is_not_even_hinted_at(cast, visibility):
    finance = Team.objects.get(key="finance")
    hidden = {"visibility": visibility, "on_behalf": finance}
    answered = make_question(cast.finn, "How secret are layoffs in Finance?", **hidden)
    bring(answered, "answered", lead=cast.cleo, analyst=cast.cleo)
    make_question(cast.finn, "How secret are layoffs in Sales?", **hidden)
    catalog_factory.dataset("layoffs", name_en="Secret layoffs by team", visibility="team", team=finance)

    found = suggest(words="how secret are layoffs really", user=cast.ada)
    assert (found.answered, found.open, found.assets) == ([], [], [])
    assert found.references == []
    own = suggest(words="how secret are layoffs really", user=cast.finn)
    assert len(own.answered) == len(own.open) == 1


def test_a_question_made_private_vanishes_at_once(cast, known):
    questions.edit_question(
        question=known["open"], user=cast.finn, by=Actor.person(cast.finn), visibility="private"
    )
    assert suggest(words="flights late June", user=cast.ada).open == []


def test_a_checked_answer_comes_before_an_equal_one(cast):
    first = bring(make_question(cast.finn, "How late is JFK?"), "answered", lead=cast.cleo, analyst=cast.ben)
    bring(make_question(cast.finn, "How late is JFK?"), "answered", lead=cast.cleo, analyst=cast.ben)
    assert first.answer
    answers.verify_answer(answer=first.answer, user=cast.eun, by=Actor.person(cast.eun))
    found = suggest(words="how late is JFK really", user=cast.ada)
    assert found.answered[0].pk == first.pk


def test_it_takes_few_queries(cast, known, django_assert_max_num_queries):
    cast.ada.team_ids  # noqa: B018  Read once a request.
    with django_assert_max_num_queries(11):
        found = suggest(words="flights late June", user=cast.ada)
        assert [question.requester.name for question in found.answered] == ["Finn Oh"]


def test_candidates_for_a_duplicate_leave_the_question_itself_out(cast, known):
    fresh = make_question(cast.ada, "How many flights were late in June?")
    assert titles(similar(fresh, cast.cleo))[0] == known["en"].title
    assert fresh.pk not in [question.pk for question in similar(fresh, cast.cleo)]


def test_a_visit_counts_as_deflected_only_if_nothing_is_asked_for_a_week(cast):
    deflection.record_seen(visit="a", user=cast.ada, seen="shown", shown=["question:1001"])
    deflection.record_seen(visit="a", user=cast.ada, seen="accepted", shown=["question:1001"])
    deflection.record_seen(visit="b", user=cast.finn, seen="accepted", shown=["question:1001"])
    make_question(cast.finn)
    assert [event.visit for event in deflection.deflected()] == ["a"]
    assert DataRequest.objects.count() == 1
