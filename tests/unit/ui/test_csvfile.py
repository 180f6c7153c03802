"""CSV files that hold what people typed are safe to open in a spreadsheet (A39)."""

import csv
import io
from decimal import Decimal

import pytest

from portal.ui.csvfile import MARK, lines, safe


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\x00=1", "\uff1d1", "\uff0b1", "\uff0d1",
     "\uff201", "   =1", "\u3000=1", "\ufeff=1", " \u200b=1", "\x00 =1", "\ufeff\t=1", "\u200b =1",
     "a\x00"[2:] + "=1\n=2"],
)  # fmt: skip
def test_text_that_starts_a_formula_becomes_text(text: str) -> None:
    assert safe(text) == "'" + text.replace("\x00", "")


@pytest.mark.parametrize("cell", [-1, 1.5, -2.5e9, Decimal("-5.10"), 0, True, "a=1", "ICN", "", "two\nlines"])
def test_numbers_and_plain_text_stay(cell: object) -> None:
    assert safe(cell) == cell


def test_a_file_reads_back_with_its_lines_and_null_empty() -> None:
    text = "".join(lines(["=name", "value"], [["two\n=lines", -1], [None, 2.5]]))
    assert text.startswith(MARK)
    read = list(csv.reader(io.StringIO(text.removeprefix(MARK), newline="")))
    assert read == [["'=name", "value"], ["two\n=lines", "-1"], ["", "2.5"]]
