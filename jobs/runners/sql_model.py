"""The kind ``sql_model``: a SELECT over tables of the lake becomes a table or view of the lake."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal, Self

from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _
from pydantic import BaseModel, ConfigDict, Field, model_validator
from sqlglot import exp

from catalog.choices import Visibility
from catalog.models import Column, Dataset
from catalog.readable import readable_tables
from jobs.choices import ErrorClass
from jobs.complaints import WrongField, goes_with
from jobs.models import Job, Run
from jobs.runners.apart import There, apart
from jobs.runners.base import Context, Step
from jobs.runners.landing import (
    NEW_COLUMNS,
    ColumnWords,
    DatasetWords,
    Landing,
    TargetName,
    check_staged,
    publish,
    record_published,
)
from jobs.runners.rules import DIALECT, CheckRule
from jobs.runners.targets import require_table
from portal.accounts.models import User
from portal.accounts.permissions import Permission
from portal.said import said, said_of
from portal.warehouse.checks import quoted, quoted_name
from portal.warehouse.errors import QueryFailed, RefusedSql
from portal.warehouse.lineage import Sources, column_sources
from portal.warehouse.linting import LONGEST, Prepared, ReadableTable, prepare, select_of
from portal.warehouse.port import CheckResult, How, StagedTable, StagedView, Warehouse


class ModelRefused(Exception):
    """The model may not run as it is written; trying again would not help."""

    def __init__(
        self,
        message: str,
        error_class: ErrorClass = ErrorClass.SETTINGS,
        *,
        line: int | None = None,
        column: int | None = None,
    ) -> None:
        super().__init__(message)
        self.error_class, self.line, self.column = error_class, line, column


_MATERIALIZATIONS: Final = {
    "table": gettext_noop("Table, all rows anew"),
    "view": gettext_noop("View"),
    "incremental": gettext_noop("Table, added to by each run"),
}
_INCREMENTS: Final = {
    "watermark": gettext_noop("Add rows above the highest value so far"),
    "partition": gettext_noop("Replace the rows of every value that was computed"),
}
_OF_INCREMENTAL: Final[dict[str, Any]] = {"when": {"materialization": ["incremental"]}}


class SqlModelConfig(BaseModel):
    """A SELECT, and the table or view that is made of it."""

    model_config = ConfigDict(extra="forbid")

    target: TargetName
    sql: str = Field(
        min_length=1,
        max_length=LONGEST,
        title=gettext_noop("SQL"),
        description=gettext_noop(
            "One SELECT over tables that the job's owner may read, each named as schema.table."
        ),
        json_schema_extra={"widget": "sql"},
    )
    materialization: Literal["table", "view", "incremental"] = Field(
        default="table",
        title=gettext_noop("Materialization"),
        description=gettext_noop("A table is computed anew by each run, a view whenever somebody reads it."),
        json_schema_extra={"labels": dict(_MATERIALIZATIONS)},
    )
    incremental_by: Literal["watermark", "partition"] = Field(
        default="watermark",
        title=gettext_noop("Incremental by"),
        json_schema_extra={"labels": dict(_INCREMENTS), **_OF_INCREMENTAL},
    )
    incremental_column: str = Field(
        default="",
        title=gettext_noop("Incremental column"),
        description=gettext_noop("The column of the SELECT whose values are compared."),
        json_schema_extra={**_OF_INCREMENTAL, "needed": True},
    )
    new_columns: Literal["refuse", "add"] = Field(
        default="refuse",
        title=gettext_noop("New columns"),
        description=gettext_noop("Where the SELECT has columns that the table has not."),
        json_schema_extra={"labels": dict(NEW_COLUMNS), **_OF_INCREMENTAL},
    )
    columns: list[ColumnWords] = Field(
        default=[],
        title=gettext_noop("Columns"),
        description=gettext_noop("What the columns mean; those left out are still published."),
    )
    checks: list[CheckRule] = Field(
        default=[], title=gettext_noop("Checks"), description=gettext_noop("What must hold for the new rows.")
    )
    dataset: DatasetWords = Field(default=DatasetWords(), title=gettext_noop("In the catalog"))
    follows_inputs: bool = Field(
        default=True,
        title=gettext_noop("Run after its inputs"),
        description=gettext_noop(
            "Start whenever the job that published a table it reads has succeeded; of a table that nobody "
            "has published yet, the jobs that have it as their target."
        ),
    )
    timeout: float = Field(
        default=1800.0,
        gt=0,
        le=86_400,
        title=gettext_noop("Time limit"),
        description=gettext_noop("Seconds that the SELECT may take."),
    )
    most_rows: int = Field(
        default=100_000_000,
        ge=1,
        title=gettext_noop("Row limit"),
        description=gettext_noop("More rows than this fail the run."),
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        chosen = self.materialization
        if problem := goes_with(self.incremental_column, choice=chosen, needed_for="incremental"):
            raise WrongField("incremental_column", problem)
        return self


@dataclass(frozen=True, slots=True)
class _Model:
    """The model as it may run now, with all that is known of its columns."""

    prepared: Prepared
    sources: Sources
    personal: frozenset[str]


class SqlModelRunner:
    """Lint the SELECT with its owner's rights, compute it apart, check the rows, publish them."""

    Config: type[BaseModel] = SqlModelConfig
    label = _("SQL model")
    icon = "data"
    # Its SELECT runs in a thread of its own that is confined; what publishes needs to write.
    confined = False
    docs = _(
        "Makes a table or view of one SELECT, checks it and publishes it. It reads what its owner may read, "
        "and the catalog shows which columns come from which."
    )

    def steps(self, job: Job) -> list[Step]:
        """Return the same four steps for every job."""
        return [
            Step("read", _("Read the SQL")),
            Step("compute", _("Compute")),
            Step("check", _("Check")),
            Step("publish", _("Publish")),
        ]

    def problems(self, config: dict[str, Any], reader: User) -> Iterator[tuple[str, str]]:
        """Refuse SQL that no run could take; whether its tables and columns are there its runs tell."""
        try:
            _require_names(config["sql"])
        except RefusedSql as error:
            yield "sql", said_of(error)
            return
        tree = select_of(config["sql"], dialect=DIALECT)
        if taken := tree.find(exp.Placeholder, exp.Parameter):
            yield (
                "sql",
                gettext("A model takes no parameters: write a value in place of ${name}.").format(
                    name=taken.name
                ),
            )
        if any(
            f"{table.db}.{table.name}".casefold() == config["target"] for table in tree.find_all(exp.Table)
        ):
            yield "sql", gettext("It reads {table}, which it makes itself.").format(table=config["target"])

    def hints(self, config: dict[str, Any], schema: dict[str, Any], reader: User) -> Iterator[str]:
        """Say what is not there now: another job may make it before this one runs."""
        try:
            prepare(config["sql"], dialect=DIALECT, tables=readable_tables(reader))
        except RefusedSql as error:
            text = gettext("It is stored, but as things are now a run would fail: {why}")
            yield text.format(why=said_of(error))

    def run(self, context: Context) -> dict[str, Any]:
        """Return the published dataset under ``published``."""
        config: SqlModelConfig = context.config
        require_table(config.target, key=context.job_key)
        with context.step("read"):
            model = _read(context)
        staging = context.folder / "staging"
        with context.warehouse() as writer, apart(write=[staging]) as there:
            reader = there(lambda: context.warehouse(read_only=True, folders=[staging]))
            with context.step("compute"):
                staged = _compute(context, there, reader, model)
            results: list[CheckResult] = []
            with context.step("check"):
                if staged is not None:
                    results = check_staged(context, there, reader, staged, config.checks)
            with context.step("publish"):
                view = config.materialization == "view"
                outputs = publish(
                    context,
                    there,
                    reader=reader,
                    writer=writer,
                    staged=StagedView(config.target, model.prepared.sql)
                    if view or staged is None
                    else staged,
                    landing=_landing(config, model),
                    results=results,
                )
            there(reader.close)
        return outputs

    def record(self, *, run: Run, outputs: dict[str, Any]) -> dict[str, Any]:
        """Register the dataset with its lineage in the catalog; the run keeps its key and counts."""
        return record_published(run=run, outputs=outputs)


def _read(context: Context) -> _Model:
    """Return the model judged by what its owner may read at this moment; raises ModelRefused."""
    config: SqlModelConfig = context.config
    job = Job.objects.select_related("owner").get(key=context.job_key)
    owner = job.owner
    if owner is None or not owner.is_active or not owner.may(Permission.RUN_SQL):
        raise ModelRefused(
            said("A model reads what its owner may read: give the job an owner who may run SQL.")
        )
    tables = readable_tables(owner)
    try:
        _require_names(config.sql)
        prepared = prepare(config.sql, dialect=DIALECT, tables=tables)
    except RefusedSql as error:
        raise ModelRefused(error.message, line=error.line, column=error.column) from error
    if config.target in prepared.tables:
        raise ModelRefused(said("The model reads %(table)s, which it makes itself.", table=config.target))
    context.log.info("reads %s", ", ".join(prepared.tables) or "no table")
    read: dict[str, ReadableTable] = {name: tables[name] for name in prepared.tables}
    sources = column_sources(prepared.sql, dialect=DIALECT, tables=read)
    return _Model(prepared, sources, _personal(sources, prepared))


def _require_names(sql: str) -> None:
    names = [name for name in select_of(sql, dialect=DIALECT).named_selects if name != "*"]
    if "" in names:
        raise RefusedSql(
            said("Column %(position)s has no name: write … AS name.", position=names.index("") + 1)
        )
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise RefusedSql(said("Two columns are called %(column)s: write … AS another name.", column=twice))


def _personal(sources: Sources, prepared: Prepared) -> frozenset[str]:
    """Return the output columns that are made from personal ones."""
    flagged = set(
        Column.objects.filter(dataset__physical_name__in=prepared.tables, personal=True).values_list(
            "dataset__physical_name", "name"
        )
    )
    return frozenset(name for name, made_from in sources.items() if flagged & set(made_from))


def _compute(context: Context, there: There, reader: Warehouse, model: _Model) -> StagedTable | None:
    """Stage the rows; of a view without checks only try the SELECT, and return None."""
    config: SqlModelConfig = context.config
    sql, view = model.prepared.sql, config.materialization == "view"
    if view and not config.checks:
        tried = f"SELECT * FROM ({sql}) AS model LIMIT 0"  # noqa: S608
        _stage(context, there, reader, tried)
        return None
    how = How()
    if config.materialization == "incremental":
        how = _how(config)
        sql = _only_newer(context, there, reader, sql)
    # One more than it may have: so it is known that there are more, and no more are written.
    limited = f"SELECT * FROM ({sql}) AS model LIMIT {config.most_rows + 1}"  # noqa: S608
    began = time.monotonic()
    staged = _stage(context, there, reader, limited)
    if staged.row_count > config.most_rows:
        raise ModelRefused(
            said(
                "The SELECT returns more than %(most)s rows, which is the job's limit.",
                most=f"{config.most_rows:,}",
            ),
            ErrorClass.BAD_INPUT,
        )
    names = {column.name for column in staged.columns}
    if how.columns and how.columns[0] not in names:
        raise ModelRefused(
            said(
                "The incremental column %(column)s is not among the columns of the SELECT.",
                column=how.columns[0],
            )
        )
    context.log.info("computed %s rows in %.2f s", f"{staged.row_count:,}", time.monotonic() - began)
    return StagedTable(
        target=staged.target, path=staged.path, columns=staged.columns, row_count=staged.row_count, how=how
    )


def _how(config: SqlModelConfig) -> How:
    mode: Literal["newer", "partition"] = "newer" if config.incremental_by == "watermark" else "partition"
    return How(mode=mode, columns=(config.incremental_column,), drift=config.new_columns)


def _only_newer(context: Context, there: There, reader: Warehouse, sql: str) -> str:
    """Return the SELECT of the rows above the target's highest, where there are any yet."""
    config: SqlModelConfig = context.config
    if config.incremental_by != "watermark" or config.target not in there(reader.tables):
        return sql
    column, target = quoted_name(config.incremental_column), quoted(config.target)
    highest = there(lambda: reader.query(f"SELECT max({column}) FROM {target}")).rows[0][0]  # noqa: S608
    context.log.info("the highest %s so far is %s", config.incremental_column, highest)
    if highest is None:
        return sql
    return f"SELECT * FROM ({sql}) AS model WHERE {column} > (SELECT max({column}) FROM {target})"  # noqa: S608


def _stage(context: Context, there: There, reader: Warehouse, sql: str) -> StagedTable:
    config: SqlModelConfig = context.config
    folder = context.folder / "staging"
    try:
        staged: StagedTable = there(
            lambda: reader.stage_query(sql, target=config.target, folder=folder, timeout=config.timeout)
        )
    except QueryFailed as error:
        raise ModelRefused(said_of(error), ErrorClass.BAD_INPUT) from error
    return staged


def _landing(config: SqlModelConfig, model: _Model) -> Landing:
    inputs = Dataset.objects.filter(physical_name__in=model.prepared.tables)
    keys = dict(inputs.values_list("physical_name", "asset__key"))
    return Landing(
        target=config.target,
        words=config.dataset,
        columns=config.columns,
        upstream=[("dataset", keys[name]) for name in model.prepared.tables if name in keys],
        made_from={
            name: [(keys[table], column) for table, column in made_from if table in keys]
            for name, made_from in model.sources.items()
        },
        personal=model.personal,
        restricted=inputs.exclude(asset__visibility=Visibility.COMPANY).exists(),
    )
