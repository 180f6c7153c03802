"""Bars of runs and lanes of attempts: the numbers behind small drawings."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, lru_cache
from typing import NamedTuple

from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from jobs.choices import Outcome, RunState, labels_of_states
from jobs.history import Past
from jobs.models import Attempt
from portal.ui import drawings, formats


class Ran(NamedTuple):
    """What a bar shows of a run; ``took`` is None where it never started."""

    number: int
    state: str
    took: timedelta | None
    ended: bool


@dataclass(frozen=True, slots=True)
class Lane:
    """Where an attempt lies within its run's time; start and length are shares of it, 0–1."""

    attempt: Attempt
    start: float
    length: float
    took: timedelta

    @property
    def tone(self) -> str:
        """The tone of how the attempt ended."""
        return Outcome(self.attempt.outcome).tone


def history_of(runs: Sequence[Past], *, now: datetime, places: int = 24) -> SafeString:
    """Draw one bar for each run, in the given order; a run that never started has no height."""
    ran = tuple(
        Ran(run.number, run.state, took_of(run, now) if run.started_at else None, run.finished_at is not None)
        for run in runs
    )
    # What has ended looks the same each time; what goes on grows from second to second.
    draw = _history if all(each.ended for each in ran) else _history.__wrapped__
    return draw(ran, places, formats.language())


@lru_cache(1024)
def _history(runs: tuple[Ran, ...], places: int, code: str) -> SafeString:
    states = tuple(each.state for each in runs)
    return drawings.history(run_bars(runs), label=_summary(states, code), places=places)


def run_bars(runs: Sequence[Ran]) -> list[drawings.Bar]:
    """Return the bars of runs.

    What took longer than thrice the median is drawn as thrice: one outlier must not flatten all others.
    """
    seconds = [max(0.0, each.took.total_seconds()) if each.took else 0.0 for each in runs]
    ended = sorted(value for value, each in zip(seconds, runs, strict=True) if each.ended and value)
    most = 3 * ended[len(ended) // 2] if ended else float("inf")
    at, label = runs_at(), _labels()
    return [
        drawings.Bar(min(value, most), RunState(each.state).tone, label(each), f"{at}{each.number}/")
        for each, value in zip(runs, seconds, strict=True)
    ]


def _labels() -> Callable[[Ran], str]:
    """Return what says a run in words; the words themselves are looked up once for hundreds of runs."""
    never, took = gettext("Run %(number)s: %(state)s"), gettext("Run %(number)s: %(state)s, %(duration)s")
    states = labels_of_states()

    def label(run: Ran) -> str:
        words = {"number": run.number, "state": states[run.state]}
        if run.took is None:
            return never % words
        return took % (words | {"duration": formats.duration(run.took)})

    return label


@cache
def runs_at() -> str:
    """Return what stands before a run's number in its address: one look-up serves hundreds."""
    return reverse("run", args=[0]).removesuffix("0/")


def took_of(run: Past, now: datetime) -> timedelta:
    """Return how long the run took, or has taken so far; nothing before its start."""
    return (run.finished_at or now) - run.started_at if run.started_at else timedelta()


def summary_of(runs: Sequence[Past]) -> str:
    """Say in words what the bars show."""
    return _summary(tuple(run.state for run in runs), formats.language())


@lru_cache(1024)
def _summary(states: tuple[str, ...], _code: str) -> str:
    if len(states) <= 1:
        return gettext("Last run: %(state)s") % {"state": RunState(states[0]).label} if states else ""
    good = states.count(RunState.SUCCEEDED)
    bad = sum(state in RunState.unhappy() for state in states)
    words = {"good": good, "bad": bad, "all": len(states)}
    if bad:
        return gettext("%(good)d of the last %(all)d runs succeeded, %(bad)d failed") % words
    return gettext("%(good)d of the last %(all)d runs succeeded") % words


def lanes(attempts: Sequence[Attempt], *, now: datetime) -> list[Lane]:
    """Place the attempts on the time from the first start to the last end (or now)."""
    if not attempts:
        return []
    first = min(attempt.started_at for attempt in attempts)
    whole = max(attempt.finished_at or now for attempt in attempts) - first
    # Attempts that ended as they began still need a time to lie on.
    whole = max(whole, timedelta(milliseconds=1))
    found = []
    for attempt in attempts:
        took = (attempt.finished_at or now) - attempt.started_at
        found.append(Lane(attempt, (attempt.started_at - first) / whole, took / whole, took))
    return found
