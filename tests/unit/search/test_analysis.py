"""Text is cut the same way for what is stored and for what is asked."""

import pytest

from portal.search import analyse
from portal.search.analysis import normal, singular
from portal.search.hangul import from_keys, initials, other_spelling, to_keys, without_particle


def terms(text):
    return {term for term, _ in analyse(text)}


def test_a_compound_becomes_overlapping_pairs_in_order():
    assert [tuple(term) for term in analyse("주문상세")] == [("주문", 0), ("문상", 1), ("상세", 2), ("세", 3)]


def test_two_korean_words_are_also_found_written_as_one():
    assert {"도착", "착지", "지연"} <= terms("도착 지연")


def test_words_far_apart_are_not_glued():
    assert "착지" not in terms("도착, 지연")


@pytest.mark.parametrize("text", ["dep_delay", "dep-delay", "depDelay", "DepDelay", "dep.delay"])
def test_an_identifier_is_kept_whole_and_cut(text):
    assert {"depdelay", "dep", "delay"} <= terms(text)


def test_parts_of_an_identifier_follow_each_other():
    assert [tuple(term) for term in analyse("load_flights now")] == [
        ("loadflights", 0),
        ("load", 0),
        ("flights", 1),
        ("flight", 1),
        ("now", 2),
    ]


def test_letters_digits_and_hangul_are_told_apart():
    assert {"2", "월", "q3", "q", "3", "매출"} <= terms("2월 Q3 매출")


def test_full_width_and_decomposed_letters_are_folded():
    assert terms("ＡＢＣ　１２") == {"abc", "12"}
    assert terms("정시율") == terms("정시율")


@pytest.mark.parametrize(
    ("plural", "one"),
    [("flights", "flight"), ("companies", "company"), ("boxes", "box"), ("airlines", "airline")],
)
def test_a_plain_plural_has_its_singular(plural, one):
    assert singular(plural) == one


@pytest.mark.parametrize("word", ["status", "class", "analysis", "bus", "정시율"])
def test_no_singular_is_invented(word):
    assert singular(word) is None


@pytest.mark.parametrize("name", ["On-time rate", "on_time_rate", "OnTimeRate", " on time  RATE "])
def test_spellings_of_one_name_compare_equal(name):
    assert normal(name) == "ontimerate"


@pytest.mark.parametrize(
    ("keys", "typed"),
    [("aocnf", "매출"), ("wjdtldbf", "정시율"), ("rufgkd", "결항"), ("ehckr", "도착"), ("rkqtdmf", "값을")],
)
def test_keys_of_the_wrong_mode_are_read_as_hangul(keys, typed):
    assert from_keys(keys) == typed


@pytest.mark.parametrize("word", ["flights", "rate", "do", "sql", "3a", ""])
def test_english_words_do_not_become_hangul(word):
    assert from_keys(word) is None


def test_hangul_of_the_wrong_mode_is_read_as_keys():
    assert to_keys("리ㅑ홋") == "flight"
    assert to_keys("漢") is None


def test_a_particle_is_left_off_only_where_two_syllables_stay():
    assert without_particle("정시율은") == "정시율"
    assert without_particle("공항에서는") == "공항"
    assert without_particle("항공사별") == "항공사"
    assert without_particle("효과") is None
    assert without_particle("결항") is None


def test_initials_and_the_commonest_slip():
    assert initials("정시율") == "ㅈㅅㅇ"
    assert other_spelling("결항률") == "결항율"
    assert other_spelling("결항") is None
