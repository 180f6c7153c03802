"""CSV is read strictly; the first bad row is named by file, line and column."""

from pathlib import Path

import pytest

from portal.warehouse import checks
from portal.warehouse.errors import BadRow, CheckFailed, MissingInput
from portal.warehouse.port import StagedTable
from tests.lake import Lake

COLUMNS = {"n": "SMALLINT", "word": "VARCHAR", "day": "DATE"}
GOOD = "n,word,day\n1,x,2013-01-01\n2,NA,2013-01-02\n"


def _stage(lake: Lake, text: str | bytes, **options) -> StagedTable:
    source = lake.folder / "input.csv"
    source.write_bytes(text.encode() if isinstance(text, str) else text)
    with lake.writer() as warehouse:
        return warehouse.stage_csv(
            source, COLUMNS, target="ops.input", folder=lake.folder / "staging", **options
        )


def test_good_rows_are_staged_with_their_types(lake: Lake) -> None:
    staged = _stage(lake, GOOD)
    assert staged.row_count == 2
    assert [(column.name, column.data_type) for column in staged.columns] == list(COLUMNS.items())
    with lake.writer() as warehouse:
        assert warehouse.sample(staged, personal=dict.fromkeys(COLUMNS, False)).rows == [
            (1, "x", "2013-01-01"),
            (2, None, "2013-01-02"),
        ]


@pytest.mark.parametrize(
    ("row", "column", "reason"),
    [
        ("zz,q,2013-01-03", "n", "«zz» does not fit SMALLINT"),
        ("99999,q,2013-01-03", "n", "«99999» does not fit SMALLINT"),
        ("3,q,2013-02-31", "day", "«2013-02-31» does not fit DATE"),
        ("3,q", "day", "Expected Number of Columns"),
        ("3,q,2013-01-03,9", "", "Expected Number of Columns"),
        ('3,"q,2013-01-03', "word", "unterminated quote"),
    ],
)
def test_the_bad_row_is_named(lake: Lake, row: str, column: str, reason: str) -> None:
    with pytest.raises(BadRow, match=reason) as caught:
        _stage(lake, f"{GOOD}{row}\n")
    assert (caught.value.file, caught.value.line, caught.value.column) == ("input.csv", 4, column)
    assert caught.value.error_class == "bad_input"
    assert str(caught.value).startswith("input.csv, line 4")


def test_text_in_another_encoding_is_a_bad_row(lake: Lake) -> None:
    with pytest.raises(BadRow, match="unicode") as caught:
        _stage(lake, GOOD.encode() + "3,한글,2013-01-03\n".encode("euc-kr"))
    assert caught.value.line == 4


def test_the_first_of_several_bad_rows_is_named(lake: Lake) -> None:
    many = "".join(f"{n},x,2013-01-01\n" for n in range(3000))
    with pytest.raises(BadRow) as caught:
        _stage(lake, f"n,word,day\n{many}bad,x,2013-01-01\n{many}worse,x,nonsense\n")
    assert caught.value.line == 3002


def test_lines_are_counted_as_an_editor_counts_them(lake: Lake) -> None:
    with pytest.raises(BadRow) as caught:
        _stage(lake, 'n,word,day\n1,"two\nlines",2013-01-01\nbad,x,2013-01-01\n')
    assert caught.value.line == 4
    with pytest.raises(BadRow) as caught:
        _stage(lake, "n,word,day\r\n1,x,2013-01-01\r\nbad,x,2013-01-01\r\n")
    assert caught.value.line == 3


@pytest.mark.parametrize(
    ("text", "column"),
    [("n,day,word\n1,2013-01-01,x\n", "word"), ("n,word\n1,x\n", "day"), ("", "n"), (f"x{GOOD}", "n")],
)
def test_another_header_is_refused_before_a_row_is_read(lake: Lake, text: str, column: str) -> None:
    with pytest.raises(BadRow) as caught:
        _stage(lake, text)
    assert (caught.value.line, caught.value.column) == (1, column)


def test_a_missing_file_is_named(lake: Lake) -> None:
    with lake.writer() as warehouse, pytest.raises(MissingInput, match=r"nothing\.csv"):
        warehouse.stage_csv(
            Path(lake.folder / "nothing.csv"), COLUMNS, target="ops.input", folder=lake.folder
        )


def test_a_row_that_a_derived_column_cannot_be_made_of_is_bad(lake: Lake) -> None:
    derived = {"made": ("DATE", "make_date(2013, 2, n)")}
    assert _stage(lake, GOOD, derived=derived).row_count == 2
    with pytest.raises(BadRow, match="make_date") as caught:
        _stage(lake, f'{GOOD}3,"a\nb",2013-01-01\n31,x,2013-01-01\n', derived=derived)
    assert (caught.value.line, caught.value.column) == (6, "made")


def _check(lake: Lake, text: str, *wanted):
    staged = _stage(lake, text)
    with lake.writer() as warehouse:
        return warehouse.check(staged, wanted)


def test_checks_pass_on_good_rows(lake: Lake) -> None:
    results = _check(
        lake,
        GOOD,
        checks.row_count_at_least(2),
        checks.not_null("n"),
        checks.unique("n"),
        checks.in_set("word", ["x"]),
        checks.in_range("n", 1, 2),
    )
    assert all(result.passed for result in results), results
    checks.require("ops.input", results)


@pytest.mark.parametrize(
    ("check", "line"),
    [
        (checks.row_count_at_least(3), None),
        (checks.not_null("word"), 3),
        (checks.unique("day"), 3),
        (checks.in_set("word", ["y"]), 2),
        (checks.in_range("n", 1, 1), 3),
    ],
)
def test_a_failed_check_names_the_first_line(lake: Lake, check, line: int | None) -> None:
    text = "n,word,day\n1,x,2013-01-01\n2,NA,2013-01-02\n3,x,2013-01-02\n" if "unique" in check.name else GOOD
    (result,) = _check(lake, text, check)
    assert not result.passed
    assert result.line == line
    with pytest.raises(CheckFailed, match="was not published"):
        checks.require("ops.input", [result])


def test_a_check_that_does_not_block_only_reports(lake: Lake) -> None:
    results = _check(lake, GOOD, checks.in_range("n", 1, 1, blocking=False))
    assert not results[0].passed
    checks.require("ops.input", results)


def test_references_are_checked_against_other_staged_rows(lake: Lake) -> None:
    staged = _stage(lake, GOOD)
    with lake.writer() as warehouse:
        known = lake.stage(warehouse, "ops.known", "SELECT 1 AS id")
        (result,) = warehouse.check(staged, [checks.referential("n", known, "id")])
    assert not result.passed
    assert result.observed == "1 of 2 rows"
    assert result.line == 3
