"""Files become typed rows without losing a digit, a time or a column; what cannot be kept is named."""

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from portal.warehouse import checks, files, staging
from portal.warehouse.errors import BadRow, MissingInput
from portal.warehouse.port import FileSource, SourceFile, StagedTable


def _stage(folder: Path, contents: dict[str, str | bytes], **options: Any) -> StagedTable:
    sources = []
    for name, content in contents.items():
        path = folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        sources.append(SourceFile(name, path))
    source = FileSource(tuple(sources), sources[0].name.rpartition(".")[2], **options)  # type: ignore[arg-type]
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return files.stage(connection, source, target="ops.input", folder=folder / "staging")


def _values(staged: StagedTable, column: str = "a") -> list[str | None]:
    asked = f"SELECT CAST({column} AS VARCHAR) FROM '{staged.path}'"  # noqa: S608
    return [row[0] for row in duckdb.connect().execute(asked).fetchall()]


def _kinds(staged: StagedTable) -> dict[str, str]:
    return {column.name: column.data_type for column in staged.columns}


LOST = [
    ("BIGINT", "10.50"),
    ("BIGINT", "12e3"),
    ("SMALLINT", "99999"),
    ("DATE", "2026-01-01 23:59:59"),
    ("DATE", "2026-01-01T00:00:00"),
    ("DATE", "2026-1-1 9"),
    ("TIMESTAMP", "2026-01-01 09:00:00+09:00"),
    ("TIMESTAMP", "2026-01-01 9:00:00Z"),
    ("TIMESTAMP", "2026-01-01 09:00:00.1234567"),
    ("TIMESTAMPTZ", "2026-01-01 09:00:00.1234567Z"),
    ("TIME", "09:00:00+09"),
    ("DECIMAL(18,2)", "1.239"),
    ("DECIMAL(18,2)", "1.239e0"),
    ("DOUBLE", "1e400"),
    ("DOUBLE", "1e-400"),
    ("DOUBLE", "many"),
]
KEPT = [
    ("BIGINT", "+7", "7"),
    ("BIGINT", "7.0", "7"),
    ("DATE", "2026/1/2", "2026-01-02"),
    ("TIMESTAMP", "2026-01-01T09:00", "2026-01-01 09:00:00"),
    ("TIMESTAMP", "2026-01-01", "2026-01-01 00:00:00"),
    ("TIMESTAMPTZ", "2026-01-01 09:00:00+09:00", "2026-01-01 00:00:00+00"),
    ("TIME", "9:00", "09:00:00"),
    ("DECIMAL(18,2)", "1.5000", "1.50"),
    ("DECIMAL(18,2)", "15e-1", "1.50"),
    ("DECIMAL(38,2)", "123456789012345678901234567890.12", "123456789012345678901234567890.12"),
    ("DOUBLE", "0.00", "0.0"),
    ("DOUBLE", "-1e300", "-1e+300"),
    ("DOUBLE", "NaN", "nan"),
    ("VARCHAR", "007", "007"),
]


@pytest.mark.parametrize(("kind", "text"), LOST)
@pytest.mark.parametrize("form", ["csv", "json"])
def test_a_value_that_its_type_would_change_is_refused_by_its_place(
    tmp_path: Path, kind: str, text: str, form: str
) -> None:
    rows = [_example(kind), None, text, "worse"]
    if form == "csv":
        given: dict[str, str | bytes] = {"first.csv": f"a\n{rows[0]}\n", "bad.csv": f"a\n\n\n{text}\nworse\n"}
    else:
        given = {"bad.json": "".join(f"{json.dumps({'a': value})}\n\n" for value in rows)}
    with pytest.raises(BadRow) as caught:
        _stage(tmp_path, given, columns={"a": kind})
    line = 4 if form == "csv" else 5
    assert str(caught.value) == f"bad.{form}, line {line}, column a: «{text}» does not fit {kind}"
    assert caught.value.error_class == "bad_input"


def _example(kind: str) -> str:
    examples = {"DATE": "2026-01-01", "TIME": "09:00:00"}
    return examples.get(kind, "2026-01-01 09:00:00" if kind.startswith("TIMESTAMP") else "1")


@pytest.mark.parametrize(("kind", "text", "kept"), KEPT)
def test_a_value_that_is_kept_whole_may_be_written_in_other_ways(
    tmp_path: Path, kind: str, text: str, kept: str
) -> None:
    staged = _stage(tmp_path, {"a.csv": f"a,b\n{text},1\n,2\n"}, columns={"a": kind, "b": "BIGINT"})
    asked = f"SELECT CAST(a AS VARCHAR) FROM '{staged.path}'"  # noqa: S608
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        assert connection.execute(asked).fetchall() == [(kept,), (None,)]


@pytest.mark.parametrize(
    ("value", "kind"), [("2.7", "BIGINT"), ("123456789012.345678", "DECIMAL(38,6)"), ("true", "BIGINT")]
)
def test_a_number_of_json_that_would_be_rounded_is_refused(tmp_path: Path, value: str, kind: str) -> None:
    with pytest.raises(BadRow, match=f"a.json, record 2, column a: .* does not fit {kind[:7]}"):
        _stage(tmp_path, {"a.json": f'[{{"a": 1}}, {{"a": {value}}}]'}, columns={"a": kind})


def test_the_first_of_a_bad_value_and_a_bad_line_is_named(tmp_path: Path) -> None:
    for bad, line in (("1,2,3\nx,1\n", 3), ("x,1\n1,2,3\n", 3)):
        with pytest.raises(BadRow) as caught:
            _stage(tmp_path, {"a.csv": f"a,b\n1,1\n{bad}"}, columns={"a": "BIGINT", "b": "BIGINT"})
        assert caught.value.line == line
        assert ("does not fit" in str(caught.value)) is bad.startswith("x")


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (["1834567890123456781", "1834567890123456789"], "BIGINT"),
        (["1", "NA"], "BIGINT"),
        (["9223372036854775808", "1"], "DECIMAL(38,0)"),
        (["1" * 40, "1"], "VARCHAR"),
        (["007", "1"], "VARCHAR"),
        (["12E3", "45E1"], "VARCHAR"),
        (["1e3"], "VARCHAR"),
        (["1.5e3", "2", "1e-05", "1e+16"], "DOUBLE"),
        (["0.30000000000000004", "37.5"], "DOUBLE"),
        (["12345678901234567.89", "1"], "VARCHAR"),
        (["1.5e400"], "VARCHAR"),
        (["2026-01-01 09:00:00.123456789"], "VARCHAR"),
    ],
)
def test_a_guessed_type_keeps_every_digit(tmp_path: Path, texts: list[str], kind: str) -> None:
    staged = _stage(tmp_path, {"a.csv": "a\n" + "\n".join(texts) + "\n"}, nulls=("NA",))
    assert _kinds(staged) == {"a": kind}
    if kind != "DOUBLE":
        assert _values(staged) == [None if text == "NA" else text for text in texts]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ("1, 123456789012345678901234567890", "DECIMAL(38,0)"),
        ("1, 18446744073709551615", "DECIMAL(38,0)"),
        ('"1", "2"', "VARCHAR"),
        ('1, "x"', "VARCHAR"),
        ("1, 2.5", "DOUBLE"),
        ('"2026-01-01T09:00:00Z"', "TIMESTAMP WITH TIME ZONE"),
        ('{"b": 1}, null', "JSON"),
        ("true, null", "BOOLEAN"),
        ("null", "VARCHAR"),
    ],
)
def test_a_type_guessed_from_json_keeps_every_digit(tmp_path: Path, values: str, kind: str) -> None:
    rows = ", ".join(f'{{"a": {value}}}' for value in values.split(", "))
    staged = _stage(tmp_path, {"a.json": f"[{rows}]"})
    assert _kinds(staged) == {"a": kind}
    if kind == "DECIMAL(38,0)":
        assert _values(staged) == values.split(", ")


MANY = "".join(f'{{"id": {number}}}\n' for number in range(20_480))


def test_a_field_of_json_that_begins_late_is_seen(tmp_path: Path) -> None:
    text = MANY + '{"id": 20480, "refund": 99}\n'
    staged = _stage(tmp_path, {"a.json": text})
    assert _kinds(staged) == {"id": "BIGINT", "refund": "BIGINT"}
    assert _values(staged, "refund")[-1] == "99"
    _stage(tmp_path, {"a.json": text}, columns={"id": "BIGINT", "refund": "BIGINT"})
    with pytest.raises(BadRow, match=r"a\.json, line 20481, column refund: the column is new"):
        _stage(tmp_path, {"a.json": text}, columns={"id": "BIGINT"})
    wide = "".join(f'{{"k{number}": 1}}\n' for number in range(300))
    assert len(_stage(tmp_path, {"a.json": wide, "b.json": '{"late": 1}'}).columns) == 301


def test_lines_that_end_in_two_ways_are_said_of_their_file(tmp_path: Path) -> None:
    mixed = b"a,b\r\n1,2\r\n" + b"3,4\n" * 3000
    with pytest.raises((BadRow, MissingInput), match=r"b\.csv") as caught:
        _stage(tmp_path, {"a.csv": "a,b\n1,2\n", "b.csv": mixed}, columns={"a": "BIGINT", "b": "BIGINT"})
    assert caught.value.error_class == "bad_input"


def test_an_empty_first_line_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadRow, match=r"a\.csv, line 1: the line is empty"):
        _stage(tmp_path, {"a.csv": "\na,b\n1,2\n"})


def test_a_long_cell_does_not_hide_the_row_of_a_failed_check(tmp_path: Path) -> None:
    staged = _stage(tmp_path, {"a.csv": f"a,b\n{'x' * 200_000},1\ny,\n"})
    with duckdb.connect() as connection:
        (result,) = staging.put(connection, staged, [checks.not_null("b")])
    assert (result.file, result.line) == ("a.csv", 3)


def test_a_damaged_parquet_file_is_named(tmp_path: Path) -> None:
    duckdb.sql("SELECT hash(range) AS a FROM range(100_000)").write_parquet(str(tmp_path / "a"))
    good = (tmp_path / "a").read_bytes()
    bad = good[:4] + b"\xff" * 200 + good[204:]
    with pytest.raises(MissingInput, match=r"b\.parquet cannot be read") as caught:
        _stage(tmp_path, {"a.parquet": good, "b.parquet": bad})
    assert caught.value.__cause__ is not caught.value


@pytest.mark.parametrize(
    "given", [{"a.csv": "id,_run_id\n1,x\n"}, {"a.json": '{"id": 1, "_RUN_ID": "x"}'}], ids=["csv", "json"]
)
def test_a_column_with_the_name_of_the_runs_mark_is_refused(
    tmp_path: Path, given: dict[str, str | bytes]
) -> None:
    with pytest.raises(BadRow, match=r"line 1, column _(run_id|RUN_ID): .* rename the column"):
        _stage(tmp_path, given)
