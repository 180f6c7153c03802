"""What the lists of runs say of a run: what tells it apart from its neighbours, and what went wrong."""

import json
from typing import Any, Final

from jobs.models import Run
from portal.ui import formats

# A row has room for so many characters; the run's own page shows the rest.
_LONGEST: Final = 160


def apart(run: Run) -> str:
    """Return a run's partition or slot, and the parameters with which it differs from its job's defaults."""
    words = [run.partition] if run.partition else [formats.moment(run.slot)] if run.slot else []
    words += [f"{name}: {_short(value)}" for name, value in _differing(run).items()]
    return _cut(", ".join(words))


def first_line(run: Run) -> str:
    """Return the first line of what went wrong; "" where nothing did."""
    return _cut(run.trouble.strip().partition("\n")[0])


def _differing(run: Run) -> dict[str, Any]:
    known = run.job.parameters_schema.get("properties") or {}
    return {
        name: value
        for name, value in run.params.items()
        if value is not None and value != run.partition and value != _default(known.get(name))
    }


def _default(parameter: object) -> Any:
    return parameter.get("default") if isinstance(parameter, dict) else None


def _short(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
