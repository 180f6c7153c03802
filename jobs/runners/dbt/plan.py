"""Which tables of the lake a run shows dbt before its command, and what it takes over after it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sqlglot.errors import SqlglotError

from catalog.choices import Visibility
from catalog.models import Column, Dataset
from jobs.choices import DBT_KIND
from jobs.runners.dbt.artifacts import Manifest, Node, NodeResult
from jobs.runners.dbt.project import DbtRefused
from jobs.runners.landing import ColumnWords, DatasetWords, Landing, free_schema
from jobs.runners.targets import refused_tables
from portal.accounts.models import User
from portal.said import joined, said, said_of
from portal.warehouse.checks import literal, quoted
from portal.warehouse.lineage import column_sources, without_catalogs
from portal.warehouse.linting import ReadableTable
from portal.warehouse.port import StagedTable

DIALECT: Final = "duckdb"
# dbt's own database, which goes with the run, and the lake beside it.
WORK, LAKE = "work", "lake"
_TABLE: Final = re.compile(r"[a-z][a-z0-9_]{0,62}\.[a-z][a-z0-9_]{0,62}")


@dataclass(frozen=True, slots=True)
class Plan:
    """The project, what of it is selected, and what lies in the lake and may be read by the job's owner.

    ``snapshot`` is the lake's when the run began to read it: the tables were there already.
    """

    manifest: Manifest
    selected: frozenset[str]
    tables: frozenset[str]
    readable: Mapping[str, ReadableTable]
    snapshot: int

    def require(self, job_key: str, owner: User) -> None:
        """Raise DbtRefused where a model's table may not be its own, or may not be read again."""
        ours = {node.table: node for node in self.manifest.relations()}
        for table, node in ours.items():
            self._require_name(table, node)
            if table in self.tables:
                self._require_readable(table, _place(node))
        refused = refused_tables(ours, key=job_key, kind=DBT_KIND, owner=owner, reader=owner)
        for table, why in refused.items():
            raise DbtRefused(joined(": ", [_place(ours[table]), why]))

    def opening(self, *, command: str, full_refresh: bool) -> list[str]:
        """Return the statements that show dbt what earlier runs have published, and the lake's sources."""
        shown = dict.fromkeys(self.added_to(full_refresh=full_refresh), "TABLE")
        for node in self.manifest.relations():
            if node.table in self.tables and (node.unique_id not in self.selected or command == "test"):
                shown[node.table] = "VIEW"
        for source in self.manifest.sources.values():
            if source.database == WORK and source.table in self.tables and self._may_read(source.table):
                shown.setdefault(source.table, "VIEW")
        schemas = sorted({table.partition(".")[0] for table in shown})
        return [
            *(f"CREATE SCHEMA IF NOT EXISTS {WORK}.{quoted(schema)}" for schema in schemas),
            *(
                f"CREATE {kind} {quoted(f'{WORK}.{table}')} AS SELECT * FROM {quoted(f'{LAKE}.{table}')}"  # noqa: S608
                for table, kind in sorted(shown.items())
            ),
        ]

    def added_to(self, *, full_refresh: bool) -> list[str]:
        """Return the tables of the lake whose rows the selected nodes begin from."""
        return [
            node.table
            for node in self.manifest.relations()
            if node.table in self.tables
            and node.unique_id in self.selected
            and (
                node.resource_type == "snapshot"
                or (node.config.materialized == "incremental" and not full_refresh)
            )
        ]

    def require_reads(self, results: Sequence[NodeResult]) -> None:
        """Raise DbtRefused where the SQL that ran names a table of the lake that the owner may not read."""
        for result in results:
            node = self.manifest.find(result.unique_id)
            if node is None or not node.compiled_code or node.language != "sql":
                continue
            for table in _lake_tables(node):
                self._require_readable(table, _place(node))

    def _require_name(self, table: str, node: Node) -> None:
        place = _place(node)
        if not _TABLE.fullmatch(table) or node.database != WORK:
            message = said(
                "%(model)s would become %(database)s.%(table)s: a table of the lake is called schema.table "
                "in small letters, digits and _, and the database stays %(ours)s.",
                model=place,
                database=node.database,
                table=table,
                ours=WORK,
            )
            raise DbtRefused(message)
        try:
            free_schema(table)
        except ValueError as error:
            raise DbtRefused(joined(": ", [place, said_of(error)])) from error

    def _may_read(self, table: str) -> bool:
        return table in self.readable and not self.readable[table].withheld

    def _require_readable(self, table: str, place: str) -> None:
        if not self._may_read(table):
            if table in self.readable:
                told = said(
                    "%(model)s: the job's owner may not read all columns of the table %(table)s.",
                    model=place,
                    table=table,
                )
            else:
                told = said(
                    "%(model)s: the job's owner may not read the table %(table)s.", model=place, table=table
                )
            raise DbtRefused(told)


@dataclass(slots=True)
class Landings:
    """What the catalog is going to say of the new tables, taken in the order of the run."""

    plan: Plan
    keys: dict[str, str] = field(init=False)
    _known: dict[str, ReadableTable] = field(init=False)
    _personal: set[tuple[str, str]] = field(init=False)
    _restricted: set[str] = field(init=False)

    def __post_init__(self) -> None:
        """Ask the catalog about the tables that there are."""
        datasets = Dataset.objects.filter(physical_name__in=self.plan.tables)
        self.keys = dict(datasets.values_list("physical_name", "asset__key"))
        self._known = dict(self.plan.readable)
        flagged = Column.objects.filter(dataset__in=datasets, personal=True)
        self._personal = set(flagged.values_list("dataset__physical_name", "name"))
        hidden = datasets.exclude(asset__visibility=Visibility.COMPANY)
        self._restricted = set(hidden.values_list("physical_name", flat=True))

    def take(self, node: Node, staged: StagedTable) -> Landing:
        """Return what is said of a node's table; later ones may read it."""
        upstream = {each.table: each for each in self.plan.manifest.upstream(node)}
        sql, named = _readable_sql(node)
        reads = sorted({*upstream, *named} - {node.table})
        tables = {name: self._known[name] for name in reads if name in self._known}
        sources = column_sources(sql, dialect=DIALECT, tables=tables) if sql else {}
        personal = frozenset(name for name, made_from in sources.items() if self._personal & set(made_from))
        marked = {column.name: column.personal for column in node.columns.values()}
        restricted = bool(self._restricted & set(reads))
        self._known[node.table] = ReadableTable(
            node.table, {column.name: column.data_type for column in staged.columns}
        )
        self._personal |= {(node.table, name) for name in {*personal, *(n for n in marked if marked[n])}}
        self._restricted |= {node.table} if restricted else set()
        self.keys[node.table] = node.table
        return Landing(
            target=node.table,
            words=DatasetWords(description_en=node.description[:5000], tags=node.tags[:20]),
            columns=[
                ColumnWords(
                    name=each.name[:200], personal=each.personal, description_en=each.description[:1000]
                )
                for each in node.columns.values()
            ],
            upstream=[
                ("dataset", self.keys[name]) if name in self.keys else ("source", f"dbt/{name}"[:200])
                for name in reads
            ],
            made_from={
                name: [(self.keys[table], column) for table, column in made_from if table in self.keys]
                for name, made_from in sources.items()
            },
            personal=personal,
            restricted=restricted,
        )


def export_orders(nodes: Sequence[Node], folder: Path) -> list[tuple[str, str]]:
    """Return a SELECT and a file for the table of each node."""
    return [
        (f"SELECT * FROM {quoted(f'{WORK}.{node.table}')}", str(folder / f"{node.table}.parquet"))  # noqa: S608
        for node in nodes
    ]


def lock(folders: Sequence[Path]) -> list[str]:
    """Return the statements after which the database reaches no files but those of the folders."""
    allowed = ", ".join(literal(f"{folder}/") for folder in folders)
    return [
        f"SET GLOBAL allowed_directories = [{allowed}]",
        "SET GLOBAL enable_external_access = false",
        "SET GLOBAL lock_configuration = true",
    ]


def _place(node: Node) -> str:
    return f"{node.name} ({node.original_file_path})"


def _lake_tables(node: Node) -> list[str]:
    try:
        _sql, named = without_catalogs(node.compiled_code or "", dialect=DIALECT)
    except (SqlglotError, RecursionError):
        # It ran, but nobody can say here what it reads.
        if re.search(rf"\b{LAKE}\b", node.compiled_code or ""):
            message = said(
                "%(model)s names the lake in SQL that cannot be followed: "
                "read it by a source without a database.",
                model=_place(node),
            )
            raise DbtRefused(message) from None
        return []
    return sorted(table for catalog, table in named if catalog.casefold() == LAKE)


def _readable_sql(node: Node) -> tuple[str, set[str]]:
    """Return a node's SQL as lineage is read from it, and the tables of the lake that it names directly."""
    if not node.compiled_code or node.language != "sql":
        return "", set()
    try:
        sql, named = without_catalogs(node.compiled_code, dialect=DIALECT)
    except (SqlglotError, RecursionError):
        return "", set()
    return sql, {table for catalog, table in named if catalog.casefold() == LAKE}
