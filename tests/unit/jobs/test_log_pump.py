"""A run's log hides secrets wherever its lines are cut."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from jobs.engine.claim import claim
from jobs.engine.log_pump import LINE_BYTES, LogPump
from jobs.models import Job, Run, RunLog

SECRET = "canary-SECRET-0123456789"


@pytest.fixture
def pump(make_job: Callable[..., Job], start: Callable[..., Run]) -> LogPump:
    start(make_job())
    held = claim("tests")
    assert held is not None
    return LogPump(replace(held, secrets={"canary": SECRET}))


def kept(pump: LogPump) -> str:
    pump.close()
    return "".join(text for piece in RunLog.objects.all() for _at, _level, text in piece.lines)


@pytest.mark.parametrize("before", range(LINE_BYTES - len(SECRET) - 1, LINE_BYTES + 2, 5))
@pytest.mark.parametrize("size", [1000, 64 * 1024])
def test_a_secret_across_the_cut_of_a_long_line(pump: LogPump, before: int, size: int) -> None:
    data = b"x" * before + SECRET.encode() + b"y" * LINE_BYTES * 3
    for begin in range(0, len(data), size):
        pump.feed(data[begin : begin + size])
    text = kept(pump)
    assert "canary" not in text
    assert "56789" not in text
    assert text.startswith("x" * 1000)
    assert text.count("y") == LINE_BYTES * 3, "nothing else is lost"
    assert text.count("x") == before


def test_a_long_line_with_an_end_is_cut_behind_what_is_hidden(pump: LogPump) -> None:
    pump.feed(b"x" * (LINE_BYTES - 10) + SECRET.encode() + b"\nshort\n")
    text = kept(pump)
    assert "canary" not in text
    assert text.endswith("short")


def test_bytes_that_are_no_text_come_through(pump: LogPump) -> None:
    pump.feed(b"\xff\xfe" * LINE_BYTES + "한".encode() * LINE_BYTES)
    assert "한한한" in kept(pump)
