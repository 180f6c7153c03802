"""Read ``Run.progress`` and what the kind says about its steps into what a page shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils.dateparse import parse_datetime

from jobs.choices import RunState
from jobs.runners.base import Step

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Span:
    """When a step began and ended, as the run recorded it."""

    key: str
    started_at: datetime | None
    ended_at: datetime | None

    @property
    def duration(self) -> timedelta | None:
        """Time it took; None while it is under way."""
        return self.ended_at - self.started_at if self.started_at and self.ended_at else None


@dataclass(frozen=True, slots=True)
class ShownStep:
    """One step of the progress card: its name, tone, and how long it took, takes or usually takes.

    ``stopped`` marks where a run that did not succeed has ended.
    """

    key: str
    label: str
    tone: str
    current: bool = False
    took: timedelta | None = None
    so_far: timedelta | None = None
    usually: timedelta | None = None
    stopped: bool = False


def spans_of(progress: Mapping[str, Any]) -> list[Span]:
    """Return the recorded steps in the order they began; entries without a key are left out."""
    steps = progress.get("steps") or []
    return [
        Span(str(step["key"]), _time(step.get("started_at")), _time(step.get("ended_at")))
        for step in steps
        if isinstance(step, dict) and step.get("key")
    ]


def fraction_of(progress: Mapping[str, Any]) -> float | None:
    """Return how far the run says it is, 0–1; None where it does not say."""
    value = progress.get("fraction")
    return min(1.0, max(0.0, float(value))) if isinstance(value, int | float) else None


def shown_steps(
    progress: Mapping[str, Any],
    *,
    state: str,
    named: Sequence[Step],
    usual: Mapping[str, timedelta],
    now: datetime,
) -> list[ShownStep]:
    """Join the steps that the kind announces with those the run recorded, in the announced order.

    A step that was recorded but not announced (an older version of the pipeline) comes last.
    """
    spans = {span.key: span for span in spans_of(progress)}
    labels = {step.key: str(step.label) for step in named}
    labels.update({key: key for key in spans if key not in labels})
    return [
        _shown(key, label, spans.get(key), state=state, usually=usual.get(key), now=now)
        for key, label in labels.items()
    ]


def overall(
    steps: Sequence[ShownStep], fraction: float | None, *, elapsed: timedelta, usual: timedelta | None
) -> float | None:
    """Return how far the whole run is, 0–1; None where nothing tells.

    A step weighs what it usually takes (a second where that is unknown); inside the current step the run's
    own fraction counts, else the time it has taken of what it usually takes.
    """
    if not steps:
        return fraction if fraction is not None else _share(elapsed, usual)
    weights = {step.key: max(0.05, (step.usually or step.took or _SECOND) / _SECOND) for step in steps}
    done = sum(weights[step.key] for step in steps if step.took is not None)
    for step in steps:
        if step.current:
            inside = fraction if fraction is not None else _share(step.so_far or timedelta(), step.usually)
            done += weights[step.key] * (inside or 0.0)
    return min(1.0, done / sum(weights.values()))


def _share(elapsed: timedelta, usual: timedelta | None) -> float | None:
    """Return the share of the usual time that has passed; it never claims to be done."""
    return min(0.95, elapsed / usual) if usual else None


def _shown(
    key: str, label: str, span: Span | None, *, state: str, usually: timedelta | None, now: datetime
) -> ShownStep:
    if span is None or span.started_at is None:
        return ShownStep(key, label, "neutral", usually=usually)
    if span.ended_at is not None:
        return ShownStep(key, label, "good", took=span.duration)
    if state == RunState.RUNNING:
        return ShownStep(key, label, "info", current=True, so_far=now - span.started_at, usually=usually)
    # It never ended, and neither will it: this is where the run stopped.
    return ShownStep(key, label, RunState(state).tone, stopped=True)


def _time(value: object) -> datetime | None:
    return parse_datetime(value) if isinstance(value, str) else None
