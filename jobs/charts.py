"""Bars of runs and lanes of attempts: the numbers behind small drawings."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.urls import reverse
from django.utils.translation import gettext

from jobs.choices import Outcome, RunState
from jobs.models import Attempt, Run
from portal.ui import formats


@dataclass(frozen=True, slots=True)
class Bar:
    """One run as a bar: ``value`` is the seconds it took (so far), ``label`` says it in words."""

    value: float
    tone: str
    label: str
    url: str


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


def run_bars(runs: Sequence[Run], *, now: datetime) -> list[Bar]:
    """Return one bar for each run, in the given order; a run that never started has no height.

    What took longer than thrice the median is drawn as thrice: one outlier must not flatten all others.
    """
    seconds = [max(0.0, took_of(run, now).total_seconds()) for run in runs]
    ended = sorted(value for value, run in zip(seconds, runs, strict=True) if run.finished_at and value)
    most = 3 * ended[len(ended) // 2] if ended else float("inf")
    # One address serves as the pattern of hundreds.
    runs_at = reverse("run", args=[0]).removesuffix("0/")
    return [
        Bar(
            value=min(value, most),
            tone=RunState(run.state).tone,
            label=_label(run, now),
            url=f"{runs_at}{run.number}/",
        )
        for run, value in zip(runs, seconds, strict=True)
    ]


def took_of(run: Run, now: datetime) -> timedelta:
    """Return how long the run took, or has taken so far; nothing before its start."""
    return (run.finished_at or now) - run.started_at if run.started_at else timedelta()


def summary_of(runs: Sequence[Run]) -> str:
    """Say in words what the bars show."""
    good = sum(run.state == RunState.SUCCEEDED for run in runs)
    bad = sum(run.state in RunState.unhappy() for run in runs)
    if len(runs) <= 1:
        return gettext("Last run: %(state)s") % {"state": RunState(runs[0].state).label} if runs else ""
    words = {"good": good, "bad": bad, "all": len(runs)}
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


def _label(run: Run, now: datetime) -> str:
    state = RunState(run.state).label
    if run.started_at is None:
        return gettext("Run %(number)s: %(state)s") % {"number": run.number, "state": state}
    return gettext("Run %(number)s: %(state)s, %(duration)s") % {
        "number": run.number,
        "state": state,
        "duration": formats.duration(took_of(run, now)),
    }
