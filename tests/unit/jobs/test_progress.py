from datetime import UTC, datetime, timedelta

from jobs.choices import RunState
from jobs.progress import fraction_of, overall, shown_steps
from jobs.runners.base import Step

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
NAMED = [Step("read", "Read"), Step("check", "Check"), Step("publish", "Publish")]


def ago(seconds: float) -> str:
    return (NOW - timedelta(seconds=seconds)).isoformat()


def steps(state: RunState = RunState.RUNNING, **usual: float):
    progress = {
        "steps": [
            {"key": "read", "started_at": ago(9), "ended_at": ago(5)},
            {"key": "check", "started_at": ago(5), "ended_at": None},
        ]
    }
    known = {key: timedelta(seconds=value) for key, value in usual.items()}
    return shown_steps(progress, state=state, named=NAMED, usual=known, now=NOW)


def test_steps_stand_in_their_announced_order_with_their_times() -> None:
    read, check, publish = steps(publish=3)
    assert (read.tone, read.took) == ("good", timedelta(seconds=4))
    assert (check.current, check.so_far) == (True, timedelta(seconds=5))
    assert (publish.tone, publish.usually) == ("neutral", timedelta(seconds=3))


def test_the_step_where_a_run_stopped_wears_its_end() -> None:
    tones = [step.tone for step in steps(RunState.FAILED)]
    assert tones == ["good", "bad", "neutral"]


def test_a_step_that_nobody_announced_comes_last() -> None:
    progress = {"steps": [{"key": "old", "started_at": ago(9), "ended_at": ago(5)}, "garbage", {"key": None}]}
    shown = shown_steps(progress, state=RunState.RUNNING, named=NAMED, usual={}, now=NOW)
    assert [step.key for step in shown] == ["read", "check", "publish", "old"]


def test_the_whole_weighs_steps_by_what_they_usually_take() -> None:
    shown = steps(read=4, check=10, publish=6)
    elapsed = timedelta(seconds=9)
    assert overall(shown, 0.5, elapsed=elapsed, usual=None) == (4 + 5) / 20
    assert overall(shown, None, elapsed=elapsed, usual=None) == (4 + 5) / 20
    assert overall(steps(read=4, check=1, publish=5), None, elapsed=elapsed, usual=None) == (4 + 0.95) / 10


def test_without_steps_the_usual_time_tells_and_never_promises_the_end() -> None:
    elapsed = timedelta(seconds=30)
    assert overall([], None, elapsed=elapsed, usual=timedelta(seconds=60)) == 0.5
    assert overall([], None, elapsed=elapsed, usual=timedelta(seconds=10)) == 0.95
    assert overall([], None, elapsed=elapsed, usual=None) is None
    assert overall([], 0.2, elapsed=elapsed, usual=None) == 0.2


def test_a_fraction_stays_within_its_bounds() -> None:
    assert [fraction_of({"fraction": value}) for value in (-1, 0.3, 7, None, "x")] == [0, 0.3, 1, None, None]
