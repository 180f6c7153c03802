"""Write rows as a CSV file that no spreadsheet takes for formulas."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any

# Excel reads the bytes as UTF-8 only after this mark.
MARK = "\ufeff"
# A spreadsheet starts a formula at these; some fold the full-width forms to the plain ones.
_FORMULA = frozenset("=+-@\uff1d\uff0b\uff0d\uff20")
# A spreadsheet may drop these in front of a formula, so what follows them decides.
_DROPPED = "\ufeff\u200b\u200e\u200f"
_CONTROL = frozenset("\t\r\n")


def lines(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """Yield the mark and the heading, then line by line, ends included; numbers stay numbers."""
    yield MARK + _line(columns)
    for row in rows:
        yield _line(row)


def safe(cell: Any) -> Any:
    """Return the cell, with an apostrophe before text that a spreadsheet could run; None is empty."""
    if cell is None:
        return ""
    if isinstance(cell, bool | int | float | Decimal):
        return cell
    text = str(cell).replace("\x00", "")
    bare = text.lstrip(_DROPPED)
    first = bare.lstrip().lstrip(_DROPPED)[:1]
    return f"'{text}" if bare[:1] in _CONTROL or first in _FORMULA else text


def _line(cells: Sequence[Any]) -> str:
    written = io.StringIO()
    csv.writer(written).writerow([safe(cell) for cell in cells])
    return written.getvalue()
