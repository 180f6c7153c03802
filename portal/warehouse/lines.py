"""Find places in CSV files: lines as an editor counts them, and what the header says."""

import csv
import gzip
import sys
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from portal.said import said
from portal.warehouse.errors import BadRow, MissingInput, Unit
from portal.warehouse.port import FileSource, SourceFile

# A cell may be as long as the engine takes it; a smaller limit would hide what is said about its row.
csv.field_size_limit(sys.maxsize)


def require_header(source: Path, columns: Mapping[str, str]) -> None:
    """Raise BadRow unless the first line names exactly these columns in this order."""
    try:
        with source.open(encoding="utf-8-sig", newline="", errors="replace") as file:
            found = next(csv.reader(file), [])
    except FileNotFoundError:
        message = said("%(file)s is not in %(folder)s.", file=source.name, folder=source.parent)
        raise MissingInput(message) from None
    wanted = list(columns)
    if found == wanted:
        return
    for index, name in enumerate(wanted):
        if index >= len(found) or found[index] != name:
            reason = (
                said(
                    "column %(number)s should be «%(name)s», there is «%(found)s»",
                    number=index + 1,
                    name=name,
                    found=found[index],
                )
                if index < len(found)
                else said(
                    "column %(number)s should be «%(name)s», the line ends before it",
                    number=index + 1,
                    name=name,
                )
            )
            raise BadRow(file=source.name, line=1, column=name, reason=reason)
    extra = ", ".join(found[len(wanted) :])
    reason = said("unexpected columns: %(names)s", names=extra)
    raise BadRow(file=source.name, line=1, column="", reason=reason)


def header_of(file: SourceFile, source: FileSource) -> list[str]:
    """Return the values of the first line of a CSV in UTF-8."""
    with file.path.open(encoding="utf-8-sig", newline="", errors="replace") as lines:
        return next(_reader(lines, source), [])


def line_of_byte(source: Path, position: int) -> int:
    """Return the line, from 1, of the row that begins at byte ``position`` (from 1)."""
    rest, line = position - 1, 1
    with source.open("rb") as file:
        while rest > 0 and (piece := file.read(min(rest, 1 << 20))):
            line += piece.count(b"\n")
            rest -= len(piece)
        # Where lines end in CR LF the engine's position may still stand on the line break before.
        while (following := file.read(1)) in {b"\r", b"\n"}:
            line += following == b"\n"
    return line


def place_of_record(source: FileSource, number: int) -> tuple[str, int] | None:
    """Return the file and the line on which row ``number`` (from 0) of all files begins; None if unknown.

    The files are CSV in UTF-8, in the order in which they were read.
    """
    if source.format != "csv":
        return None
    left = number
    for each in source.files:
        with each.path.open(encoding="utf-8-sig", newline="", errors="replace") as file:
            reader = _reader(file, source)
            names = next(reader, []) if source.header else list(source.columns)
            begins = reader.line_num + 1
            for row in reader:
                # An empty line is no row, unless it is the one column's empty value.
                left -= bool(row) or len(names) == 1
                if left < 0:
                    return each.name, begins
                begins = reader.line_num + 1
    return None


def lines_of(file: SourceFile, source: FileSource, texts: Mapping[str, str], *, most: int) -> dict[str, int]:
    """Return the line on which the row with this text in this column begins, by the column; of ``most`` rows.

    The file is a CSV in UTF-8.
    """
    found: dict[str, int] = {}
    with file.path.open(encoding="utf-8-sig", newline="", errors="replace") as lines:
        reader = _reader(lines, source)
        names = next(reader, []) if source.header else list(source.columns)
        places = {names.index(name): name for name in texts if name in names}
        begins = reader.line_num + 1
        for row in islice(reader, most):
            for place in [place for place, name in places.items() if row[place : place + 1] == [texts[name]]]:
                found[places.pop(place)] = begins
            if not places:
                break
            begins = reader.line_num + 1
    return found


def place_of_json(file: Path, number: int) -> tuple[Unit, int]:
    """Return where record ``number`` (from 0) stands: its line, or the record where it has no line alone."""
    left = number
    with gzip.open(file, "rt") if file.name.endswith(".gz") else file.open() as lines:
        for line, text in enumerate(map(str.strip, lines), start=1):
            if text and not (text.startswith("{") and text.endswith("}")):
                break
            left -= bool(text)
            if left < 0:
                return "line", line
    return "record", number + 1


def _reader(lines: Iterable[str], source: FileSource) -> Any:
    if not source.quote:
        return csv.reader(lines, delimiter=source.delimiter, quoting=csv.QUOTE_NONE)
    return csv.reader(lines, delimiter=source.delimiter, quotechar=source.quote)
