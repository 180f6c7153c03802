"""What a run brought about, as its page shows it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from jobs.choices import REPORT_KIND
from jobs.models import Run
from portal.accounts.models import User
from portal.events import nodes
from portal.ui import formats

# What dbt says of a node.
_STATUSES: Final = {
    "success": _("Made"),
    "pass": _("Tests passed"),
    "warn": _("Tests that warn"),
    "skipped": _("Skipped"),
    "no-op": _("Nothing to do"),
}


@dataclass(frozen=True, slots=True)
class Output:
    """A thing that was published or refreshed; without ``url`` it can be named but not opened."""

    label: str
    icon: str
    url: str
    note: str


def shown_outputs(run: Run, user: User) -> list[Output]:
    """Return the datasets and metrics that the person may know of; where none were named, what it counted."""
    if run.job.kind == REPORT_KIND and "sections" in run.outputs:
        return [_edition(run)]
    named = list(_named(run.outputs))
    found = nodes.resolve([(kind, key) for kind, key, _note in named], user)
    shown = [
        Output(found[kind, key].label, found[kind, key].icon, found[kind, key].url, note)
        for kind, key, note in named
        if (kind, key) in found
    ]
    return [*shown, *_nodes(run.outputs)] if named else [*_nodes(run.outputs), *_counted(run.outputs)]


def _edition(run: Run) -> Output:
    """Lead from a run of a report to the edition that it made."""
    count = len(run.outputs["sections"])
    words = ngettext("%(count)s section", "%(count)s sections", count) % {"count": formats.number(count)}
    url = reverse("report_edition", args=[run.job.key, run.number])
    return Output(str(_("Edition of the report")), "file", url, words)


def _named(outputs: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    for entry in outputs.get("datasets") or []:
        rows = entry.get("row_count")
        words = ngettext("%(count)s row", "%(count)s rows", rows or 0) % {"count": formats.number(rows or 0)}
        yield "dataset", str(entry["key"]), words if rows is not None else ""
    for entry in outputs.get("metrics") or []:
        points = entry.get("points")
        words = ngettext("%(count)s point", "%(count)s points", points or 0) % {
            "count": formats.number(points or 0)
        }
        yield "metric", str(entry["key"]), words if points is not None else ""


def _nodes(outputs: dict[str, Any]) -> Iterator[Output]:
    """Say of a dbt project how many of its nodes came to what, and which of them only warned."""
    nodes = outputs.get("nodes")
    for status, count in sorted(nodes.items()) if isinstance(nodes, dict) else ():
        words = ngettext("%(count)s node", "%(count)s nodes", count) % {"count": formats.number(count)}
        yield Output(str(_STATUSES.get(status, status)), "split", "", words)
    for warning in outputs.get("warnings") or []:
        yield Output(str(warning)[:300], "flask", "", "")


def _counted(outputs: dict[str, Any]) -> Iterator[Output]:
    for name, value in outputs.items():
        if isinstance(value, bool) or not isinstance(value, int | float | str) or value == "":
            continue
        shown = formats.number(value) if not isinstance(value, str) else value
        yield Output(name.replace("_", " "), "tag", "", shown[:200])
