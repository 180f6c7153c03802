"""Files into the lake, by the real run: every mode, every bad input, and the last good data stays."""

import datetime as dt
import gzip
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
from django.http import QueryDict
from pydantic import ValidationError

from catalog.models import Asset, Dataset, LineageEdge
from jobs.actions.jobs import definition_of
from jobs.checks import problems
from jobs.choices import RunState
from jobs.complaints import complaints
from jobs.config_forms import SchemaForm
from jobs.exceptions import InvalidDefinition
from jobs.models import Job, Run, RunLog
from jobs.runners.load_config import ExtractLoadConfig
from jobs.runners.rules import CheckRule, checks_of
from jobs.runners.sources import RefusedPath, find_files
from portal.audit.models import AuditEvent
from portal.warehouse import profiles
from portal.warehouse.errors import MissingInput, QueryFailed
from portal.warehouse.port import ColumnInfo
from tests.conftest import Cast
from tests.lake import Lake
from tests.unit.jobs.loading import make, message_of, succeed, work_off

ORDERS = "id,day,amount,city,code\n1,2026-01-01,10.5,Seoul,007\n2,2026-01-01,20,Busan,010\n"


def config(path: str = "orders.csv", **changes: Any) -> dict[str, Any]:
    source = {"path": path, **changes.pop("source", {})}
    return {"source": source, "target": "sales.orders", **changes}


def rows(lake: Lake, columns: str = "id") -> list[tuple[Any, ...]]:
    return lake.ask(f"SELECT {columns} FROM sales.orders ORDER BY ALL").rows  # noqa: S608


def log_of(run: Run) -> str:
    return "\n".join(line[2] for chunk in RunLog.objects.filter(run=run) for line in chunk.lines)


# --- what is loaded


def test_a_csv_becomes_a_dataset_with_profile_checks_and_lineage(lake: Lake, files: Path, cast: Cast) -> None:
    (files / "orders.csv").write_text(ORDERS)
    rules = [
        {"check": "unique", "columns": ["id"]},
        {"check": "accepted_values", "columns": ["city"], "values": ["Seoul"], "severity": "warn"},
        {"check": "expression", "expression": "amount > 0 AND length(city) < 20"},
        {"check": "row_count", "minimum": 1, "maximum": 100},
    ]
    job = make(
        "extract_load",
        config(checks=rules, dataset={"name_en": "Orders", "name_ko": "주문", "fresh_within_hours": 26}),
        owner_email="dan@example.com" if not cast.dan.email else cast.dan.email,
        team_key="data",
    )
    run = succeed(job)
    assert run.outputs["datasets"] == [
        {"key": "sales.orders", "row_count": 2, "snapshot": run.outputs["snapshot"]}
    ]
    assert [step["key"] for step in run.progress["steps"]] == ["extract", "stage", "check", "publish"]
    dataset = Dataset.objects.get(asset__key="sales.orders")
    assert (dataset.row_count, dataset.snapshot) == (2, run.outputs["snapshot"])
    assert dataset.published_by == run.pk
    assert (dataset.asset.owner, dataset.asset.name_ko) == (cast.dan, "주문")
    # A code with a leading zero is no number.
    kinds = {column.name: column.data_type for column in dataset.columns.all()}
    assert kinds == {
        "id": "BIGINT",
        "day": "DATE",
        "amount": "DOUBLE",
        "city": "VARCHAR",
        "code": "VARCHAR",
    }
    passed = {check["name"]: (check["passed"], check["blocking"]) for check in dataset.checks}
    assert passed == {
        "unique(id)": (True, True),
        "in_set(city)": (False, False),
        "expression(amount > 0 AND length(city) < 20)": (True, True),
        "row_count_at_least": (True, True),
        "row_count_at_most": (True, True),
    }
    edges = set(LineageEdge.objects.values_list("upstream_key", "downstream_key"))
    assert {("files/orders.csv", "load"), ("load", "sales.orders")} <= edges
    assert AuditEvent.objects.filter(action="dataset.published", object_id="sales.orders").exists()
    assert rows(lake, "id, day, amount, code") == [
        (1, dt.date(2026, 1, 1), 10.5, "007"),
        (2, dt.date(2026, 1, 1), 20.0, "010"),
    ]


def test_options_of_a_csv(lake: Lake, files: Path, db: None) -> None:
    text = "번호;이름\n1;'김;하나'\n2;없음\n"
    (files / "a.csv").write_bytes(text.encode("cp949"))
    options = {"delimiter": ";", "quote": "'", "nulls": ["없음"], "encoding": "cp949"}
    succeed(make("extract_load", config("a.csv", source=options)))
    assert lake.ask("SELECT * FROM sales.orders ORDER BY 1").rows == [(1, "김;하나"), (2, None)]


def test_a_packed_csv_and_one_that_is_broken(lake: Lake, files: Path, db: None) -> None:
    packed = gzip.compress(b"id,word\n1,x\n")
    (files / "a.csv.gz").write_bytes(packed)
    succeed(make("extract_load", config("a.csv.gz")))
    assert rows(lake, "id, word") == [(1, "x")]
    (files / "a.csv.gz").write_bytes(packed[:-9])
    assert "a.csv.gz cannot be unpacked" in message_of(work_off(make("extract_load", config("a.csv.gz"))))
    assert rows(lake, "id, word") == [(1, "x")]


def test_without_a_header_the_declared_columns_count(lake: Lake, files: Path, db: None) -> None:
    (files / "a.csv").write_text("1,x\n2,y\n")
    columns = [{"name": "id", "type": "INTEGER"}, {"name": "word", "type": "VARCHAR"}]
    succeed(make("extract_load", config("a.csv", source={"header": False}, columns=columns)))
    assert rows(lake, "id, word") == [(1, "x"), (2, "y")]


def test_many_files_in_any_order_of_columns(lake: Lake, files: Path, db: None) -> None:
    (files / "in").mkdir()
    (files / "in" / "a.csv").write_text("id,word\n1,x\n")
    (files / "in" / "b.csv").write_text("word,id\ny,2\n")
    (files / "in" / "notes.md").write_text("no data")
    (files / "in" / ".c.csv").write_text("id,word\n3,hidden\n")
    for path in ("in/*.csv", "in", "i?/[ab].csv"):
        succeed(make("extract_load", config(path)))
        assert rows(lake, "id, word") == [(1, "x"), (2, "y")]


def test_json_and_parquet(lake: Lake, files: Path, db: None) -> None:
    (files / "a.jsonl").write_text('{"id": 1, "tags": ["x"]}\n{"id": 2, "tags": null}\n')
    (files / "b.json").write_text('[{"id": 3, "tags": []}]')
    succeed(make("extract_load", config("[ab].*", source={"format": "json"})))
    assert rows(lake, "id, CAST(tags AS VARCHAR)") == [(1, '["x"]'), (2, None), (3, "[]")]
    duckdb.sql("SELECT 7 AS id, 'seven' AS word").write_parquet(str(files / "c.parquet"))
    parquet = {**config("c.parquet", source={"format": "parquet"}), "target": "sales.words"}
    succeed(make("extract_load", parquet, key="words"))
    assert lake.ask("SELECT * FROM sales.words").rows == [(7, "seven")]


# --- the modes


def test_full_replaces_all_rows(lake: Lake, files: Path, db: None) -> None:
    job = make("extract_load", config())
    (files / "orders.csv").write_text(ORDERS)
    succeed(job)
    (files / "orders.csv").write_text("id,day,amount,city,code\n9,2026-02-01,1,Jeju,001\n")
    succeed(job)
    assert rows(lake) == [(9,)]


def test_a_partition_is_replaced_alone_and_in_any_order(lake: Lake, files: Path, db: None) -> None:
    job = make("extract_load", config("{partition}.csv", mode="partition", partition_column="day"))
    head = "id,day,amount,city,code\n"
    for number, day in ((1, "2026-01-02"), (2, "2026-01-01")):
        (files / f"{day}.csv").write_text(f"{head}{number},{day},1,Seoul,001\n")
        succeed(job, partition=day)
    (files / "2026-01-01.csv").write_text(f"{head}3,2026-01-01,1,Seoul,001\n4,2026-01-01,1,Seoul,001\n")
    succeed(job, partition="2026-01-01")
    assert rows(lake) == [(1,), (3,), (4,)]
    assert Dataset.objects.get(asset__key="sales.orders").row_count == 3
    (files / "2026-01-03.csv").write_text(f"{head}5,2026-01-04,1,Seoul,001\n")
    assert "in_partition(day): expected 2026-01-03, found 1 of 1 rows (first at 2026-01-03.csv, line 2)" in (
        message_of(work_off(job, partition="2026-01-03"))
    )
    assert job.parameters_schema["required"] == ["partition"]


def test_upsert_replaces_by_key_and_adds_the_rest(lake: Lake, files: Path, db: None) -> None:
    job = make("extract_load", config(mode="upsert", key=["id"]))
    (files / "orders.csv").write_text(ORDERS)
    succeed(job)
    (files / "orders.csv").write_text(
        "id,day,amount,city,code\n2,2026-01-05,2,Daegu,002\n3,2026-01-05,3,Ulsan,003\n"
    )
    succeed(job)
    assert rows(lake, "id, city") == [(1, "Seoul"), (2, "Daegu"), (3, "Ulsan")]
    (files / "orders.csv").write_text("id,day,amount,city,code\n4,2026-01-05,2,A,1\n4,2026-01-05,3,B,2\n")
    assert "unique(id)" in message_of(work_off(job))
    (files / "orders.csv").write_text("id,day,amount,city,code\n,2026-01-05,2,A,1\n")
    assert "not_null(id)" in message_of(work_off(job))
    assert len(rows(lake)) == 3


def test_append_adds_rows_marked_with_their_run(lake: Lake, files: Path, db: None) -> None:
    job = make("extract_load", config(mode="append"))
    (files / "orders.csv").write_text(ORDERS)
    first, second = succeed(job), succeed(job)
    marked = rows(lake, "id, _run_id")
    assert sorted(marked) == sorted((number, str(run.pk)) for run in (first, second) for number in (1, 2))
    assert second.outputs["rows"] == 2
    assert Dataset.objects.get(asset__key="sales.orders").row_count == 4


@pytest.mark.parametrize("mode", ["full", "append"])
def test_the_mark_of_a_run_comes_from_no_source(lake: Lake, files: Path, db: None, mode: str) -> None:
    (files / "orders.csv").write_text("id,_run_id\n1,x\n")
    run = work_off(make("extract_load", config(mode=mode)))
    assert "orders.csv, line 1, column _run_id: the name is the table's own; rename" in message_of(run)
    assert run.error["class"] == "bad_input"


# --- bad input: named by file, line and column; the last good data stays


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "orders.csv, line 1: the file is empty"),
        (
            ORDERS + "3,2026-01-02,many,Jeju,1\n",
            "orders.csv, line 4, column amount: «many» does not fit DOUBLE",
        ),
        (
            ORDERS + "3.5,2026-01-02,1,Jeju,1\n",
            "orders.csv, line 4, column id: «3.5» does not fit BIGINT",
        ),
        (ORDERS + "3,2026-13-02,1,Jeju,1\n", "orders.csv, line 4, column day: "),
        (
            ORDERS + "3,2026-01-02\n",
            "orders.csv, line 4, column amount: Expected Number of Columns: 5 Found: 2",
        ),
        (
            ORDERS + "3,2026-01-02,1,Jeju,1,more\n",
            "orders.csv, line 4: Expected Number of Columns: 5 Found: 6",
        ),
        (ORDERS.replace("city,", ""), "orders.csv, line 1, column city: the column is missing"),
        (ORDERS.replace("code", "code,tip"), "orders.csv, line 1, column tip: the column is new; declare it"),
        (ORDERS.replace("code", "id"), "orders.csv, line 1, column id: the column is there twice"),
        (ORDERS.replace("city", " "), "orders.csv, line 1, column 4: the column has no name"),
    ],
)
def test_a_bad_csv_is_named_by_its_place(lake: Lake, files: Path, db: None, text: str, said: str) -> None:
    job = make("extract_load", config())
    (files / "orders.csv").write_text(ORDERS)
    succeed(job)
    (files / "orders.csv").write_text(text)
    run = work_off(job)
    assert said in message_of(run)
    assert run.error["class"] == "bad_input"
    assert rows(lake) == [(1,), (2,)]
    assert Dataset.objects.get(asset__key="sales.orders").row_count == 2


@pytest.mark.parametrize("encoding", ["utf-8", "euc-kr"])
def test_the_wrong_encoding_is_named_by_its_line(lake: Lake, files: Path, db: None, encoding: str) -> None:
    text = "id,word\n1,plain\n2,\u00e9\ud55c\n"
    bad = text.encode("utf-8").replace("\ud55c".encode(), b"\xff\xff")
    (files / "a.csv").write_bytes(bad)
    run = work_off(make("extract_load", config("a.csv", source={"encoding": encoding})))
    assert "a.csv, line 3" in message_of(run)
    assert lake.writer().tables() == []


def test_the_second_of_two_files_is_named(lake: Lake, files: Path, db: None) -> None:
    (files / "a.csv").write_text("id\n1\n2\n")
    (files / "b.csv").write_text("id\n3\nfour\n")
    job = make("extract_load", config("*.csv", columns=[{"name": "id", "type": "INTEGER"}]))
    assert "b.csv, line 3, column id" in message_of(work_off(job))


def test_rules_of_one_name_are_all_put(lake: Lake, files: Path, db: None) -> None:
    (files / "orders.csv").write_text(ORDERS)
    long = " AND ".join(["amount IS NOT NULL"] * 5)
    rules = [
        {"check": "range", "columns": ["amount"], "minimum": 0, "maximum": 15},
        {"check": "range", "columns": ["amount"], "minimum": 0, "maximum": 10, "severity": "warn"},
        {"check": "expression", "expression": f"{long} AND id > 1"},
        {"check": "expression", "expression": f"{long} AND id > 0"},
        {"check": "not_null", "columns": ["city"]},
        {"check": "not_null", "columns": ["city"], "severity": "warn"},
    ]
    said = message_of(work_off(make("extract_load", config(checks=rules))))
    assert "in_range(amount): expected 0 to 15.0" in said
    assert f"expression({long[:80]}): expected" in said
    columns = [ColumnInfo("id", "BIGINT"), ColumnInfo("amount", "DOUBLE"), ColumnInfo("city", "VARCHAR")]
    made = checks_of([CheckRule.model_validate(rule) for rule in rules], columns, dialect="duckdb")
    assert [(each.name, each.blocking) for each in made] == [
        ("in_range(amount)", True),
        ("in_range(amount) (2)", False),
        (f"expression({long[:80]})", True),
        (f"expression({long[:80]}) (2)", True),
        ("not_null(city)", True),
    ]


def test_what_is_published_but_cannot_be_described_is_a_warning(
    lake: Lake, files: Path, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    (files / "orders.csv").write_text(ORDERS)

    def broken(*_args: Any, **_options: Any) -> Any:
        raise QueryFailed("no such function")

    monkeypatch.setattr(profiles, "profile", broken)
    run = succeed(make("extract_load", config(mode="upsert", key=["id"])))
    assert "sales.orders is published, but could not be described: no such function" in log_of(run)
    dataset = Dataset.objects.get(asset__key="sales.orders")
    assert (dataset.row_count, dataset.sample["rows"]) == (2, [])
    # Nobody has looked whether they are personal.
    assert all(column.personal for column in dataset.columns.all())


def test_a_table_that_another_job_fills_or_its_owner_may_not_see_is_left_alone(
    lake: Lake, files: Path, cast: Cast
) -> None:
    (files / "orders.csv").write_text(ORDERS)
    dan = {"owner_email": cast.dan.email}
    first = make("extract_load", config(), key="first", private=True, **dan)
    succeed(first)
    second = make("extract_load", config(), key="second", owner_email=cast.ben.email)
    assert message_of(work_off(second)) == "Another job fills the table sales.orders."
    assert message_of(work_off(make("extract_load", config(), key="third", **dan))) == (
        "The job first fills the table sales.orders."
    )
    Job.objects.exclude(key="first").update(enabled=False)
    succeed(first)
    # Said at once where a person writes such a job; what they may not know of is not named.
    wanted = replace(definition_of(second), key="fourth")
    for reader, said in ((cast.dan, "The job first fills"), (cast.ben, "Another job fills")):
        (told,) = problems(wanted, reader=reader)
        assert (told["field"], said in told["message"]) == ("config.target", True)
    # Whoever does not fill it any more leaves it to others, as far as these may see it.
    make("extract_load", {**config(), "target": "sales.others"}, key="first", private=True, **dan)
    Job.objects.filter(key="second").update(enabled=True)
    assert "may not see the table sales.orders" in message_of(work_off(second))
    Asset.objects.filter(key="sales.orders").update(visibility="company")
    succeed(second)


def test_a_failed_check_names_file_and_line(lake: Lake, files: Path, db: None) -> None:
    (files / "a.csv").write_text("id,amount\n1,1\n2,2\n")
    (files / "b.csv").write_text("id,amount\n3,3\n\n4,-4\n")
    rules = [{"check": "expression", "expression": "amount >= 0"}]
    run = work_off(make("extract_load", config("*.csv", checks=rules)))
    said = "expression(amount >= 0): expected amount >= 0, found 1 of 4 rows (first at b.csv, line 4)"
    assert said in message_of(run)
    assert run.error["class"] == "check_failed"
    assert said.split(": expected", maxsplit=1)[0] in log_of(run)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.json", '{"id": 1}\n{"id": "x"}\n', "a.json, line 2, column id: "),
        ("a.json", '{"id": 1}\n{"id" 2}\n', " 2: unexpected character"),
        ("a.json", '{"id": 1, "tip": 2}\n', "a.json, line 1, column tip: the column is new"),
        ("a.parquet", b"no parquet", "a.parquet is no Parquet file"),
        ("a.parquet", "SELECT 'x' AS id", "a.parquet, row 1, column id: «x» (VARCHAR) does not fit BIGINT"),
        (
            "a.parquet",
            "SELECT 1.5::DOUBLE AS id",
            "a.parquet, row 1, column id: «1.5» (DOUBLE) does not fit BIGINT",
        ),
        ("a.parquet", "SELECT 1 AS number", "a.parquet, row 1, column id: the column is missing"),
    ],
)
def test_bad_json_and_parquet(
    lake: Lake, files: Path, db: None, name: str, content: str | bytes, said: str
) -> None:
    if isinstance(content, bytes) or name.endswith("json"):
        (files / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    else:
        duckdb.sql(content).write_parquet(str(files / name))
    columns = [{"name": "id", "type": "BIGINT"}]
    kind = {"format": name.split(".")[1]}
    run = work_off(make("extract_load", config(name, source=kind, columns=columns)))
    assert said in message_of(run)
    assert run.error["class"] == "bad_input"


def test_new_columns_are_added_where_the_job_lets_them(lake: Lake, files: Path, db: None) -> None:
    (files / "orders.csv").write_text(ORDERS)
    modes: list[dict[str, Any]] = [{"mode": "upsert", "key": ["id"]}, {}]
    for mode in modes:
        job = make("extract_load", config(new_columns="add", **mode))
        (files / "orders.csv").write_text("id,day,amount,city,code\n1,2026-01-01,10.5,Seoul,007\n")
        succeed(make("extract_load", config(new_columns="add", **mode)))
        (files / "orders.csv").write_text("id,day,amount,city,code,tip\n8,2026-01-01,1,Seoul,001,3\n")
        succeed(job)
        expected = [(1, None), (8, 3)] if mode else [(8, 3)]
        assert rows(lake, "id, tip") == expected
        with lake.writer() as warehouse:
            warehouse.drop(["sales.orders"])


def test_a_missing_file_says_where_it_was_looked_for(lake: Lake, files: Path, db: None) -> None:
    run = work_off(make("extract_load", config("gone/*.csv")))
    assert "gone/*.csv: there is no such file among the source files (SOURCE_FOLDER)" in message_of(run)


# --- what the files may not do


@pytest.mark.parametrize("path", ["../secret.csv", "/etc/passwd", "in/../../x.csv", "a\x00.csv", "..\\x", ""])
def test_a_path_out_of_the_folder_is_refused_when_the_job_is_made(path: str) -> None:
    with pytest.raises(ValidationError, match="path"):
        ExtractLoadConfig.model_validate(config(path))


def test_links_and_what_is_no_file_are_refused(files: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.csv").write_text("a\n1\n")
    (files / "link.csv").symlink_to(outside / "secret.csv")
    (files / "folder").symlink_to(outside)
    os.mkfifo(files / "pipe.csv")
    (files / "in").mkdir()
    (files / "in" / "link.csv").symlink_to(outside / "secret.csv")
    for path in ("link.csv", "*.csv", "folder", "folder/secret.csv", "*/secret.csv", "pipe.csv", "in"):
        with pytest.raises(RefusedPath):
            find_files(path, file_format="csv")
    with pytest.raises(MissingInput):
        find_files("[.][.]/outside/secret.csv", file_format="csv")


def test_a_partition_cannot_lead_out_of_the_folder(lake: Lake, files: Path, db: None) -> None:
    (files.parent / "secret.csv").write_text("day\nx\n")
    job = make("extract_load", config("{partition}.csv", mode="partition", partition_column="day"))
    assert "without «..»" in message_of(work_off(job, partition="../secret"))


@pytest.mark.parametrize(
    "expression",
    [
        "(SELECT count(*) FROM read_csv('/etc/passwd')) > 0",
        "id > 0) FROM read_csv('/etc/passwd'); --",
        "id IN (SELECT 1)",
        "id >",
    ],
)
def test_a_condition_that_is_more_than_one_is_neither_stored_nor_run(
    lake: Lake, files: Path, db: None, expression: str
) -> None:
    (files / "orders.csv").write_text(ORDERS)
    with pytest.raises(InvalidDefinition):
        make("extract_load", config(checks=[{"check": "expression", "expression": expression}]))
    job = make("extract_load", config(checks=[{"check": "expression", "expression": "id > 0"}]))
    job.config["checks"][0]["expression"] = expression
    job.save()
    run = work_off(job)
    assert (run.state, run.error["class"]) == (RunState.FAILED, "settings")
    assert lake.writer().tables() == []


@pytest.mark.parametrize(
    "expression", ["getenv('HOME') = ''", "read_text('/etc/passwd') IS NULL", "nothing > 1"]
)
def test_a_condition_reads_its_own_row_only(lake: Lake, files: Path, db: None, expression: str) -> None:
    (files / "orders.csv").write_text(ORDERS)
    rules = [{"check": "expression", "expression": expression}]
    run = work_off(make("extract_load", config(checks=rules)))
    assert message_of(run).startswith("The check «")
    assert lake.writer().tables() == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"target": "orders"}, "target"),
        ({"target": "publish_ledger.orders"}, "target"),
        ({"mode": "upsert"}, "key"),
        ({"mode": "partition"}, "partition_column"),
        ({"key": ["id"]}, "key"),
        ({"source": {"header": False}}, "columns"),
        ({"columns": [{"name": "a", "type": "INTEGER); DROP TABLE x"}]}, "type"),
        ({"columns": [{"name": "a", "type": "DATE"}, {"name": "A", "type": "DATE"}]}, "once"),
        ({"checks": [{"check": "unique"}]}, "Name the columns"),
        ({"nonsense": 1}, "nonsense"),
    ],
)
def test_a_configuration_that_contradicts_itself_is_refused(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError, match=field):
        ExtractLoadConfig.model_validate(config(**changes))


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("integer", "INTEGER"),
        ("hugeint", "DECIMAL(38,0)"),
        (" Decimal(18, 2) ", "DECIMAL(18, 2)"),
        ("text", "VARCHAR"),
        ("int", "INTEGER"),
    ],
)
def test_a_type_may_be_written_as_people_write_it(given: str, meant: str) -> None:
    checked = ExtractLoadConfig.model_validate(config(columns=[{"name": "a", "type": given}]))
    assert checked.columns[0].type == meant


def test_a_type_that_there_is_not_is_answered_with_those_there_are() -> None:
    with pytest.raises(ValidationError) as caught:
        ExtractLoadConfig.model_validate(config(columns=[{"name": "a", "type": "money"}]))
    (told,) = complaints(caught.value)
    assert told["field"] == "columns.0.type"
    assert told["message"].startswith("It takes one of: BOOLEAN, INTEGER")


def test_the_form_asks_only_what_belongs_to_the_chosen_check() -> None:
    schema = ExtractLoadConfig.model_json_schema()
    data = QueryDict(mutable=True)
    data.update(
        {
            "config.source:choice": "files",
            "config.source.files.path": "orders.csv",
            "config.target": "sales.orders",
            "config.mode": "full",
            "config.partition_column": "day",
            "config.columns:list": "1",
            "config.columns.0.name": "id",
            "config.columns.0.type": "bigint",
            "config.checks:list": "1",
            "config.checks.0.check": "expression",
            "config.checks.0.columns": "left over",
            "config.checks.0.expression": "id > 0",
            "config.checks.0.severity": "warn",
        }
    )
    filled = SchemaForm(schema, path="config", data=data)
    assert filled.is_valid(), filled.errors
    assert filled.value["checks"] == [{"check": "expression", "expression": "id > 0", "severity": "warn"}]
    assert "partition_column" not in filled.value
    ExtractLoadConfig.model_validate(filled.value)
    assert ">Never empty</option>" in str(filled["config.checks.0.check"])
    names = [name.rpartition(".")[2] for name in filled.fields if name.startswith("config.columns.0.")]
    assert names[:2] == ["name", "type"]


def test_every_field_has_a_title_for_the_form() -> None:
    schema = json.dumps(ExtractLoadConfig.model_json_schema())
    assert '"widget": "sql"' in schema
    for definition in [ExtractLoadConfig.model_json_schema()]:
        for name, field in definition["properties"].items():
            assert field.get("title"), name
