"""How a job works, for those who may see it but not its definition."""

from dataclasses import dataclass
from typing import Final

from catalog.access import sees_tables
from catalog.choices import NodeKind
from catalog.models import LineageEdge
from jobs.models import Job
from jobs.runners.registry import RUNNERS, runner_for
from portal.accounts.models import User
from portal.accounts.prepared import Prepared
from portal.events import Node, nodes
from portal.warehouse.errors import RefusedSql
from portal.warehouse.linting import rendered, select_of, tables_of

_DIALECT: Final = "duckdb"
_READ: Prepared[str] = Prepared(
    lambda *, job: LineageEdge.objects.filter(
        upstream_kind=NodeKind.DATASET, downstream_kind=NodeKind.JOB, downstream_key=job
    ).values_list("upstream_key", flat=True)
)


@dataclass(frozen=True, slots=True)
class Workings:
    """What its kind does, the visible datasets that it reads, and its SELECT, "" where there is none."""

    docs: str
    reads: list[Node]
    sql: str


def workings_of(job: Job, user: User) -> Workings:
    """Return how a job works as far as this person may know: no host, path, secret or hidden table."""
    docs = str(runner_for(job.kind).docs) if job.kind in RUNNERS else ""
    return Workings(docs, _reads(job, user), _sql(job, user))


def _reads(job: Job, user: User) -> list[Node]:
    keys = set(_READ(job=job.key))
    if isinstance(named := job.config.get("dataset"), str):
        keys.add(named)
    found = nodes.resolve({(NodeKind.DATASET.value, key) for key in keys if key}, user)
    return [found[each] for each in sorted(found)]


def _sql(job: Job, user: User) -> str:
    """Return the SELECT of a model, without comments, to those who may see every table that it names."""
    if job.kind != "sql_model":
        return ""
    try:
        tree = select_of(str(job.config.get("sql", "")), dialect=_DIALECT)
    except RefusedSql:
        return ""
    return rendered(tree, dialect=_DIALECT) if sees_tables(user, tables_of(tree)) else ""
