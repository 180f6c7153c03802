"""What is stored can be found, and nothing that anybody types is an error."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.models import Asset
from portal.search import Matches, Query, document, query, ranked

pytestmark = pytest.mark.django_db

ANYTHING = st.text(max_size=60)
LIKELY = st.text(alphabet="정시율결항편도착지연 abcXYZ_.-019ㄱㅏ's\\&|!<>():*\"%", max_size=40)
unhurried = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def stored(**weights):
    asset, _ = Asset.objects.update_or_create(
        kind="dataset", key="one", defaults={"name_en": "one", "search": document(weights)}
    )
    return asset


def finds(text):
    return Asset.objects.filter(Matches("search", query(text))).exists()


@unhurried
@given(text=ANYTHING | LIKELY)
def test_no_text_is_an_error_anywhere(text):
    stored(A=["정시율"], D=[text])
    assert isinstance(ranked(Asset.objects.all(), Query(text), "kind"), list)


@unhurried
@given(text=ANYTHING | LIKELY, weight=st.sampled_from("ABCD"))
def test_a_document_is_found_by_each_of_its_words(text, weight):
    stored(**{weight: [text]})
    for word in text.split():
        if Query(word):
            assert finds(word), word


@unhurried
@given(text=LIKELY)
def test_a_name_is_found_by_its_exact_words(text):
    stored(A=[text])
    if Query(text):
        assert Asset.objects.filter(Matches("search", Query(text).exact)).exists()


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("주문상세내역", "상세"),
        ("도착 지연", "도착지연"),
        ("도착지연", "도착 지연"),
        ("정시율", "정시율은"),
        ("정시율을 봐요", "정시율"),
        ("결항률", "결항율"),
        ("매출", "aocnf"),
        ("flight number", "리ㅑ홋"),
        ("On-time rate", "ontime"),
        ("dep_delay", "depDelay"),
        ("dep_delay", "delay"),
        ("flights", "flight"),
        ("flight", "flights"),
        ("2월 보고서", "2월"),
        ("정시율", "율"),
    ],
)
def test_it_is_found_however_it_is_written(text, asked):
    stored(D=[text])
    assert finds(asked)


@pytest.mark.parametrize(
    ("text", "asked"),
    [("주문상세", "상주"), ("도착, 지연", "착지"), ("flights", "light"), ("가나다", "나가")],
)
def test_the_order_of_syllables_counts(text, asked):
    stored(D=[text])
    assert not finds(asked)


def test_initial_consonants_find_names_but_not_descriptions():
    stored(A=["정시율"], D=["회원"])
    found = ranked(Asset.objects.all(), Query("ㅈㅅㅇ"))
    assert [candidate.stage.name for candidate in found] == ["NAME"]
    assert ranked(Asset.objects.all(), Query("ㅎㅇ")) == []


def test_a_phrase_does_not_reach_from_one_text_into_the_next():
    stored(C=["dep", "delay"])
    assert not Asset.objects.filter(Matches("search", Query("dep delay").in_column)).exists()


def test_a_huge_document_is_cut_and_not_refused():
    stored(A=["정시율"], D=[" ".join(f"{number:x}{'가나다' * 30}" for number in range(20_000))])
    assert finds("정시율")


def test_a_text_of_marks_alone_asks_for_nothing():
    assert not Query("  ?!… «»  ")
    assert ranked(Asset.objects.all(), Query("?!")) == []
