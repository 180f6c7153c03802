"""Rank by stages: where a thing was found counts first; everything else only breaks ties.

Each stage reads a bounded number of rows, the best stage first. One plain cap over all hits would keep
arbitrary rows of a frequent word and might drop the thing whose very name was typed.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from django.db.models import IntegerField, QuerySet, Value
from django.db.models.functions import Cast
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from portal.search.vectors import Matches, Query


class Stage(IntEnum):
    """Where it was found; the value is its score."""

    EXACT = 1000
    PREFIX = 600
    NAME = 400
    COLUMN = 250
    ANYWHERE = 100

    @property
    def label(self) -> Promise:
        """Why the thing is in the list, for the reader."""
        return {
            Stage.EXACT: _("same name"),
            Stage.PREFIX: _("name begins with it"),
            Stage.NAME: _("in the name"),
            Stage.COLUMN: _("in a column"),
            Stage.ANYWHERE: _("in the description or tags"),
        }[self]

    @property
    def cap(self) -> int:
        """How many rows the stage reads at most."""
        return _CAPS[self]


# pk, stage, how many words it holds (-1: all), and the columns asked for.
Found = tuple[Any, ...]
_CAPS = {Stage.EXACT: 100, Stage.PREFIX: 300, Stage.NAME: 500, Stage.COLUMN: 300, Stage.ANYWHERE: 1000}
# Fewer hits than this with every word: those with at least half of the words are added.
_FEW = 5


@dataclass(frozen=True, slots=True)
class Candidate:
    """A row that was found: its best stage, the share of the words it holds, and the columns asked for."""

    pk: int
    stage: Stage
    coverage: float
    values: dict[str, Any]

    @property
    def score(self) -> float:
        """The stage's score; found in part counts in part."""
        return float(self.stage) * self.coverage


def ranked(rows: QuerySet[Any], query: Query, *columns: str) -> list[Candidate]:
    """Return what the query finds among ``rows``, each once in its best stage, best first.

    ``rows`` must already be cut down to what the reader may see; its model has a ``search`` vector. Takes
    one database query, two when hardly anything holds all the words.
    """
    return by_stages(
        query,
        columns,
        lambda stages: staged(rows, stages, columns),
        lambda: partly(rows, query.any, query.each, columns),
    )


def by_stages(
    query: Query,
    columns: tuple[str, ...],
    find: Callable[[dict[Stage, str]], Iterable[Found]],
    find_partly: Callable[[], Iterable[Found]],
) -> list[Candidate]:
    """Rank what ``find`` gives for the stages' conditions, and ``find_partly`` where that is hardly any."""
    if not query:
        return []
    found: dict[int, Candidate] = {}
    stages = {
        Stage.EXACT: query.exact,
        Stage.PREFIX: query.prefix,
        Stage.NAME: query.in_name,
        Stage.COLUMN: query.in_column,
        Stage.ANYWHERE: query.all,
    }
    wanted = {stage: tsquery for stage, tsquery in stages.items() if tsquery}
    _keep(found, find(wanted), columns, len(query.words))
    if len(found) < _FEW and len(query.words) > 1:
        _keep(found, find_partly(), columns, len(query.words))
    return sorted(found.values(), key=lambda candidate: (-candidate.score, candidate.pk))


def staged(rows: QuerySet[Any], stages: Mapping[Stage, str], columns: tuple[str, ...]) -> QuerySet[Any, Any]:
    """Choose what meets each stage's condition, a row once for each of them."""
    first, *others = [_part(rows, stage, tsquery, columns) for stage, tsquery in stages.items()]
    return first.union(*others, all=True)


def _part(rows: QuerySet[Any], stage: Stage, tsquery: str, columns: tuple[str, ...]) -> QuerySet[Any, Any]:
    found = rows.filter(Matches("search", tsquery)).order_by()
    return _read(found.annotate(words_found=Value(-1, IntegerField())), stage, columns)


def partly(
    rows: QuerySet[Any], either: str, each: Collection[str], columns: tuple[str, ...]
) -> QuerySet[Any, Any]:
    """Choose what holds at least half of the words; ``either`` says that it holds one, ``each`` which."""
    holds = [Cast(Matches("search", tsquery), IntegerField()) for tsquery in each]
    total = sum(holds[1:], start=holds[0])
    found = rows.filter(Matches("search", either)).order_by().annotate(words_found=total)
    return _read(found.filter(words_found__gte=(len(each) + 1) // 2), Stage.ANYWHERE, columns)


def _read(rows: QuerySet[Any], stage: Stage, columns: tuple[str, ...]) -> QuerySet[Any, Any]:
    staged = rows.annotate(stage=Value(int(stage), IntegerField()))
    found: QuerySet[Any, Any] = staged.values_list("pk", "stage", "words_found", *columns)
    return found[: stage.cap]


def _keep(found: dict[int, Candidate], rows: Iterable[Found], columns: tuple[str, ...], words: int) -> None:
    for pk, stage, words_found, *values in rows:
        coverage = 1.0 if words_found < 0 else words_found / words
        candidate = Candidate(pk, Stage(stage), coverage, dict(zip(columns, values, strict=True)))
        if pk not in found or found[pk].score < candidate.score:
            found[pk] = candidate
