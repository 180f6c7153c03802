"""The kind ``extract_load``: reads data from elsewhere, checks it, and publishes it in the lake."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from pydantic import BaseModel

from jobs.models import Job, Run
from jobs.runners.apart import There, apart
from jobs.runners.base import Context, Step
from jobs.runners.extraction.extracted import NULL
from jobs.runners.extraction.models import HttpApi, MySql, PostgreSql
from jobs.runners.extraction.reading import empty, extract
from jobs.runners.landing import (
    Landing,
    check_staged,
    publish,
    record_published,
)
from jobs.runners.load_config import PARAMETER, PLACE, ExtractLoadConfig, Files
from jobs.runners.sources import RefusedPath, find_files, source_folder
from jobs.runners.targets import require_table
from portal.accounts.models import User
from portal.said import said
from portal.warehouse.errors import MissingInput
from portal.warehouse.port import RUN_COLUMN, FileSource, How, SourceFile, StagedTable, Warehouse


class WrongPartition(Exception):
    """The run does not say which partition it loads, or the source has no such column."""

    error_class = "settings"


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
        name = str(config.get("partition_parameter") or PARAMETER)
        return {name: {"type": "string", "minLength": 1, "maxLength": 100}}

    def hints(self, config: dict[str, Any], schema: dict[str, Any], reader: User) -> Iterator[str]:
        """Say that no file lies at the path now; with a partition in it nobody knows the path yet."""
        source = ExtractLoadConfig.model_validate(config).source
        if not isinstance(source, Files) or PLACE in source.path:
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
    path = source.path.replace(PLACE, partition or "")
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
