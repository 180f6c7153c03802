"""Definitions and checks as people read them."""

import pytest

from catalog import wording
from catalog.definitions import Filter, MetricDefinition, Threshold
from tests.factories.catalog import definition


@pytest.mark.parametrize(
    ("column", "operator", "value", "words"),
    [
        ("a", "<", 15, "a is less than 15"),
        ("a", "<=", 15, "a is at most 15"),
        ("a", ">=", 1.5, "a is at least 1.5"),
        ("a", "in", ["x", "y"], "a is one of x, y"),
        ("a", "=", True, "a is true"),
        ("a", "is null", None, "a is empty"),
    ],
)
def test_a_filter_has_no_signs(column, operator, value, words):
    assert wording.condition(Filter(column=column, operator=operator, value=value)) == words


def test_a_share_says_what_is_divided_by_what():
    assert wording.computation(definition()) == [
        ("Counts", "rows where arr_delay is less than 15"),
        ("Divided by", "rows where arr_delay is not empty"),
    ]


@pytest.mark.parametrize(
    ("computation", "words"),
    [
        (
            {"type": "simple", "measure": {"aggregation": "average", "column": "dep_delay"}},
            "average of dep_delay",
        ),
        ({"type": "derived", "expression": "a / b", "inputs": {"a": "x", "b": "y"}}, "a = x, b = y"),
        (
            {"type": "cumulative", "measure": {"aggregation": "count"}, "window": "7 days"},
            "the last 7 days",
        ),
        ({"type": "sql", "sql": "SELECT 1"}, "what an expert’s own SQL returns"),
    ],
)
def test_every_type_has_words(computation, words):
    made: MetricDefinition = definition(computation=computation)
    assert words in [text for _, text in wording.computation(made)]


@pytest.mark.parametrize(
    ("operator", "consecutive", "grain", "words"),
    [
        ("<", 2, "day", "below 70 % for 2 days"),
        (">=", 3, "month", "at or above 70 % for 3 months"),
        ("<", 1, "week", "below 70 %"),
    ],
)
def test_a_threshold_has_words(operator, consecutive, grain, words):
    limit = Threshold(level="warn", operator=operator, value=0.7, consecutive=consecutive)
    assert wording.threshold(limit, "70 %", grain) == words


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("not_null(carrier)", "carrier is never empty"),
        ("referential(dest → ops.airports.faa)", "Each dest is known in ops.airports.faa"),
        ("row_count_at_least", "There are enough rows"),
        ("something else", "something else"),
        ("", ""),
    ],
)
def test_a_check_has_words(name, words):
    assert wording.check(name) == words


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("≥ 1,000 rows", "1,000행 이상"),
        ("0 to 23", "0부터 23까지"),
        ("one of EWR, JFK", "EWR, JFK 중 하나"),
        ("no empty values", "빈 값 없음"),
        ("what a check of your own expects", "what a check of your own expects"),
    ],
)
def test_what_a_check_expects_is_said_in_the_readers_language(monkeypatch, said, words):
    korean = {
        "at least {count} rows": "{count}행 이상",
        "{low} to {high}": "{low}부터 {high}까지",
        "one of {values}": "{values} 중 하나",
        "no empty values": "빈 값 없음",
    }
    monkeypatch.setattr(wording, "_", lambda text: korean.get(text, text))
    assert wording.expected(said) == words


@pytest.mark.parametrize(
    ("said", "words"),
    [("7,602 of 336,776 rows", "336,776행 중 7,602행"), ("none", "none"), ("row 7: 'x'", "row 7: 'x'")],
)
def test_what_a_check_found_is_said_in_the_readers_language(monkeypatch, said, words):
    korean = {"{some} of {all} rows": "{all}행 중 {some}행"}
    monkeypatch.setattr(wording, "_", lambda text: korean.get(text, text))
    assert wording.observed(said) == words


@pytest.mark.parametrize(
    ("over", "words"),
    [
        ({"window": "1 day"}, "the last 1 day"),
        ({"window": "4 weeks"}, "the last 4 weeks"),
        ({"window": "12 months"}, "the last 12 months"),
        ({"grain_to_date": "year"}, "the year so far"),
        ({}, "all time"),
    ],
)
def test_what_a_sum_reaches_over_has_words(over, words):
    made = definition(computation={"type": "cumulative", "measure": {"aggregation": "count"}, **over})
    assert ("Over", words) in wording.computation(made)
