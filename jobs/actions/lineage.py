"""Put down what the definition of a job says that it reads."""

from importlib import import_module
from typing import Any, Final

from catalog.actions.lineage import replace_inputs
from catalog.choices import NodeKind
from catalog.models import Dataset
from jobs.choices import REPORT_KIND
from jobs.models import Job
from portal.events import Reference
from portal.warehouse.errors import RefusedSql

# The lake's dialect; every warehouse of ours so far is one.
_DIALECT: Final = "duckdb"


def state_inputs(job: Job) -> None:
    """Let a report stand below what its sections read, from now on and not only from its next edition on.

    What it read before and names no more is forgotten, whoever said so. What other kinds read is told by
    their runs. Call it in the transaction that has saved the job.
    """
    node = (NodeKind.JOB.value, job.key)
    is_report = job.kind == REPORT_KIND
    upstream = _read_by(job.config.get("sections") or ()) if is_report else set()
    replace_inputs(node=node, upstream=upstream, source="definition")
    if is_report:
        replace_inputs(node=node, upstream=(), source="run")


def _read_by(sections: Any) -> set[Reference]:
    tables: set[str] = set()
    metrics: set[str] = set()
    for section in sections:
        if section["kind"] == "query":
            tables |= _tables_named(section["sql"])
        elif section["kind"] == "metric":
            metrics.add(section["metric"])
    known = Dataset.objects.filter(physical_name__in=tables)
    keys = dict(known.values_list("physical_name", "asset__key"))
    # A table that nobody has published yet has its name for a key once somebody does.
    datasets = {(NodeKind.DATASET.value, keys.get(table, table)) for table in tables}
    return datasets | {(NodeKind.METRIC.value, key) for key in metrics}


def _tables_named(sql: str) -> set[str]:
    """Return the tables of a query («schema.name»); none where no run could take it either."""
    # Loaded when first needed: it brings sqlglot along, and not every process that knows jobs reads SQL.
    linting: Any = import_module("portal.warehouse.linting")
    try:
        named: set[str] = linting.tables_of(linting.select_of(sql, dialect=_DIALECT))
    except RefusedSql:
        return set()
    return {table for table in named if "." in table}
