"""What tells one edition of a report from the others: its number, its time, and its parameters."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from jobs.forms import parameters_of
from jobs.models import Job, Run
from jobs.reports import editions
from portal.ui import formats


@dataclass(frozen=True, slots=True)
class Named:
    """An edition as lists and headings call it; ``parameters`` are (title, value)."""

    run: Run
    when: str
    parameters: list[tuple[str, str]]

    @property
    def title(self) -> str:
        """Its number and its time: «#33 · 26 November, 15:33»."""
        return _("#{number} · {when}").format(number=self.run.number, when=self.when)

    @property
    def given(self) -> str:
        """Its parameters in one line; nothing where the report has none."""
        return ", ".join(f"{title}: {value}" for title, value in self.parameters)


def named(job: Job, runs: Iterable[Run]) -> list[Named]:
    """Return editions under names that tell them apart: with seconds where two share a minute."""
    listed = list(runs)
    minutes = Counter(_minute(run) for run in listed)
    titles = [(each.name, each.label) for each in parameters_of(job.parameters_schema)]
    return [
        Named(
            run,
            _minute(run) if minutes[_minute(run)] == 1 else _second(run),
            [(title, _text(run.params[name])) for name, title in titles if run.params.get(name) is not None],
        )
        for run in listed
    ]


def edition_before(run: Run) -> Run | None:
    """Return the last edition before one that had the same parameters, else the last one at all."""
    earlier = editions(run.job).filter(pk__lt=run.pk)
    return earlier.filter(params=run.params).first() or earlier.first()


def _minute(run: Run) -> str:
    return formats.moment(run.finished_at) if run.finished_at else formats.DASH


def _second(run: Run) -> str:
    return f"{_minute(run)}:{formats.here(run.finished_at):%S}" if run.finished_at else formats.DASH


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
