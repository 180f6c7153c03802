"""The configuration of a report: texts, queries and metrics, and who is told of an edition."""

from collections import Counter
from typing import Annotated, Any, Final, Literal, Self

from django.utils.translation import gettext_noop
from pydantic import BaseModel, ConfigDict, Field, model_validator

from portal.said import said
from portal.ui.result_chart import ChartChoice

MOST_SECTIONS = 20
MOST_COLUMNS = 40
Language = Literal["en", "ko"]
Title = Annotated[str, Field(max_length=200)]
Email = Annotated[
    str, Field(min_length=3, max_length=254, pattern=r"^[^@\s]+@[^@\s]+$", examples=["ada@example.com"])
]
TeamKey = Annotated[str, Field(min_length=1, max_length=50)]
ParameterName = Annotated[str, Field(pattern=r"^[A-Za-z_]\w{0,62}$", examples=["since_day"])]
ParameterValue = str | bool | int | float | list[str]
Format = Literal["usual", "whole", "decimals", "percent", "plain"]
MetricChart = Literal["usual", "line", "bar", "none"]
FORMATS: Final = {
    "usual": gettext_noop("As it comes"),
    "whole": gettext_noop("Whole number"),
    "decimals": gettext_noop("Two decimals"),
    "percent": gettext_noop("Percent of a share from 0 to 1"),
    "plain": gettext_noop("Digits without grouping"),
}
_CHARTS: Final = {
    "usual": gettext_noop("As the catalog draws it"),
    "line": gettext_noop("Lines"),
    "bar": gettext_noop("Bars"),
    "none": gettext_noop("No chart"),
}
_GRAINS: Final = {
    "day": gettext_noop("Day"),
    "week": gettext_noop("Week"),
    "month": gettext_noop("Month"),
}
_TITLE: Final = gettext_noop("Title")
_TITLE_KO: Final = gettext_noop("Korean title")
# The form shows these when somebody asks for them.
_LIMITS: Final[dict[str, Any]] = {"fold": gettext_noop("Kept editions and time limit")}


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _titled(title: str) -> ConfigDict:
    """Return the settings of a shape that the form calls by this name."""
    return ConfigDict(extra="forbid", frozen=True, title=title)


class TextSection(_Shape):
    """Words, in markdown."""

    model_config = _titled(gettext_noop("Text"))

    kind: Literal["text"] = "text"
    title_en: Title = Field(default="", title=_TITLE)
    title_ko: Title = Field(default="", title=_TITLE_KO)
    text_en: str = Field(
        default="",
        max_length=20_000,
        title=gettext_noop("Text in markdown"),
        json_schema_extra={"widget": "markdown"},
    )
    text_ko: str = Field(
        default="",
        max_length=20_000,
        title=gettext_noop("Korean text"),
        json_schema_extra={"widget": "markdown"},
    )

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not (self.text_en.strip() or self.text_ko.strip()):
            raise ValueError(said("a section of text needs text_en or text_ko"))
        return self

    @property
    def name(self) -> str:
        """What tells it from the other sections, from one edition to the next."""
        return f"text:{self.title_en or self.title_ko}"


class ShownColumn(_Shape):
    """A column of the result that the table shows, under which name and how."""

    name: str = Field(min_length=1, max_length=200, title=gettext_noop("Column"))
    title_en: Title = Field(default="", title=gettext_noop("Heading"))
    title_ko: Title = Field(default="", title=gettext_noop("Korean heading"))
    format: Format = Field(
        default="usual", title=gettext_noop("Format"), json_schema_extra={"labels": dict(FORMATS)}
    )


class QuerySection(_Shape):
    """One SELECT with bound parameters, shown as a table, a chart or both."""

    model_config = _titled(gettext_noop("Query"))

    kind: Literal["query"] = "query"
    title_en: str = Field(min_length=1, max_length=200, title=_TITLE)
    title_ko: Title = Field(default="", title=_TITLE_KO)
    sql: str = Field(
        min_length=1,
        max_length=100_000,
        title="SQL",
        description=gettext_noop("One SELECT; $name stands for a parameter of the report."),
        json_schema_extra={"widget": "sql"},
    )
    parameters: dict[ParameterName, ParameterValue] = Field(
        default={},
        max_length=30,
        title=gettext_noop("Values of its own"),
        description=gettext_noop(
            'As JSON, such as {"minutes": 15}; a parameter of the report by the same name counts more.'
        ),
    )
    chart: ChartChoice = Field(default=ChartChoice(), title=gettext_noop("Chart"))
    no_table: bool = Field(default=False, title=gettext_noop("Leave the table out"))
    columns: list[ShownColumn] = Field(
        default=[],
        max_length=MOST_COLUMNS,
        title=gettext_noop("Column of the table"),
        description=gettext_noop("None: all columns as they come."),
    )

    @model_validator(mode="after")
    def _shows_something(self) -> Self:
        twice = [name for name, count in Counter(each.name for each in self.columns).items() if count > 1]
        if twice:
            raise ValueError(said("a column is chosen twice: %(columns)s", columns=", ".join(sorted(twice))))
        if self.no_table and self.chart.kind == "none":
            raise ValueError(said("a section of a query needs its table or a chart"))
        return self

    @property
    def name(self) -> str:
        """What tells it from the other sections, from one edition to the next."""
        return f"query:{self.title_en}"


class MetricSection(_Shape):
    """A metric of the catalog: the newest complete figure, its change, and the last periods."""

    model_config = _titled(gettext_noop("Metric"))

    kind: Literal["metric"] = "metric"
    metric: str = Field(
        min_length=1, max_length=200, title=gettext_noop("Metric"), json_schema_extra={"widget": "metric"}
    )
    grain: Literal["day", "week", "month"] | None = Field(
        default=None, title=gettext_noop("Length of a period"), json_schema_extra={"labels": dict(_GRAINS)}
    )
    periods: int = Field(default=13, ge=2, le=400, title=gettext_noop("Periods of its chart"))
    chart: MetricChart = Field(
        default="usual", title=gettext_noop("Chart"), json_schema_extra={"labels": dict(_CHARTS)}
    )

    @property
    def name(self) -> str:
        """What tells it from the other sections, from one edition to the next."""
        return f"metric:{self.metric}:{self.grain or ''}"


Section = Annotated[TextSection | QuerySection | MetricSection, Field(discriminator="kind")]


class ReportConfig(_Shape):
    """What an edition holds and who is told of it; queries run with the rights of the job's owner."""

    title_en: str = Field(min_length=1, max_length=200, title=_TITLE)
    title_ko: Title = Field(default="", title=_TITLE_KO)
    sections: list[Section] = Field(min_length=1, max_length=MOST_SECTIONS, title=gettext_noop("Section"))
    people: list[Email] = Field(
        default=[],
        max_length=50,
        title=gettext_noop("People"),
        description=gettext_noop("Who gets each edition."),
        json_schema_extra={"widget": "people"},
    )
    teams: list[TeamKey] = Field(
        default=[],
        max_length=10,
        title=gettext_noop("Teams"),
        description=gettext_noop("Teams whose people get each edition."),
        json_schema_extra={"widget": "teams"},
    )
    attach: bool = Field(default=False, title=gettext_noop("Attach the PDF to the e-mail"))
    keep_editions: int = Field(
        default=60,
        ge=2,
        le=400,
        title=gettext_noop("Editions whose figures are kept"),
        json_schema_extra=_LIMITS,
    )
    timeout: float = Field(
        default=60.0,
        gt=0,
        le=600,
        title=gettext_noop("Seconds that one query may take"),
        json_schema_extra=_LIMITS,
    )

    @model_validator(mode="after")
    def _told_apart(self) -> Self:
        names = Counter(section.name for section in self.sections if not isinstance(section, TextSection))
        twice = sorted(name.partition(":")[2] for name, count in names.items() if count > 1)
        if twice:
            raise ValueError(
                said("two sections cannot be told apart: %(sections)s", sections=", ".join(twice))
            )
        return self
