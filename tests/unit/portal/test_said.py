"""Sentences that are said in one process and read in another."""

import json

import pytest
from django.utils.translation import override

from portal.said import Said, in_a_row, joined, retold, said, said_of


def test_a_sentence_is_read_in_the_readers_language() -> None:
    with override("en"):
        told = said("It took longer than %(seconds)s s.", seconds=30)
    kept = json.loads(json.dumps(told.kept))

    assert told == "It took longer than 30 s."
    with override("ko"):
        read = retold(kept, told)
        assert read == said("It took longer than %(seconds)s s.", seconds=30)
        assert "30" in read
        assert read != told


def test_a_sentence_within_another_is_read_in_the_readers_language_too() -> None:
    with override("en"):
        inner = said("Its worker went silent.")
        told = in_a_row(
            said("It took longer than %(seconds)s s.", seconds=5),
            said("Its work there could not be stopped and may go on: %(why)s", why=inner),
        )

    assert told == (
        "It took longer than 5 s. Its work there could not be stopped and may go on: Its worker went silent."
    )
    with override("ko"):
        read = retold(json.loads(json.dumps(told.kept)), "")
        assert str(said("Its worker went silent.")) in read
        assert "silent" not in read


def test_sentences_in_a_list_are_read_in_the_readers_language_too() -> None:
    with override("en"):
        told = joined("; ", [said("Its worker went silent."), "a; b", said("The memory was not enough.")])
    kept = json.loads(json.dumps(told.kept))

    assert told == "Its worker went silent.; a; b; The memory was not enough."
    assert retold(kept, "") == told
    with override("ko"):
        first, second = said("Its worker went silent."), said("The memory was not enough.")
        assert retold(kept, "") == f"{first}; a; b; {second}"


def test_a_value_with_a_percent_sign_is_a_value() -> None:
    told = said("%(system)s did not answer.", system="100 %(s)s")

    assert told == "100 %(s)s did not answer."
    assert retold(told.kept, "") == told


@pytest.mark.parametrize(
    "kept",
    [None, {}, [], {"text": "%(gone)s"}, {"text": 7}, {"text": "x", "values": 3}, {"values": {"a": "b"}}],
)
def test_what_cannot_be_said_is_told_as_it_was_written(kept: object) -> None:
    assert retold(kept, "as it was written") == "as it was written"


def test_nothing_but_names_is_filled_in() -> None:
    assert retold({"text": "%(a)99999999999s", "values": {"a": "b"}}, "") == "%(a)99999999999s"


def test_sentences_that_stand_too_deep_are_left_out() -> None:
    kept: object = "x"
    lists: object = "x"
    for _ in range(3_000):
        kept, lists = {"text": "%(why)s", "values": {"why": kept}}, [lists]

    assert retold(kept, "as it was written") == "as it was written"
    assert retold(lists, "as it was written") == "as it was written"


def test_an_exception_tells_its_sentence() -> None:
    sentence = said("Its worker went silent.")

    assert isinstance(said_of(ValueError(sentence)), Said)
    assert said_of(ValueError("plain")) == "plain"
    assert said_of(ValueError()) == ""
