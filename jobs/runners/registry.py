"""The kinds of jobs: one line each, loaded when first used so that an idle worker stays small."""

from functools import cache
from typing import Any

from django.core import checks
from django.utils.module_loading import import_string
from pydantic import BaseModel

from jobs.exceptions import UnknownKind
from jobs.runners.base import Runner

RUNNERS: dict[str, str] = {
    "python": "jobs.runners.python.PythonRunner",
    "metric_refresh": "jobs.runners.metric_refresh.MetricRefreshRunner",
    "verify": "jobs.runners.verify.VerifyRunner",
}


@cache
def runner_for(kind: str) -> Runner:
    """Return the runner of a kind; raises UnknownKind."""
    try:
        path = RUNNERS[kind]
    except KeyError:
        message = f"No runner is registered for jobs of the kind {kind!r}."
        raise UnknownKind(message) from None
    runner: Runner = import_string(path)()
    return runner


def check_runners(**_: Any) -> list[checks.CheckMessage]:
    """Find kinds that cannot be loaded or lack what pages and the engine ask of them (a system check)."""
    return [problem for kind in RUNNERS for problem in _check(kind)]


def _check(kind: str) -> list[checks.CheckMessage]:
    try:
        runner = runner_for(kind)
    except ImportError as error:
        return [checks.Error(f"The kind {kind!r} cannot be loaded: {error}", id="jobs.E001")]
    missing = [name for name in ("label", "icon", "docs") if not getattr(runner, name, "")]
    missing += [name for name in ("steps", "run", "record") if not callable(getattr(runner, name, None))]
    config = getattr(runner, "Config", None)
    if not (isinstance(config, type) and issubclass(config, BaseModel)):
        missing.append("Config (a pydantic model)")
    return [
        checks.Error(f"The kind {kind!r} has no {name}.", hint=RUNNERS[kind], id="jobs.E002")
        for name in missing
    ]
