"""Keep an edition: each figure's evidence is cited by it, and who is to be told is told."""

from collections.abc import Collection
from typing import Any, Final

from catalog.actions.lineage import connect, replace_inputs
from catalog.actions.metrics import keep_series
from catalog.choices import NodeKind
from catalog.models import Dataset
from jobs.choices import REPORT_READY, RunState
from jobs.models import EditionChart, Job, Run
from jobs.runners.report.config import ReportConfig
from portal.accounts.models import User
from portal.audit.actions import Actor
from portal.evidence.actions import cite, record_result, uncite
from portal.evidence.models import Citation, Evidence, Result
from portal.notifications.actions import notify

CITER: Final = "report"
# So many old editions are let go of at once.
_BATCH: Final = 20
_SERIES: Final = [
    {"name": "period", "type": "DATE"},
    {"name": "value", "type": "DOUBLE"},
    {"name": "sample", "type": "BIGINT"},
]


def record_edition(*, run: Run, outputs: dict[str, Any]) -> dict[str, Any]:
    """Return what the run keeps: the sections without any value, and which tables they read."""
    by = Actor.system(run.job.key)
    config = ReportConfig.model_validate(run.job.config)
    tables: set[str] = set()
    sections, charts = [], []
    for section in outputs["sections"]:
        if drawn := section.pop("charts", None):
            charts.append(EditionChart(run=run, section=section["name"], drawn=drawn))
        evidence = _evidence(section, run)
        if evidence is not None:
            cite(
                evidence=evidence,
                about=(CITER, str(run.pk)),
                title=section["title_en"],
                user=run.job.owner,
                by=by,
            )
            tables |= set(evidence.tables)
            section["evidence"] = str(evidence.pk)
        sections.append(section)
    EditionChart.objects.bulk_create(charts)
    _let_go(run, keep=config.keep_editions, by=by)
    untold = _tell(run, config, by=by)
    metrics = {section["metric"] for section in sections if "metric" in section}
    incomplete = any("failed" in section for section in sections)
    _connect(run, tables, metrics, all_of_it=not incomplete)
    return {
        "sections": sections,
        "incomplete": incomplete,
        "files": outputs["files"],
        "untold": untold,
        "reads": {"tables": sorted(tables), "metrics": sorted(metrics)},
    }


def _connect(run: Run, tables: Collection[str], metrics: Collection[str], *, all_of_it: bool) -> None:
    """Put down what the edition was made of, beside what the definition says; a part forgets nothing.

    An edition of a definition that was changed meanwhile says nothing of what the report reads now.
    """
    if run.job_version != run.job.version:
        return
    keys = Dataset.objects.filter(physical_name__in=tables).values_list("asset__key", flat=True)
    upstream = {(NodeKind.DATASET.value, key) for key in keys}
    upstream |= {(NodeKind.METRIC.value, key) for key in metrics}
    node = (NodeKind.JOB.value, run.job.key)
    if all_of_it:
        replace_inputs(node=node, upstream=upstream, source="run")
    else:
        connect(edges=[(each, node) for each in upstream], source="run")


def _evidence(section: dict[str, Any], run: Run) -> Evidence | None:
    """Keep what a section rests on; its values leave the section here."""
    result = section.pop("result", None)
    if result is not None:
        return record_result(**result, run_id=run.pk)
    series = section.pop("series", None)
    if series is None:
        return None
    evidence = Evidence.objects.filter(pk=section.pop("evidence")).first()
    if evidence is None:
        section["failed"] = {"why": "gone"}
        return None
    keep_series(evidence=evidence)
    # A refresh may have taken the points along since the body read them.
    Result.objects.get_or_create(evidence=evidence, defaults={"columns": _SERIES, "rows": series})
    return evidence


def _let_go(run: Run, *, keep: int, by: Actor) -> None:
    """Let the evidence of editions go that are older than the last ``keep``; their files go by their age."""
    earlier = Run.objects.filter(job=run.job_id, state=RunState.SUCCEEDED, pk__lt=run.pk).order_by("-pk")
    old = [str(pk) for pk in earlier.values_list("pk", flat=True)[keep - 1 : keep - 1 + _BATCH]]
    for citation in Citation.objects.filter(about_kind=CITER, about_key__in=old):
        uncite(citation=citation, by=by)
    EditionChart.objects.filter(run__pk__in=old).delete()


def _tell(run: Run, config: ReportConfig, *, by: Actor) -> int:
    """Tell the people and teams that the report names, as far as they may see it at this moment.

    Returns how many that are named were not told: nobody here has their address, or they may not see it.
    """
    named = User.objects.filter(is_active=True)
    people = {user.pk: user for user in named.filter(email__in=config.people)}
    people |= {user.pk: user for user in named.filter(teams__key__in=config.teams).distinct()}
    seen = [user for user in people.values() if Job.objects.visible_to(user).filter(pk=run.job_id).exists()]
    notify(to=seen, kind=REPORT_READY, about=(CITER, str(run.pk)), by=by, once=f"run:{run.pk}")
    unknown = set(config.people) - {user.email for user in people.values()}
    return len(unknown) + len(people) - len(seen)
