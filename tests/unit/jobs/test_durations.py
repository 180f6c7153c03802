"""Lengths of time in forms: said in the reader's language, read in both."""

import pytest
from django.utils.translation import override

from jobs.durations import SecondsField

LENGTHS = [(90, "90 s", "90초"), (600, "10 min", "10분"), (7200, "2 h", "2시간"), (86_400, "1 d", "1일")]


@pytest.mark.parametrize(("seconds", "english", "korean"), LENGTHS)
def test_it_is_shown_in_the_readers_language_and_read_back_in_either(
    seconds: int, english: str, korean: str
) -> None:
    field = SecondsField()
    for language, words in (("en", english), ("ko", korean)):
        with override(language):
            assert field.prepare_value(seconds) == words
            assert [field.clean(each) for each in (english, korean)] == [seconds, seconds]
