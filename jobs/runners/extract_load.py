"""The kind ``extract_load``: reads data from elsewhere, checks it, and publishes it in the lake."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Literal, Self

from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _
from pydantic import BaseModel, ConfigDict, Field, model_validator

from jobs.complaints import goes_with
from jobs.models import Job, Run
from jobs.runners.apart import There, apart
from jobs.runners.base import Context, Step
from jobs.runners.extraction.extracted import NULL
from jobs.runners.extraction.models import HttpApi, MySql, PostgreSql, tagged
from jobs.runners.extraction.reading import empty, extract
from jobs.runners.extraction.statements import names_partition
from jobs.runners.landing import (
    NEW_COLUMNS,
    DatasetWords,
    Landing,
    LoadedColumn,
    TargetName,
    check_staged,
    publish,
    record_published,
)
from jobs.runners.rules import CheckRule
from jobs.runners.sources import RefusedPath, find_files, plain_parts, source_folder
from jobs.runners.targets import require_table
from portal.said import said, said_of
from portal.warehouse.errors import MissingInput
from portal.warehouse.port import RUN_COLUMN, FileSource, How, SourceFile, StagedTable, Warehouse

_PLACE = "{partition}"
_PARAMETER: Final = "partition"


class WrongPartition(Exception):
    """The run does not say which partition it loads, or the source has no such column."""

    error_class = "settings"


_FORMATS: Final = {
    "csv": gettext_noop("CSV"),
    "parquet": gettext_noop("Parquet"),
    "json": gettext_noop("JSON"),
}
_MODES: Final = {
    "full": gettext_noop("Replace all rows"),
    "partition": gettext_noop("Replace the rows of the run's partition"),
    "upsert": gettext_noop("Replace rows with the same key, add the others"),
    "append": gettext_noop("Add the rows"),
}
# What the form shows only beside these choices.
_WRITTEN: Final = gettext_noop("How the file is written")
_OF_CSV: Final[dict[str, Any]] = {"when": {"format": ["csv"]}, "fold": _WRITTEN}
_OF_PARTITIONS: Final[dict[str, Any]] = {"when": {"mode": ["partition"]}}


class Files(BaseModel):
    """Files below the folder of source files (SOURCE_FOLDER)."""

    model_config = ConfigDict(extra="forbid", title=gettext_noop("Files in a folder"))

    type: Literal["files"] = Field(default="files", title=gettext_noop("Source"))
    path: str = Field(
        min_length=1,
        max_length=500,
        title=gettext_noop("Path"),
        description=gettext_noop(
            "A file, a folder or a pattern such as orders/2026-*.csv, below the folder of source files "
            "(SOURCE_FOLDER). {partition} stands for the run's partition."
        ),
        examples=["orders/*.csv"],
        json_schema_extra={"widget": "source_file"},
    )
    format: Literal["csv", "parquet", "json"] = Field(
        default="csv", title=gettext_noop("Format"), json_schema_extra={"labels": dict(_FORMATS)}
    )
    delimiter: str = Field(
        default=",",
        min_length=1,
        max_length=1,
        title=gettext_noop("Delimiter"),
        description=gettext_noop("CSV: what separates values."),
        json_schema_extra=_OF_CSV,
    )
    quote: str = Field(
        default='"',
        max_length=1,
        title=gettext_noop("Quote"),
        description=gettext_noop("CSV: what encloses texts."),
        json_schema_extra=_OF_CSV,
    )
    header: bool = Field(
        default=True,
        title=gettext_noop("Header"),
        description=gettext_noop("CSV: whether the first line names the columns."),
        json_schema_extra=_OF_CSV,
    )
    nulls: list[str] = Field(
        default=["", "NA", "NULL"],
        title=gettext_noop("Empty values"),
        description=gettext_noop("CSV: texts that stand for no value (NULL), one a line."),
        json_schema_extra={"widget": "nulls", **_OF_CSV},
    )
    encoding: Literal["utf-8", "utf-16", "latin-1", "cp1252", "cp949", "euc-kr", "shift_jis", "gb18030"] = (
        Field(
            default="utf-8",
            title=gettext_noop("Encoding"),
            description=gettext_noop("How the file's characters are written as bytes."),
            json_schema_extra={"fold": _WRITTEN},
        )
    )

    @model_validator(mode="after")
    def _inside(self) -> Self:
        try:
            plain_parts(self.path)
        except RefusedPath as error:
            raise ValueError(said_of(error)) from error
        return self


class ExtractLoadConfig(BaseModel):
    """Where the rows come from, which table they fill, and what must hold for them."""

    model_config = ConfigDict(extra="forbid")

    source: Files | PostgreSql | MySql | HttpApi = Field(title=gettext_noop("Source"), discriminator="type")
    target: TargetName
    columns: list[LoadedColumn] = Field(
        default=[],
        title=gettext_noop("Columns"),
        description=gettext_noop(
            "The columns the source must have, with their types. Without any, the first load looks at the "
            "values, and later loads keep to the types that it found."
        ),
    )
    mode: Literal["full", "partition", "upsert", "append"] = Field(
        default="full",
        title=gettext_noop("Mode"),
        description=gettext_noop("Added rows are marked with their run (_run_id)."),
        json_schema_extra={"labels": dict(_MODES)},
    )
    key: list[str] = Field(
        default=[],
        title=gettext_noop("Key"),
        description=gettext_noop("The columns that name a row, one a line."),
        json_schema_extra={"when": {"mode": ["upsert"]}, "needed": True},
    )
    partition_column: str = Field(
        default="",
        title=gettext_noop("Partition column"),
        description=gettext_noop("The column that tells partitions apart, such as a day."),
        json_schema_extra={**_OF_PARTITIONS, "needed": True},
    )
    partition_parameter: str = Field(
        default=_PARAMETER,
        pattern=r"^[a-z][a-z0-9_]*$",
        title=gettext_noop("Partition parameter"),
        description=gettext_noop("The parameter that names a run's partition. Each start must give it."),
        examples=["partition"],
        json_schema_extra=_OF_PARTITIONS,
    )
    new_columns: Literal["refuse", "add"] = Field(
        default="refuse",
        title=gettext_noop("New columns"),
        description=gettext_noop(
            "Where the source has more columns than the table. Added ones are empty in older rows."
        ),
        json_schema_extra={"labels": dict(NEW_COLUMNS)},
    )
    checks: list[CheckRule] = Field(
        default=[],
        title=gettext_noop("Checks"),
        description=gettext_noop("What must hold for the loaded rows."),
    )
    dataset: DatasetWords = Field(default=DatasetWords(), title=gettext_noop("In the catalog"))

    @model_validator(mode="before")
    @classmethod
    def _says_its_type(cls, config: Any) -> Any:
        return tagged(config)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if problem := goes_with(self.key, choice=self.mode, needed_for="upsert"):
            raise ValueError("key: " + problem)
        if problem := goes_with(self.partition_column, choice=self.mode, needed_for="partition"):
            raise ValueError("partition_column: " + problem)
        if self.mode != "partition" and _names_partition(self.source):
            raise ValueError("source: " + said("the partition in it needs the mode «partition»"))
        if isinstance(self.source, Files) and not self.source.header and not self.columns:
            raise ValueError("columns: " + said("without a header they must be declared"))
        names = [column.name.casefold() for column in self.columns]
        if len(names) != len(set(names)):
            raise ValueError("columns: " + said("each may be declared once"))
        if RUN_COLUMN in names:
            raise ValueError("columns: " + said("_run_id is the table's own column"))
        return self


class ExtractLoadRunner:
    """Stage the rows apart, put the checks to them, publish them in one transaction."""

    Config: type[BaseModel] = ExtractLoadConfig
    label = _("Extract and load")
    icon = "source"
    confined = False
    docs = _(
        "Reads files, databases and APIs into the lake. Rows are staged and checked first; only when all "
        "blocking checks pass are they published, all at once."
    )

    def steps(self, job: Job) -> list[Step]:
        """Return the same four steps for every job."""
        return [
            Step("extract", _("Extract")),
            Step("stage", _("Stage")),
            Step("check", _("Check")),
            Step("publish", _("Publish")),
        ]

    def needed_parameters(self, config: dict[str, Any]) -> dict[str, Any]:
        """Return the parameter that names the partition, where there is one."""
        if config.get("mode") != "partition":
            return {}
        name = str(config.get("partition_parameter") or _PARAMETER)
        return {name: {"type": "string", "minLength": 1, "maxLength": 100}}

    def hints(self, config: dict[str, Any]) -> Iterator[str]:
        """Say that no file lies at the path now; with a partition in it nobody knows the path yet."""
        source = ExtractLoadConfig.model_validate(config).source
        if not isinstance(source, Files) or _PLACE in source.path:
            return
        try:
            find_files(source.path, file_format=source.format)
        except (MissingInput, RefusedPath, OSError):
            text = gettext(
                "Nothing lies at {path} now. Put the files there before it runs, or mend the path."
            )
            yield text.format(path=source.path)

    def run(self, context: Context) -> dict[str, Any]:
        """Return the published dataset under ``published``, and how many rows were loaded."""
        config: ExtractLoadConfig = context.config
        require_table(config.target, key=context.job_key)
        partition = _partition(context)
        with context.warehouse() as writer:
            known = _known(writer, config.target)
            with context.step("extract"):
                source = _source(context, known, partition)
            staging = context.folder / "staging"
            read = source_folder() if isinstance(config.source, Files) else _copies(context)
            with apart(read=[read], write=[staging]) as there:
                reader = there(lambda: context.warehouse(read_only=True, folders=[read, staging]))
                with context.step("stage"):
                    staged = _stage(context, there, reader, source, partition)
                with context.step("check"):
                    results = check_staged(context, there, reader, staged, config.checks)
                with context.step("publish"):
                    outputs = publish(
                        context,
                        there,
                        reader=reader,
                        writer=writer,
                        staged=staged,
                        landing=Landing(
                            target=config.target,
                            words=config.dataset,
                            columns=config.columns,
                            upstream=[("source", _upstream(config.source))],
                        ),
                        results=results,
                    )
                there(reader.close)
        return outputs

    def record(self, *, run: Run, outputs: dict[str, Any]) -> dict[str, Any]:
        """Register the dataset in the catalog; the run keeps its key and counts."""
        return record_published(run=run, outputs=outputs)


def _partition(context: Context) -> str | None:
    config: ExtractLoadConfig = context.config
    if config.mode != "partition":
        return None
    name = config.partition_parameter
    value = context.params.get(name)
    if value is None or str(value) == "":
        message = said("The run needs the parameter «%(name)s»: which partition to load.", name=name)
        raise WrongPartition(message)
    return str(value)


def _known(warehouse: Warehouse, target: str) -> dict[str, str]:
    """Return the columns of the target as the last load left them; none before the first."""
    if target not in warehouse.tables():
        return {}
    return {each.name: each.data_type for each in warehouse.columns(target) if each.name != RUN_COLUMN}


def _source(context: Context, known: dict[str, str], partition: str | None) -> FileSource:
    config: ExtractLoadConfig = context.config
    declared = {column.name: column.type for column in config.columns}
    # What an earlier load found is what later ones must keep to.
    wanted, adds = declared or known, config.new_columns == "add"
    added = {RUN_COLUMN: ("VARCHAR", str(context.run_id))} if config.mode == "append" else {}
    if isinstance(config.source, Files):
        source = _file_source(context, config.source, partition)
        return replace(source, columns=wanted, add_columns=adds, added=added)
    found = extract(
        context,
        config.source,
        partition=partition,
        column=config.partition_column,
        folder=_copies(context),
    )
    if found.format == "json" and not found.rows:
        found = empty(config.source, found, list(wanted))
    if not wanted or adds:
        # A database tells its types; nobody has to guess them from the values.
        wanted = {**found.columns, **wanted}
    return FileSource(
        files=(SourceFile(config.source.place, found.path),),
        format=found.format,
        columns=wanted,
        add_columns=adds,
        added=added,
        nulls=(NULL,),
        own=True,
    )


def _file_source(context: Context, source: Files, partition: str | None) -> FileSource:
    path = source.path.replace(_PLACE, partition or "")
    files = find_files(path, file_format=source.format)
    total = sum(file.path.stat().st_size for file in files)
    counted = "1 file" if len(files) == 1 else f"{len(files):,} files"
    context.log.info("%s: %s, %s bytes", path, counted, f"{total:,}")
    return FileSource(
        files=files,
        format=source.format,
        delimiter=source.delimiter,
        quote=source.quote,
        header=source.header,
        nulls=tuple(source.nulls),
        encoding=source.encoding,
    )


def _copies(context: Context) -> Path:
    """Return the folder that the rows of a database or an API are copied to."""
    return context.folder / "extracted"


def _names_partition(source: Files | PostgreSql | MySql | HttpApi) -> bool:
    if isinstance(source, Files):
        return _PLACE in source.path
    if isinstance(source, HttpApi):
        return _PLACE in source.url
    return bool(source.sql) and names_partition(source.sql, dialect=source.dialect)


def _upstream(source: Files | PostgreSql | MySql | HttpApi) -> str:
    """Return what the catalog calls the source."""
    path = source.path if isinstance(source, Files) else source.place
    return f"{source.type}/{path}"[:200]


def _stage(
    context: Context, there: There, reader: Warehouse, source: FileSource, partition: str | None
) -> StagedTable:
    config: ExtractLoadConfig = context.config
    began = time.monotonic()
    folder = context.folder / "staging"
    staged: StagedTable = there(lambda: reader.stage_files(source, target=config.target, folder=folder))
    context.log.info("staged %s rows in %.2f s", f"{staged.row_count:,}", time.monotonic() - began)
    if not source.columns:
        found = ", ".join(f"{column.name} {column.data_type}" for column in staged.columns)
        context.log.info("found these columns: %s", found)
    columns = tuple(config.key) or ((config.partition_column,) if config.partition_column else ())
    for name in columns:
        if name not in {column.name for column in staged.columns}:
            message = said(
                "The column «%(column)s» of the job's configuration is not in the source.", column=name
            )
            raise WrongPartition(message)
    how = How(mode=config.mode, columns=columns, value=partition, drift=config.new_columns)
    return StagedTable(
        target=staged.target,
        path=staged.path,
        columns=staged.columns,
        row_count=staged.row_count,
        files=staged.files,
        how=how,
    )
