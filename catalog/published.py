"""What a run tells the catalog: the datasets it published and the metrics it refreshed.

These shapes cross the pipe between a run's body and its supervisor as JSON, so they hold plain values only.
"""

import datetime as dt
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

PlainKey = Annotated[str, Field(min_length=1, max_length=200)]
Node = tuple[Literal["source", "job", "dataset", "metric"], PlainKey]


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PublishedColumn(_Shape):
    """A column as published: its meaning, and its profile without anything personal.

    ``minimum`` and ``maximum`` are texts ("" where there are none or they would identify somebody);
    ``histogram`` holds at most 12 relative heights between 0 and 1. ``made_from`` names the columns (dataset,
    column) that its values come from, where that is known.
    """

    name: str = Field(min_length=1, max_length=200)
    data_type: str = Field(min_length=1, max_length=100)
    description_en: str = ""
    description_ko: str = ""
    personal: bool = False
    null_fraction: float | None = Field(default=None, ge=0, le=1)
    distinct_count: int | None = Field(default=None, ge=0)
    minimum: str = Field(default="", max_length=200)
    maximum: str = Field(default="", max_length=200)
    histogram: list[float] = Field(default=[], max_length=12)
    made_from: list[tuple[PlainKey, PlainKey]] = []


class PublishedCheck(_Shape):
    """One check of the data before it was published; ``observed`` and ``expected`` are for people to read.

    A failed check that is not ``blocking`` is a warning: the data were published all the same. ``job`` is the
    one that has put it to the published rows; "" for the checks of the publish itself.
    """

    name: str
    passed: bool
    blocking: bool = True
    observed: str = ""
    expected: str = ""
    job: str = Field(default="", max_length=100)


class PublishedSample(_Shape):
    """Some rows for the preview, personal values already masked; every cell is a plain JSON value."""

    columns: list[str] = []
    rows: list[list[Any]] = []


class PublishedDataset(_Shape):
    """A table that a run has just published, with all that the catalog shows of it.

    ``restricted`` says that not everybody may see what it is made from: a new dataset begins as its team's.
    """

    key: PlainKey
    name_en: str = Field(min_length=1, max_length=200)
    name_ko: str = Field(default="", max_length=200)
    description_en: str = ""
    description_ko: str = ""
    physical_name: str = Field(min_length=1, max_length=200)
    columns: list[PublishedColumn] = Field(min_length=1)
    row_count: int = Field(ge=0)
    snapshot: int | None = None
    sample: PublishedSample = PublishedSample()
    checks: list[PublishedCheck] = []
    upstream: list[Node] = []
    fresh_within_seconds: int | None = Field(default=None, ge=1)
    tags: list[str] = []
    synonyms: list[str] = []
    owner_email: str | None = None
    team_key: str | None = None
    restricted: bool = False


class RefreshedPoint(_Shape):
    """The value over one period; ``sample`` is how many rows it rests on."""

    starts_on: dt.date
    value: float | None
    sample: int | None = None


class RefreshedEvidence(_Shape):
    """How the series was computed; the fields of ``portal.evidence.models.Evidence``."""

    sql: str
    parameters: dict[str, Any] = {}
    dialect: str
    engine: str
    snapshot: int | None
    tables: list[str] = []
    definition_hash: str
    row_count: int = Field(ge=0)
    result_hash: str = Field(min_length=64, max_length=64)
    duration_ms: int = Field(ge=0)


class RefreshedSeries(_Shape):
    """All points of one grain, computed by one query."""

    grain: Literal["day", "week", "month"]
    points: list[RefreshedPoint]
    evidence: RefreshedEvidence


class RefreshedChart(_Shape):
    """The series of one grain, drawn."""

    grain: Literal["day", "week", "month"]
    language: Literal["en", "ko"]
    layout: Literal["wide", "narrow"]
    svg: str


class RefreshedMetric(_Shape):
    """A metric whose series a run has just computed, by version ``version`` of its definition."""

    key: PlainKey
    version: int = Field(ge=1)
    series: list[RefreshedSeries]
    charts: list[RefreshedChart] = []
