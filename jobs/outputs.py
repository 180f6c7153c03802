"""What a run brought about, as its page shows it."""

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from catalog.access import seen_tables
from jobs.choices import REPORT_KIND
from jobs.models import Run
from portal.accounts.models import User
from portal.events import Reference, nodes
from portal.evidence.models import Evidence
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


def seen_outputs(runs: Iterable[Run], user: User) -> dict[UUID, dict[str, Any]]:
    """Return each run's outputs as this person may read them, by its id; the same few queries for any number.

    Datasets and metrics that they may not know of are left out, and so is what a report says it reads; a
    section that rests on data they may not see keeps its title only.
    """
    found = {run.pk: run.outputs for run in runs}
    named = [(kind, key) for each in found.values() for kind, key, _note in _named(each)]
    sections = [section for each in found.values() for section in each.get("sections") or []]
    named += [("metric", section["metric"]) for section in sections if "metric" in section]
    known = nodes.resolve(named, user).keys()
    evidence = _readable(sections, user)
    return {pk: _seen(each, known, evidence) for pk, each in found.items()}


def _seen(outputs: dict[str, Any], known: Container[Reference], evidence: set[str]) -> dict[str, Any]:
    seen = {name: value for name, value in outputs.items() if name != "reads"}
    for kind, name in (("dataset", "datasets"), ("metric", "metrics")):
        if seen.get(name):
            seen[name] = [each for each in seen[name] if (kind, str(each["key"])) in known]
    if seen.get("sections"):
        seen["sections"] = [_section(each, known, evidence) for each in seen["sections"]]
    return seen


def _section(section: dict[str, Any], known: Container[Reference], evidence: set[str]) -> dict[str, Any]:
    secret = "metric" in section and ("metric", section["metric"]) not in known
    if not secret and section.get("evidence") in {None, *evidence}:
        return section
    shown: dict[str, Any] = {
        name: section[name] for name in ("kind", "title_en", "title_ko", "failed") if name in section
    }
    return {**shown, "evidence": None}


def _readable(sections: Iterable[dict[str, Any]], user: User) -> set[str]:
    """Return the evidence of these sections, by its id, whose tables the person may see."""
    wanted = {section["evidence"] for section in sections if section.get("evidence")}
    if not wanted:
        return set()
    tables = dict(Evidence.objects.filter(pk__in=wanted).values_list("pk", "tables"))
    names = seen_tables(user, {table for each in tables.values() for table in each})
    return {str(pk) for pk, each in tables.items() if names.issuperset(each)}


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
