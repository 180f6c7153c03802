"""Make JSON values of an engine's cells, as faithfully as JSON can: exact numbers, ISO times, no bytes."""

import datetime as dt
import json
import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

# More text than this in one cell is cut; a table is no reading room.
CELL_LIMIT = 10_000
_HEX = 16
CUT = "…"


class Cells:
    """Turn rows into JSON values, and remember what could not be kept whole (``notes``).

    A text longer than ``longest`` is cut.
    """

    def __init__(self, *, longest: int = CELL_LIMIT) -> None:
        self.notes: set[str] = set()
        self._longest = longest

    def row(self, cells: Sequence[Any]) -> list[Any]:
        """Return one row."""
        return [self.cell(cell) for cell in cells]

    def cell(self, value: Any) -> Any:
        """Return one value; a decimal is text, since a float could not hold it."""
        if value is None or isinstance(value, bool | int):
            return value
        if isinstance(value, str):
            return self._cut(value.replace("\x00", "\ufffd"))
        if isinstance(value, float):
            if math.isfinite(value):
                return value
            self.notes.add("not_finite")
            return None
        return self._other(value)

    def _other(self, value: Any) -> Any:
        if isinstance(value, Decimal):
            return format(value, "f")
        if isinstance(value, dt.date | dt.time):
            return value.isoformat()
        if isinstance(value, bytes | bytearray | memoryview):
            self.notes.add("bytes")
            shown = bytes(value[:_HEX]).hex()
            return f"0x{shown}" + (CUT if len(value) > _HEX else "")
        if isinstance(value, list | tuple | dict):
            return self._nested(value)
        return self._cut(str(value))

    def _nested(self, value: Any) -> Any:
        if isinstance(value, dict):
            whole: Any = {str(key): self.cell(each) for key, each in value.items()}
        else:
            whole = [self.cell(each) for each in value]
        text = json.dumps(whole, ensure_ascii=False)
        return whole if len(text) <= self._longest else self._cut(text)

    def _cut(self, text: str) -> str:
        if len(text) <= self._longest:
            return text
        self.notes.add("cut_cell")
        return text[: self._longest] + CUT
