"""What the readers of CSV, JSON and Parquet files have in common."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import duckdb

from portal.said import said
from portal.warehouse import keeping
from portal.warehouse.checks import literal
from portal.warehouse.errors import BadRow, MissingInput, Unit, WarehouseError
from portal.warehouse.port import RUN_COLUMN, FileSource, SourceFile

_JSON_PLACE: Final = re.compile(
    r'in file "(?P<file>[^"]+)".*? in (?P<unit>line|record)(/value)? (?P<number>\d+)', re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Reading:
    """How some files become rows: ``rows`` gives a SELECT of them.

    Its columns are texts that get the types of ``columns``; without any they have their types already.
    """

    rows: Callable[[Sequence[SourceFile]], str]
    columns: Mapping[str, str]

    def sql(self, files: Sequence[SourceFile]) -> str:
        """Return a SELECT of the files' rows with their types."""
        rows = self.rows(files)
        return keeping.typed(rows, self.columns) if self.columns else rows


def require_columns(
    file: SourceFile, names: Sequence[str], source: FileSource, wanted: Mapping[str, str], unit: Unit = "line"
) -> None:
    """Raise BadRow for a column that is missing, or that nobody has asked for."""
    known = source.columns or wanted
    for name in known:
        if name not in names:
            raise BadRow(file=file.name, line=1, column=name, reason=said("the column is missing"), unit=unit)
    for name in names:
        if name.casefold() == RUN_COLUMN:
            reason = said("the name is the table's own; rename the column in the source, or leave it out")
            raise BadRow(file=file.name, line=1, column=name, reason=reason, unit=unit)
        if name not in wanted:
            reason = said("the column is new; declare it, or let new columns be added")
            raise BadRow(file=file.name, line=1, column=name, reason=reason, unit=unit)


def paths(files: Sequence[SourceFile]) -> str:
    """Return the files as a list in SQL."""
    return f"[{', '.join(literal(str(file.path)) for file in files)}]"


def unreadable(file: SourceFile, error: duckdb.Error) -> WarehouseError:
    """Return what the engine says about a file, with the place that it names."""
    words = str(error).strip().splitlines()[0]
    place = _JSON_PLACE.search(str(error))
    if place is None:
        return MissingInput(said("%(file)s cannot be read: %(why)s", file=file.name, why=words))
    # What is no JSON at all the engine places one too far.
    number = int(place["number"]) - ("Malformed" in str(error))
    unit: Unit = "record" if place["unit"] == "record" else "line"
    return BadRow(file=file.name, line=max(number, 1), column="", reason=words.split(": ", 2)[-1], unit=unit)
