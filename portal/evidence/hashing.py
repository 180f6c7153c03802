"""One hash for the rows of a result, the same each time they come out alike."""

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Final

# So many rows of an answer are read at most, and count for its hash.
MOST_ROWS: Final = 10_000


def result_hash(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return the SHA-256 (hex) of a result's columns and rows, in their order.

    Floats count to 12 significant digits: engines add them up in any order, and the last bits follow it.
    """
    digest = hashlib.sha256()
    for row in (columns, *rows):
        digest.update(json.dumps([_plain(cell) for cell in row], ensure_ascii=False).encode())
        digest.update(b"\n")
    return digest.hexdigest()


def _plain(cell: Any) -> Any:
    if isinstance(cell, float):
        return format(cell + 0.0, ".12g")
    if isinstance(cell, Decimal):
        return format(cell.normalize(), "f")
    if isinstance(cell, dt.date | dt.datetime | dt.time):
        return cell.isoformat()
    return cell if cell is None or isinstance(cell, bool | int | str) else str(cell)
