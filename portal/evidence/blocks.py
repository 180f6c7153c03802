"""Cited evidence as its block shows it: what came out, how it came about, and what verifying has found."""

import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy

from portal.accounts.models import User
from portal.events import Node, Reference, nodes
from portal.evidence.models import Citation, Evidence, Result
from portal.evidence.verdicts import Judged, newest_verifications, under_way
from portal.ui import formats

# So many rows are shown at once, and so many more behind a toggle; the file has all that are kept.
SHOWN: Final = 20
MORE: Final = 200
# Below this four decimals would say too little.
_SMALL: Final = 0.1
NOTHING: Final = SafeString()
# What the page calls the columns that the series of a metric is kept with.
_SERIES: Final = {
    "period": gettext_lazy("Period"),
    "value": gettext_lazy("Value"),
    "sample": gettext_lazy("Sample"),
}
_NUMERIC = re.compile(r"(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|DECIMAL|DOUBLE|FLOAT|REAL)\b")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table; ``heading`` is what the page calls it where that is not its name."""

    name: str
    type: str
    numeric: bool
    heading: str = ""


@dataclass(frozen=True, slots=True)
class ShownTable:
    """The kept rows: each a list of (value, whether it is a number)."""

    columns: list[Column]
    head: list[list[tuple[Any, bool]]]
    more: list[list[tuple[Any, bool]]]
    kept: int


@dataclass(frozen=True, slots=True)
class Read:
    """A table that the query reads, with its dataset where the reader may know of it."""

    name: str
    node: Node | None


@dataclass(frozen=True, slots=True)
class Origin:
    """What the owner of the tables knows of one: the thing in the catalog, and its newest snapshot."""

    reference: Reference
    snapshot: int | None


@dataclass(frozen=True, slots=True)
class Block:
    """One cited evidence; ``hidden``: it reads data they may not see, so nothing but its title is shown.

    ``url`` is where its part, its file and its verification are found.
    """

    citation: Citation
    evidence: Evidence
    hidden: bool
    url: str
    table: ShownTable | None = None
    wide: SafeString = NOTHING
    narrow: SafeString = NOTHING
    reads: list[Read] = field(default_factory=list)
    parameters: list[tuple[str, str]] = field(default_factory=list)
    judged: Judged | None = None
    under_way: Node | None = None

    @property
    def is_open(self) -> bool:
        """Whether a verification is under way."""
        return self.under_way is not None and self.under_way.is_open


def blocks(
    citations: Iterable[Citation],
    *,
    reader: User,
    origins: Mapping[str, Origin],
    url: Callable[[Citation], str],
    hidden: Collection[str],
) -> list[Block]:
    """Return the blocks of citations (with evidence and result loaded) for one reader; four queries or less.

    ``origins`` are the tables («schema.name») that the reader may see, ``hidden`` those that they may not.
    """
    cited = list(citations)
    shown = [each for each in cited if not set(hidden).intersection(each.evidence.tables)]
    evidence = [each.evidence_id for each in shown]
    verifications = newest_verifications(evidence)
    running = under_way(evidence, reader)
    known = nodes.resolve([origin.reference for origin in origins.values()], reader)
    found: dict[int, Block] = {}
    for each in shown:
        result = each.evidence.result if hasattr(each.evidence, "result") else None
        drawn = drawn_of(result.charts if result else {})
        found[each.pk] = Block(
            citation=each,
            evidence=each.evidence,
            hidden=False,
            url=url(each),
            table=table_of(result) if result else None,
            wide=drawn.get("wide", NOTHING),
            narrow=drawn.get("narrow", NOTHING),
            reads=[_read(name, origins, known) for name in each.evidence.tables],
            parameters=[(name, _text(value)) for name, value in each.evidence.parameters.items()],
            judged=_judged(each.evidence, verifications, origins),
            under_way=running.get(each.evidence_id),
        )
    return [
        found.get(each.pk) or Block(citation=each, evidence=each.evidence, hidden=True, url="")
        for each in cited
    ]


def table_of(result: Result) -> ShownTable:
    """Return the kept rows, ready for the page."""
    columns = columns_of(result.columns)
    if [column.name for column in columns] == list(_SERIES):
        columns = [replace(column, heading=str(_SERIES[column.name])) for column in columns]
    numeric = [column.numeric for column in columns]
    rows = [list(zip(map(cell, row), numeric, strict=True)) for row in result.rows[: SHOWN + MORE]]
    return ShownTable(columns=columns, head=rows[:SHOWN], more=rows[SHOWN:], kept=len(result.rows))


def columns_of(columns: Iterable[Mapping[str, str]]) -> list[Column]:
    """Return columns as they are kept (``{"name", "type"}``), with whether they hold numbers."""
    return [Column(each["name"], each["type"], bool(_NUMERIC.match(each["type"]))) for each in columns]


def cell(value: Any) -> Any:
    """Return a kept value as it is shown: a float with four decimals, the file has all of it."""
    if value is True or value is False:
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.4f}".rstrip("0").rstrip(".") if abs(value) >= _SMALL or not value else f"{value:.4g}"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value


def drawn_of(charts: Mapping[str, Mapping[str, str]]) -> dict[str, SafeString]:
    """Return a run's drawings (by language and layout) in the reader's language, by layout."""
    drawn = charts.get(formats.language()) or charts.get("en") or {}
    # Drawn by a run from its own numbers and cleaned by portal.ui.vega, hence safe.
    return {layout: mark_safe(svg) for layout, svg in drawn.items()}  # noqa: S308 - see above


def _read(name: str, origins: Mapping[str, Origin], known: Mapping[Reference, Node]) -> Read:
    origin = origins.get(name)
    return Read(name, known.get(origin.reference) if origin else None)


def _judged(evidence: Evidence, found: Mapping[Any, Any], origins: Mapping[str, Origin]) -> Judged | None:
    newest = found.get(evidence.pk)
    if newest is None:
        return None
    published = [origins[name].snapshot for name in evidence.tables if name in origins]
    seen = newest.snapshot
    newer = seen is not None and any(number is not None and number > seen for number in published)
    return Judged(verification=newest, newer_data=newer)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
