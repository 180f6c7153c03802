"""The first rows of a source file as a load would read them, by the real run; only for whoever asked."""

import gzip
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from jobs import peeks
from jobs.actions.peeks import MOST_OPEN, look
from jobs.exceptions import TooManyPeeks
from jobs.models import Run, RunEvent
from jobs.runners.housekeeping import SEEN_FOR, forget_looks
from jobs.runners.load_config import Files
from portal.accounts.models import User
from portal.audit.actions import Actor
from portal.warehouse import peeking
from tests.conftest import Cast
from tests.lake import Lake
from tests.unit.jobs.loading import finish, make, succeed


def asked(user: User, path: str, **options: Any) -> Run:
    return look(source=Files(path=path, **options), by=Actor.person(user), requested_by=user)


def looked(user: User, path: str, **options: Any) -> Run:
    run = finish(asked(user, path, **options))
    assert (run.state, run.error) == ("succeeded", {})
    return run


def kinds(run: Run) -> dict[str, str]:
    return {column["name"]: column["type"] for column in run.outputs["columns"]}


def test_a_csv_shows_its_first_rows_and_the_types_of_a_load(lake: Lake, files: Path, cast: Cast) -> None:
    rows = "".join(f"{number},2026-01-01,{number}.5,서울,007\n" for number in range(30))
    (files / "orders.csv").write_text(f"id,day,amount,city,code\n{rows}")
    run = looked(cast.dan, "orders.csv")
    assert kinds(run) == {
        "id": "BIGINT",
        "day": "DATE",
        "amount": "DOUBLE",
        "city": "VARCHAR",
        "code": "VARCHAR",
    }
    assert len(run.outputs["rows"]) == 20
    assert run.outputs["rows"][1] == [1, "2026-01-01", 1.5, "서울", "007"]
    assert (run.outputs["file"], run.outputs["whole"], run.outputs["problem"]) == ("orders.csv", True, None)
    assert "orders" not in lake.reader().tables()


def test_a_csv_is_read_by_its_options(lake: Lake, files: Path, cast: Cast) -> None:
    (files / "a.csv").write_bytes("번호;이름\n1;'김;하나'\n2;없음\n".encode("cp949"))
    run = looked(cast.dan, "a.csv", delimiter=";", quote="'", nulls=["없음"], encoding="cp949")
    assert run.outputs["rows"] == [[1, "김;하나"], [2, None]]
    # In the wrong encoding it says where.
    wrong = looked(cast.dan, "a.csv", delimiter=";")
    assert wrong.outputs["rows"] == []
    assert "a.csv, line 2" in peeks.problem_of(wrong)


def test_without_a_header_columns_are_numbered(lake: Lake, files: Path, cast: Cast) -> None:
    (files / "a.csv").write_text("1,x\n2,y\n")
    run = looked(cast.dan, "a.csv", header=False)
    assert kinds(run) == {"column1": "BIGINT", "column2": "VARCHAR"}
    assert run.outputs["rows"] == [[1, "x"], [2, "y"]]


def test_a_fault_far_behind_the_first_rows_is_told_with_its_place(
    lake: Lake, files: Path, cast: Cast
) -> None:
    good = "".join(f"{number},x\n" for number in range(500))
    (files / "a.csv").write_text(f"id,word\n{good}501,y,too many\n")
    run = looked(cast.dan, "a.csv")
    assert run.outputs["rows"][0] == [0, "x"]
    assert len(run.outputs["rows"]) == 20
    assert run.outputs["problem"]["line"] == 502
    assert "a.csv, line 502" in peeks.problem_of(run)


def test_json_and_parquet(lake: Lake, files: Path, cast: Cast) -> None:
    records = [{"id": 1, "tags": ["a"], "at": "2026-01-01"}, {"id": 2, "tags": [], "at": None}]
    (files / "a.jsonl").write_text("".join(json.dumps(each) + "\n" for each in records))
    run = looked(cast.dan, "a.jsonl", format="json")
    assert kinds(run) == {"id": "BIGINT", "tags": "JSON", "at": "DATE"}
    assert run.outputs["rows"] == [[1, '["a"]', "2026-01-01"], [2, "[]", None]]
    duckdb.execute(f"COPY (SELECT 7 AS n, DATE '2026-01-02' AS d) TO '{files}/a.parquet'")
    run = looked(cast.dan, "a.parquet", format="parquet")
    assert kinds(run) == {"n": "INTEGER", "d": "DATE"}
    assert run.outputs["rows"] == [[7, "2026-01-02"]]


@pytest.mark.parametrize(
    ("name", "content", "options", "said"),
    [
        ("a.csv", b"", {}, "the file is empty"),
        ("a.csv", b"a,a\n1,2\n", {}, "the column is there twice"),
        ("a.json", b'[{"a": 1}, {"a": ', {"format": "json"}, "a.json"),
        ("a.parquet", b"PAR1 is not enough", {"format": "parquet"}, "is no Parquet file"),
        ("a.csv.gz", b"not packed", {}, "cannot be unpacked"),
    ],
)
def test_what_cannot_be_read_is_named(
    lake: Lake, files: Path, cast: Cast, name: str, content: bytes, options: dict[str, Any], said: str
) -> None:
    (files / name).write_bytes(content)
    run = looked(cast.dan, name, **options)
    assert run.outputs["rows"] == []
    assert said in peeks.problem_of(run)


def test_a_pattern_shows_its_first_file_and_a_partition_any(lake: Lake, files: Path, cast: Cast) -> None:
    for day in ("01", "02"):
        (files / f"o-2026-01-{day}.csv").write_text(f"day\n2026-01-{day}\n")
    for path in ("o-*.csv", "o-{partition}.csv"):
        run = looked(cast.dan, path)
        assert (run.outputs["file"], run.outputs["files"]) == ("o-2026-01-01.csv", 2)
        assert run.outputs["rows"] == [["2026-01-01"]]


def test_links_and_missing_files_are_answers(lake: Lake, files: Path, cast: Cast, tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("a\n1\n")
    (files / "link.csv").symlink_to(tmp_path / "secret.csv")
    assert "is a link" in peeks.problem_of(looked(cast.dan, "link.csv"))
    assert "no such file" in peeks.problem_of(looked(cast.dan, "none.csv"))


def test_of_a_large_file_only_the_beginning_is_read(
    lake: Lake, files: Path, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peeking, "HEAD", 1000)
    # The cut falls within a text of several lines, and the fault lies behind it.
    rows = "".join(f'{number},"two\nlines"\n' for number in range(200))
    text = f"id,words\n{rows}x,y,z\n"
    (files / "a.csv").write_text(text)
    (files / "a.csv.gz").write_bytes(gzip.compress(text.encode()))
    (files / "a.jsonl").write_text("".join(f'{{"id": {number}}}\n' for number in range(500)) + "{")
    for name, kind in (("a.csv", "csv"), ("a.csv.gz", "csv"), ("a.jsonl", "json")):
        run = looked(cast.dan, name, format=kind)
        assert (run.outputs["whole"], run.outputs["problem"]) == (False, None), name
        assert len(run.outputs["rows"]) == 20


def test_what_is_kept_is_bounded(lake: Lake, files: Path, cast: Cast) -> None:
    names = ",".join(f"c{number}" for number in range(300))
    long = ",".join(["x" * 5000] * 300)
    (files / "wide.csv").write_text(f"{names}\n{long}\n" + f"{long}\n" * 30)
    run = looked(cast.dan, "wide.csv")
    assert (len(run.outputs["columns"]), run.outputs["column_count"]) == (200, 300)
    assert len(json.dumps(run.outputs["rows"])) < 260_000
    assert {len(cell) for cell in run.outputs["rows"][0]} == {201}
    assert run.outputs["notes"] == ["cut_cell", "large"]
    seen = peeks.seen_of(run)
    assert seen is not None
    assert seen.more_columns == 100


def test_it_is_for_who_makes_jobs_when_it_is_asked_and_when_it_runs(
    lake: Lake, files: Path, cast: Cast
) -> None:
    (files / "a.csv").write_text("a\n1\n")
    for person in (cast.ada, cast.ben, cast.eun):
        with pytest.raises(PermissionDenied):
            asked(person, "a.csv")
    run = asked(cast.dan, "a.csv")
    User.objects.filter(pk=cast.dan.pk).update(roles=["analyst"])
    finish(run)
    assert run.state == "failed"
    assert "may not make jobs" in peeks.problem_of(run)


def test_nobody_else_sees_it_nor_hears_of_it(lake: Lake, files: Path, cast: Cast) -> None:
    (files / "a.csv").write_text("a\n1\n")
    run = looked(cast.dan, "a.csv")
    assert list(Run.objects.visible_to(cast.dan)) == [run]
    assert not Run.objects.visible_to(cast.cleo).exists()
    assert not Run.objects.visible_to(cast.dan).ordinary().exists()
    assert RunEvent.objects.filter(run=run).exists()


def test_what_was_seen_is_forgotten_after_a_day(lake: Lake, files: Path, cast: Cast) -> None:
    (files / "a.csv").write_text("a\n1\n")
    old, young = looked(cast.dan, "a.csv"), looked(cast.dan, "a.csv")
    before = timezone.now() - SEEN_FOR - timedelta(minutes=1)
    Run.objects.filter(pk=old.pk).update(finished_at=before, created_at=before, started_at=before)
    assert forget_looks(timezone.now()) == 1
    old.refresh_from_db()
    young.refresh_from_db()
    assert (old.outputs, old.params["path"]) == ({}, "a.csv")
    assert young.outputs["rows"] == [[1]]
    assert (peeks.seen_of(old), peeks.problem_of(old)) == (None, "")


def test_nobody_has_many_open(files: Path, cast: Cast) -> None:
    for _ in range(MOST_OPEN):
        asked(cast.dan, "a.csv")
    with pytest.raises(TooManyPeeks):
        asked(cast.dan, "a.csv")
    asked(cast.cleo, "a.csv")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_is_known_by_its_first_bytes_and_a_load_reads_it_too(
    lake: Lake, files: Path, cast: Cast, encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "\ufeffid,city\n1,서울\n2,부산\n"
    (files / "a.csv").write_bytes(text.encode(encoding))
    (files / "b.csv.gz").write_bytes(gzip.compress(text.encode(encoding)))
    for name in ("a.csv", "b.csv.gz"):
        run = looked(cast.dan, name)
        assert run.outputs["rows"] == [[1, "서울"], [2, "부산"]]
        assert run.outputs["problem"] is None
        seen = peeks.seen_of(run)
        assert seen is not None
        assert "UTF-16" in seen.notes[0]
    config = {"source": {"path": "a.csv"}, "target": "raw.cities"}
    assert succeed(make("extract_load", config)).outputs["rows"] == 2
    monkeypatch.setattr(peeking, "HEAD", 30)
    assert looked(cast.dan, "a.csv").outputs["rows"] == [[1, "서울"]]


def test_other_bytes_than_a_mark_are_still_named(lake: Lake, files: Path, cast: Cast) -> None:
    (files / "a.csv").write_bytes("id\n1\n".encode("utf-32"))
    assert "zero byte" in peeks.problem_of(looked(cast.dan, "a.csv"))


def test_what_made_a_column_text_is_told_with_its_line(lake: Lake, files: Path, cast: Cast) -> None:
    rows = "".join(f'{n},2026-01-{n % 28 + 1:02},{n}.5,c{n},"two\nlines"\n' for n in range(1, 21))
    faults = '21,soon,n/a,c21,"x\ny"\nx,"2026-01-01",n/a,c22,x\n'
    (files / "a.csv").write_text(f"id,day,amount,code,note\n{rows}{faults}")
    run = looked(cast.dan, "a.csv")
    assert set(kinds(run).values()) == {"VARCHAR"}
    assert run.outputs["misfits"] == [
        {"column": "id", "type": "BIGINT", "text": "x", "line": 44, "count": 1},
        {"column": "day", "type": "DATE", "text": "soon", "line": 42, "count": 1},
        {"column": "amount", "type": "DOUBLE", "text": "n/a", "line": 42, "count": 2},
    ]
    seen = peeks.seen_of(run)
    assert seen is not None
    assert seen.notes[0] == "«id» would be BIGINT, but for line 44: «x»."
    assert seen.notes[2] == "«amount» would be DOUBLE, but for 2 values; the first is «n/a» in line 42."


def test_columns_of_codes_say_nothing(lake: Lake, files: Path, cast: Cast) -> None:
    (files / "a.csv").write_text("code,half\n" + "".join(f"00{n},{n if n % 2 else 'x'}\n" for n in range(9)))
    assert looked(cast.dan, "a.csv").outputs["misfits"] == []
