"""Write each run's lineage as OpenLineage events (https://openlineage.io/spec/2-0-2/OpenLineage.json).

Plain JSON on its way by the webhooks' outbox, to where the settings say; without a setting nothing is read.
A run's first attempt is its START, each further one RUNNING; a run that is skipped was none and says nothing.
"""

import datetime as dt
from collections.abc import Iterable, Iterator
from typing import Any, Final

from django.conf import settings

from catalog.choices import NodeKind
from catalog.lineage import datasets_behind
from catalog.models import Dataset
from catalog.models.lineage import LineageEdge
from jobs.choices import CHECK_KIND, RunState
from jobs.marks import LINEAGE, SILENT_JOBS, event_word, forget, read_on
from jobs.models import Run, RunEvent
from jobs.refreshed import refreshed_by
from portal.webhooks.actions import hand_over, settings_endpoint
from portal.webhooks.choices import Kind

Json = dict[str, Any]
_SPEC: Final = "https://openlineage.io/spec"
_TYPES: Final = {
    "started": "START",
    RunState.SUCCEEDED.value: "COMPLETE",
    RunState.FAILED.value: "FAIL",
    RunState.TIMED_OUT.value: "FAIL",
    RunState.LOST.value: "FAIL",
    RunState.CANCELLED.value: "ABORT",
}
_ENDS: Final = frozenset({"COMPLETE", "FAIL", "ABORT"})
# The kind whose dataset is looked at and not made.


def write_lineage() -> int:
    """Record the lineage of runs since the last round for each place that the settings name."""
    wanted = [
        kind
        for kind, place in (
            (Kind.LINEAGE_URL, settings.OPENLINEAGE_URL),
            (Kind.LINEAGE_FILE, settings.OPENLINEAGE_FILE),
        )
        if place
    ]
    if not wanted:
        _forget_once()
        return 0
    endpoints = [settings_endpoint(kind) for kind in wanted]

    def take(events: list[RunEvent]) -> int:
        documents = list(_documents(events))
        return sum(hand_over(endpoint, documents) for endpoint in endpoints)

    since = min(endpoint.hears_since for endpoint in endpoints)
    return read_on(LINEAGE, take, since=since)


_forgotten = False


def _forget_once() -> None:
    """Take the cursor away, so that whoever sets it up again does not get what happened in between."""
    global _forgotten  # noqa: PLW0603 - settings do not change while a process lives
    if not _forgotten:
        forget(LINEAGE)
        _forgotten = True


def _documents(events: list[RunEvent]) -> Iterator[tuple[str, str, Json]]:
    runs = (
        Run.objects.filter(pk__in={each.run_id for each in events})
        .exclude(job__key__in=SILENT_JOBS)
        .select_related("job")
        .in_bulk()
    )
    for event in events:
        kind = _TYPES.get(event_word(event))
        run = runs.get(event.run_id)
        if kind is None or run is None:
            continue
        if kind == "START" and event.data.get("attempt", 1) != 1:
            kind = "RUNNING"
        once = f"{kind}:{event.pk if kind == 'RUNNING' else run.pk}"
        yield kind, once, run_event(run, kind=kind, at=event.at)


def run_event(run: Run, *, kind: str, at: dt.datetime) -> Json:
    """Return one RunEvent; ``kind`` is START, RUNNING, COMPLETE, FAIL or ABORT."""
    return {
        "eventType": kind,
        "eventTime": at.isoformat(),
        "run": {"runId": str(run.pk), "facets": _run_facets(run, kind)},
        "job": {**_job(run), "facets": _job_facets(run)},
        "inputs": _inputs(run, ended=kind in _ENDS),
        "outputs": _outputs(run) if kind == "COMPLETE" else [],
        "producer": settings.PUBLIC_URL,
        "schemaURL": f"{_SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent",
    }


def _run_facets(run: Run, kind: str) -> Json:
    facets = {}
    if run.slot is not None:
        nominal = {"nominalStartTime": run.slot.isoformat()}
        facets["nominalTime"] = _facet("1-0-1", "NominalTimeRunFacet", **nominal)
    parent = Run.objects.select_related("job").filter(pk=run.origin_id).first() if run.origin_id else None
    if parent is not None:
        facets["parent"] = _facet("1-2-0", "ParentRunFacet", run={"runId": str(parent.pk)}, job=_job(parent))
    if kind == "FAIL":
        words = str(run.error.get("message") or "") or str(run.state)
        facets["errorMessage"] = _facet(
            "1-0-1", "ErrorMessageRunFacet", message=words, programmingLanguage="Python"
        )
    return facets


def _job_facets(run: Run) -> Json:
    job = run.job
    facets = {
        "jobType": _facet(
            "2-0-4",
            "JobTypeJobFacet",
            processingType="BATCH",
            integration="DATA_DESK",
            jobType=job.kind.upper(),
        )
    }
    if job.description_en:
        facets["documentation"] = _facet("1-1-0", "DocumentationJobFacet", description=job.description_en)
    if isinstance(sql := job.config.get("sql"), str) and sql:
        facets["sql"] = _facet("1-1-0", "SQLJobFacet", query=sql, dialect="duckdb")
    return facets


def _inputs(run: Run, *, ended: bool) -> list[Json]:
    checking = run.job.kind == CHECK_KIND
    edges = LineageEdge.objects.filter(downstream_kind=NodeKind.JOB, downstream_key=run.job.key)
    upstream = set(edges.values_list("upstream_kind", "upstream_key"))
    metrics = {key for kind, key in upstream if kind == NodeKind.METRIC} | refreshed_by([run.job.key])
    keys = {key for kind, key in upstream if kind == NodeKind.DATASET} | datasets_behind(metrics)
    if checking:
        keys.add(str(run.job.config.get("dataset", "")))
    found = []
    for dataset in _datasets(keys):
        checks = [check for check in dataset.checks if check.get("job") == run.job.key]
        shown = _named(dataset.physical_name)
        if checking and ended and checks:
            shown["inputFacets"] = {"dataQualityAssertions": _assertions(checks)}
        found.append(shown)
    return found


def _outputs(run: Run) -> list[Json]:
    made = {str(each["key"]): each for each in run.outputs.get("datasets") or [] if "row_count" in each}
    found = []
    for dataset in _datasets(made):
        shown = _named(dataset.physical_name)
        # A newer run may have published it meanwhile: its columns are not this run's.
        if dataset.published_by == run.pk:
            shown["facets"] = _dataset_facets(dataset)
        rows = made[dataset.asset.key].get("row_count")
        if rows is not None:
            statistics = _facet("1-0-2", "OutputStatisticsOutputDatasetFacet", rowCount=rows)
            shown["outputFacets"] = {"outputStatistics": statistics}
        found.append(shown)
    return found


def _datasets(keys: Iterable[str]) -> list[Dataset]:
    found = Dataset.objects.filter(asset__key__in=list(keys)).select_related("asset")
    return list(found.prefetch_related("columns").order_by("physical_name"))


def _dataset_facets(dataset: Dataset) -> Json:
    columns = list(dataset.columns.all())
    fields = [
        {
            "name": column.name,
            "type": column.data_type,
            "ordinal_position": place,
            **({"description": column.description_en} if column.description_en else {}),
        }
        for place, column in enumerate(columns, start=1)
    ]
    facets = {"schema": _facet("1-2-0", "SchemaDatasetFacet", fields=fields)}
    sources = {table for column in columns for table, _name in column.made_from}
    names = {each.asset.key: each.physical_name for each in _datasets(sources)}
    lineage = {
        column.name: {
            "inputFields": [
                {**_named(names.get(table, table)), "field": name} for table, name in column.made_from
            ]
        }
        for column in columns
        if column.made_from
    }
    if lineage:
        facets["columnLineage"] = _facet("1-2-0", "ColumnLineageDatasetFacet", fields=lineage)
    return facets


def _assertions(checks: list[Json]) -> Json:
    assertions = [
        {
            "assertion": check["name"],
            "success": bool(check["passed"]),
            "severity": "error" if check.get("blocking", True) else "warn",
            "expected": str(check.get("expected", "")),
            "actual": str(check.get("observed", "")),
        }
        for check in checks
    ]
    return _facet("1-1-0", "DataQualityAssertionsDatasetFacet", assertions=assertions)


def _job(run: Run) -> Json:
    return _named(run.job.key)


def _named(name: str) -> Json:
    return {"namespace": settings.OPENLINEAGE_NAMESPACE, "name": name}


def _facet(version: str, name: str, **values: Any) -> Json:
    schema = f"{_SPEC}/facets/{version}/{name}.json#/$defs/{name}"
    return {"_producer": settings.PUBLIC_URL, "_schemaURL": schema, **values}
