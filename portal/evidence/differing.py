"""What two answers of one query differ in: rows that only one of them has, in whatever order they stand."""

import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import Any, Final

from pydantic import BaseModel

# So many rows of each side are kept; their numbers are exact.
KEPT: Final = 50
_FLOAT = re.compile(r"(DOUBLE|FLOAT|REAL)\b")
# Engines add floats in any order. A sum that the first rounding tears apart is put together by the second:
# no value lies at an edge of both.
_ROUNDINGS: Final = (".12g", ".9g")

Row = Sequence[Any]


class RowDifference(BaseModel):
    """Rows that only the recorded answer has (``before``), or only the newest, with their exact numbers.

    Where the newest has other columns (``columns_after``) no row can be compared.
    """

    columns: list[str]
    columns_after: list[str] = []
    before: list[list[Any]] = []
    after: list[list[Any]] = []
    before_count: int = 0
    after_count: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether both answers hold the same."""
        return not (self.columns_after or self.before_count or self.after_count)

    @property
    def numeric(self) -> list[bool]:
        """Whether each column holds nothing but numbers, as far as its rows are kept."""
        rows = [*self.before, *self.after]
        return [
            all(isinstance(row[place], int | float | None) for row in rows)
            for place in range(len(self.columns))
        ]

    @property
    def headings(self) -> list[tuple[str, bool]]:
        """The columns with whether they hold numbers."""
        return list(zip(self.columns, self.numeric, strict=True))

    @property
    def gone(self) -> list[list[tuple[Any, bool]]]:
        """The kept rows of ``before``, each value with whether its column holds numbers."""
        return self._marked(self.before)

    @property
    def came(self) -> list[list[tuple[Any, bool]]]:
        """The kept rows of ``after``, likewise."""
        return self._marked(self.after)

    def _marked(self, rows: list[list[Any]]) -> list[list[tuple[Any, bool]]]:
        numeric = self.numeric
        return [list(zip(row, numeric, strict=True)) for row in rows]

    @property
    def is_cut(self) -> bool:
        """Whether more rows came or went than are kept."""
        return self.before_count > len(self.before) or self.after_count > len(self.after)


def floats_in(columns: Sequence[dict[str, str]]) -> frozenset[int]:
    """Return the places of the columns that hold floats; ``columns`` are ``{"name", "type"}``."""
    return frozenset(place for place, each in enumerate(columns) if _FLOAT.match(each["type"]))


def difference(
    columns: Sequence[str], before: Sequence[Row], after: Sequence[Row], *, floats: Collection[int] = ()
) -> RowDifference:
    """Compare the rows (JSON values) of two answers with the same columns as multisets.

    Floats, at the places ``floats``, are alike within one part in a billion.
    """
    gone, came = list(before), list(after)
    for rounding in _ROUNDINGS:
        gone, came = _unpaired(gone, came, lambda row, how=rounding: _key(row, floats, how))  # type: ignore[misc]
    return RowDifference(
        columns=list(columns),
        before=[list(row) for row in gone[:KEPT]],
        after=[list(row) for row in came[:KEPT]],
        before_count=len(gone),
        after_count=len(came),
    )


def _unpaired(gone: list[Row], came: list[Row], key: Callable[[Row], str]) -> tuple[list[Row], list[Row]]:
    return _without(gone, came, key), _without(came, gone, key)


def _without(rows: list[Row], others: list[Row], key: Callable[[Row], str]) -> list[Row]:
    """Return the rows that have no partner among the others, each of whom is a partner once."""
    there = Counter(map(key, others))
    alone = []
    for row in rows:
        name = key(row)
        if there[name]:
            there[name] -= 1
        else:
            alone.append(row)
    return alone


def _key(row: Row, floats: Collection[int], rounding: str) -> str:
    # A whole float comes back from the database's JSON as an integer, and zero may have a sign.
    cells = [
        format(float(cell) + 0.0, rounding) if place in floats and cell is not None else cell
        for place, cell in enumerate(row)
    ]
    return json.dumps(cells, ensure_ascii=False, sort_keys=True)
