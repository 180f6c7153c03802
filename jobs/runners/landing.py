"""What kinds that fill a table have in common: its texts, its checks, its publish, and the catalog's rows."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from catalog.actions.datasets import record_publish
from catalog.models import Column
from catalog.published import Node, PublishedColumn, PublishedDataset, PublishedSample
from jobs.models import Run
from jobs.runners.apart import There
from jobs.runners.base import Context
from jobs.runners.rules import CheckRule, checks_of, published_checks
from portal.audit.actions import Actor
from portal.said import said
from portal.warehouse import checks
from portal.warehouse.port import (
    Check,
    CheckResult,
    ColumnProfile,
    Publishable,
    StagedTable,
    Table,
    Warehouse,
)

_RESERVED = frozenset(
    {"publish_ledger", "information_schema", "pg_catalog", "main", "temp", "system", "lake"}
)


def free_schema(name: str) -> str:
    """Return a name whose schema is not the warehouse's own; raises ValueError."""
    schema = name.split(".", maxsplit=1)[0]
    if schema in _RESERVED:
        message = said("the schema %(schema)s is the warehouse's own; choose another one", schema=schema)
        raise ValueError(message)
    return name


# A key of the catalog and a table of the lake at once.
TargetName = Annotated[
    str,
    Field(
        pattern=r"^[a-z][a-z0-9_]{0,62}\.[a-z][a-z0-9_]{0,62}$",
        title=gettext_noop("Target table"),
        description=gettext_noop(
            "The table that is filled, as schema.table in small letters; also the dataset's key."
        ),
        examples=["sales.orders"],
    ),
    # Behind the pattern: in front of it the schema has no pattern, and no form could say it by the example.
    AfterValidator(free_schema),
]


# What happens to columns that the table has not.
NEW_COLUMNS: Final = {
    "refuse": gettext_noop("The run fails"),
    "add": gettext_noop("They are added"),
}


class ColumnWords(BaseModel):
    """What a column means."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=200, title=gettext_noop("Column"))
    personal: bool | None = Field(
        default=None,
        title=gettext_noop("Personal data"),
        description=gettext_noop(
            "Tick it where the column identifies people; else its name and values are judged."
        ),
    )
    description_en: str = Field(default="", max_length=1000, title=gettext_noop("Meaning in English"))
    description_ko: str = Field(default="", max_length=1000, title=gettext_noop("Meaning in Korean"))


_TYPES: Final = re.compile(
    r"BOOLEAN|TINYINT|SMALLINT|INTEGER|BIGINT|FLOAT|DOUBLE|DECIMAL\(\d{1,2}, ?\d{1,2}\)|VARCHAR"
    r"|DATE|TIME|TIMESTAMP|TIMESTAMPTZ|JSON"
)
_OTHER_NAMES: Final = {
    "TEXT": "VARCHAR",
    "STRING": "VARCHAR",
    "INT": "INTEGER",
    "BOOL": "BOOLEAN",
    # Rows are staged in Parquet, which would round it.
    "HUGEINT": "DECIMAL(38,0)",
}


def _type(given: str) -> str:
    """Return a type as DuckDB writes it, whatever its letters' case; raises ValueError for another word."""
    word = given.strip().upper()
    name = _OTHER_NAMES.get(word, word)
    if not _TYPES.fullmatch(name):
        raise ValueError(
            _("It takes one of: {expected}.").format(
                expected="BOOLEAN, INTEGER, BIGINT, DOUBLE, DECIMAL(18,2), VARCHAR, DATE, TIME, TIMESTAMP, "
                "TIMESTAMPTZ, JSON"
            )
        )
    return name


class LoadedColumn(ColumnWords):
    """A column that the source must have."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"x-order": ["name", "type"]})

    type: Annotated[str, AfterValidator(_type)] = Field(
        title=gettext_noop("Type"),
        description=gettext_noop(
            "BOOLEAN, INTEGER, BIGINT, DOUBLE, DECIMAL(18,2), VARCHAR, DATE, TIMESTAMPTZ, JSON …"
        ),
    )


# The form shows these when somebody asks for them.
_FOLDED: Final[dict[str, Any]] = {"fold": gettext_noop("Its names, description, tags and freshness")}


class DatasetWords(BaseModel):
    """What the catalog says about the table, until somebody describes it there."""

    model_config = ConfigDict(extra="forbid")

    name_en: str = Field(
        default="", max_length=200, title=gettext_noop("Name in English"), json_schema_extra=_FOLDED
    )
    name_ko: str = Field(
        default="", max_length=200, title=gettext_noop("Name in Korean"), json_schema_extra=_FOLDED
    )
    description_en: str = Field(
        default="", title=gettext_noop("Description in English"), json_schema_extra=_FOLDED
    )
    description_ko: str = Field(
        default="", title=gettext_noop("Description in Korean"), json_schema_extra=_FOLDED
    )
    tags: list[str] = Field(default=[], title=gettext_noop("Tags"), json_schema_extra=_FOLDED)
    fresh_within_hours: float | None = Field(
        default=None,
        gt=0,
        title=gettext_noop("Fresh within"),
        description=gettext_noop("Hours after which it counts as out of date."),
        json_schema_extra=_FOLDED,
    )


@dataclass(frozen=True, slots=True)
class Landing:
    """A table on its way into the lake: what is known of it besides its rows.

    ``made_from`` names for a column the columns (dataset, column) that its values come from; ``personal`` are
    columns made from personal ones, ``restricted`` says that it comes from what not everybody may see.
    """

    target: str
    words: DatasetWords
    columns: Sequence[ColumnWords]
    upstream: Sequence[Node]
    made_from: Mapping[str, Sequence[tuple[str, str]]] = field(default_factory=dict)
    personal: frozenset[str] = frozenset()
    restricted: bool = False

    @property
    def judged(self) -> dict[str, bool]:
        """Of columns whether they identify people, as far as somebody has said so."""
        judged = {each.name: each.personal for each in self.columns if each.personal is not None}
        return {**dict.fromkeys(self.personal, True), **judged}


def put_checks(
    context: Context,
    there: There,
    reader: Warehouse,
    source: StagedTable | str,
    wanted: Sequence[Check],
    *,
    snapshot: int | None = None,
) -> list[CheckResult]:
    """Put the checks, of a published table as of a snapshot; log how each went, and return the results."""
    together = [check for check in wanted if check.of_each_row]
    turns = [together, *([check] for check in wanted if not check.of_each_row)]
    results: dict[str, CheckResult] = {}
    for turn in turns:
        for result in there(lambda turn=turn: reader.check(source, turn, snapshot=snapshot)):  # type: ignore[misc]
            results[result.name] = result
            say = context.log.info if result.passed else context.log.warning
            place = f" (first at {result.file}, line {result.line})" if result.line else ""
            say("%s: %s", result.name, "passed" if result.passed else f"found {result.observed}{place}")
            context.progress(len(results) / len(wanted), result.name)
    return [results[check.name] for check in wanted]


def check_staged(
    context: Context,
    there: There,
    reader: Warehouse,
    staged: StagedTable,
    rules: Sequence[CheckRule],
) -> list[CheckResult]:
    """Put to staged rows what its way into the target needs, and what the rules say; raises CheckFailed."""
    wanted = _needed(staged)
    known = {check.name for check in wanted}
    wanted += [
        check for check in checks_of(rules, staged.columns, dialect=reader.dialect) if check.name not in known
    ]
    results = put_checks(context, there, reader, staged, wanted)
    checks.require(staged.target, results)
    return results


def _needed(staged: StagedTable) -> list[Check]:
    how = staged.how
    kinds = {column.name: column.data_type for column in staged.columns}
    needed = [checks.not_null(name) for name in how.columns]
    if how.mode == "upsert":
        needed.append(checks.unique(*how.columns))
    if how.mode == "partition" and how.value is not None:
        needed.append(checks.in_partition(how.columns[0], how.value, kinds[how.columns[0]]))
    return needed


@dataclass(frozen=True, slots=True)
class Part:
    """One of the tables that are published together, with what was found when it was checked."""

    staged: Publishable
    landing: Landing
    results: Sequence[CheckResult] = ()


def publish(
    context: Context,
    there: There,
    *,
    reader: Warehouse,
    writer: Warehouse,
    staged: Publishable,
    landing: Landing,
    results: Sequence[CheckResult],
) -> dict[str, Any]:
    """Publish, and return the outputs that ``record`` takes up."""
    return publish_all(context, there, reader=reader, writer=writer, parts=[Part(staged, landing, results)])


def publish_all(
    context: Context, there: There, *, reader: Warehouse, writer: Warehouse, parts: Sequence[Part]
) -> dict[str, Any]:
    """Publish all of them in one transaction, and return the outputs that ``record`` takes up."""
    described = [_described_early(there, reader, part) for part in parts]
    context.progress(None, ", ".join(part.staged.target for part in parts))
    snapshot = writer.publish(
        [part.staged for part in parts], run_id=str(context.run_id), fence=context.fence
    )
    published, loaded = [], 0
    for part, early in zip(parts, described, strict=True):
        target = part.staged.target
        profiles, sample = early or _described_late(context, there, reader, part.landing)
        rows = there(lambda target=target: reader.row_count(target))  # type: ignore[misc]
        context.log.info("published %s as snapshot %d: %s rows", target, snapshot, f"{rows:,}")
        published.append(
            _published(part.landing, profiles, sample, part.results, rows=rows, snapshot=snapshot)
        )
        loaded += part.staged.row_count if isinstance(part.staged, StagedTable) else rows
    return {
        "published": [each.model_dump(mode="json") for each in published],
        "rows": loaded,
        "snapshot": snapshot,
    }


def _described_early(there: There, reader: Warehouse, part: Part) -> tuple[list[ColumnProfile], Table] | None:
    """Describe before the publish what replaces all rows, so that whatever goes wrong leaves the old ones."""
    staged = part.staged
    if not isinstance(staged, StagedTable) or staged.how.mode != "full":
        return None
    found: tuple[list[ColumnProfile], Table] = there(lambda: _describe(reader, staged, part.landing))
    return found


def _described_late(
    context: Context, there: There, reader: Warehouse, landing: Landing
) -> tuple[list[ColumnProfile], Table]:
    """Describe a table as it stands; where that fails say only which columns there are."""
    target = landing.target
    try:
        found: tuple[list[ColumnProfile], Table] = there(lambda: _describe(reader, target, landing))
    except Exception as error:
        # The rows are published: a run that failed now would be told as one that changed nothing.
        context.log.warning("%s is published, but could not be described: %s", target, error)
    else:
        return found
    known = Column.objects.filter(dataset__physical_name=target).values_list("name", "personal")
    # Nobody has looked into the other columns, so they count as personal until somebody does.
    judged = {**dict(known), **landing.judged}
    columns = [
        ColumnProfile(each.name, each.data_type, judged.get(each.name, True), None, None)
        for each in there(lambda: reader.columns(target))
    ]
    return columns, Table(columns=(), rows=[])


def record_published(*, run: Run, outputs: dict[str, Any]) -> dict[str, Any]:
    """Take the published datasets up into the catalog; the run keeps keys and counts.

    They are owned as the run says, else as the job is.
    """
    job = run.job
    owner, team = job.owner.email if job.owner else None, job.team.key if job.team else None
    published = [
        each.model_copy(
            update={
                "owner_email": each.owner_email or owner,
                "team_key": each.team_key or team,
                "restricted": each.restricted or job.private,
            }
        )
        for each in map(PublishedDataset.model_validate, outputs.pop("published", []))
    ]
    # All at once: what a job reads and makes is known only from all its datasets together.
    record_publish(published=published, job_key=job.key, run_id=run.pk, by=Actor.system(job.key))
    outputs["datasets"] = [
        {"key": each.key, "row_count": each.row_count, "snapshot": each.snapshot} for each in published
    ]
    return outputs


def _describe(
    reader: Warehouse, source: StagedTable | str, landing: Landing
) -> tuple[list[ColumnProfile], Table]:
    profiles = reader.profile(source, personal=landing.judged)
    judged = {each.name: each.personal for each in profiles}
    return profiles, reader.sample(source, limit=20, personal=judged)


def _published(
    landing: Landing,
    profiles: Sequence[ColumnProfile],
    sample: Table,
    results: Sequence[CheckResult],
    *,
    rows: int,
    snapshot: int,
) -> PublishedDataset:
    words, meanings = landing.words, {each.name: each for each in landing.columns}
    hours = words.fresh_within_hours
    return PublishedDataset(
        key=landing.target,
        name_en=words.name_en or landing.target,
        name_ko=words.name_ko,
        description_en=words.description_en,
        description_ko=words.description_ko,
        physical_name=landing.target,
        columns=[
            PublishedColumn(
                name=profile.name,
                data_type=profile.data_type,
                description_en=meanings[profile.name].description_en if profile.name in meanings else "",
                description_ko=meanings[profile.name].description_ko if profile.name in meanings else "",
                personal=profile.personal,
                null_fraction=profile.null_fraction,
                distinct_count=profile.distinct_count,
                minimum=profile.minimum,
                maximum=profile.maximum,
                histogram=profile.histogram,
                made_from=list(landing.made_from.get(profile.name, ())),
            )
            for profile in profiles
        ],
        row_count=rows,
        snapshot=snapshot,
        sample=PublishedSample(columns=list(sample.columns), rows=[list(row) for row in sample.rows]),
        checks=published_checks(results),
        upstream=list(landing.upstream),
        fresh_within_seconds=round(hours * 3600) if hours else None,
        tags=words.tags,
        restricted=landing.restricted,
    )
