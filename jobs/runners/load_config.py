"""What a job of the kind ``extract_load`` is told: where its rows come from, and which table they fill."""

from typing import Any, Final, Literal, Self

from django.utils.translation import gettext_noop
from pydantic import BaseModel, ConfigDict, Field, model_validator

from jobs.complaints import goes_with
from jobs.runners.extraction.models import HttpApi, MySql, PostgreSql, tagged
from jobs.runners.extraction.statements import names_partition
from jobs.runners.landing import NEW_COLUMNS, DatasetWords, LoadedColumn, TargetName
from jobs.runners.rules import CheckRule
from jobs.runners.sources import RefusedPath, plain_parts
from portal.said import said, said_of
from portal.warehouse.port import RUN_COLUMN

PLACE: Final = "{partition}"
PARAMETER: Final = "partition"
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
            json_schema_extra={"when": {"format": ["csv", "json"]}, "fold": _WRITTEN},
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
        default=PARAMETER,
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


def _names_partition(source: Files | PostgreSql | MySql | HttpApi) -> bool:
    if isinstance(source, Files):
        return PLACE in source.path
    if isinstance(source, HttpApi):
        return PLACE in source.url
    return bool(source.sql) and names_partition(source.sql, dialect=source.dialect)
