"""What went wrong with runs that read files, databases or the lake: kept in English, read in Korean."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.utils.translation import override
from pydantic import ValidationError

from jobs.actions import secrets
from jobs.actions.queries import ask
from jobs.actions.runs import trigger
from jobs.choices import Trigger
from jobs.complaints import complaints
from jobs.faults import fault_of
from jobs.models import Run, RunLog
from jobs.runners.load_config import ExtractLoadConfig
from portal.audit.actions import Actor
from tests.conftest import Cast
from tests.factories.catalog import dataset
from tests.lake import Lake
from tests.receiver import Receiver
from tests.unit.jobs.loading import TESTS, finish, make, message_of, succeed, work_off

HANGUL = re.compile("[\uac00-\ud7a3]")
NOT_PUBLIC = (
    "Data Desk does not call this address: it leads into a network that is not public. "
    "An operator can allow the host with OUTGOING_ALLOW."
)
ORDERS = "id,day,amount\n1,2026-01-01,10.5\n2,2026-01-02,20\n"


def load(source: dict[str, Any], **changes: Any) -> Run:
    return work_off(make("extract_load", {"source": source, "target": "sales.orders", **changes}))


def columns(amount: str) -> list[dict[str, str]]:
    return [
        {"name": "id", "type": "BIGINT"},
        {"name": "day", "type": "DATE"},
        {"name": "amount", "type": amount},
    ]


def korean(run: Run, kind: str, english: str) -> str:
    """Return how a Korean reads the run's error, which the run keeps in English."""
    assert (message_of(run), run.error["class"]) == (english, kind)
    with override("ko"):
        read = run.trouble
        fault = fault_of(run)
    assert fault is not None
    assert fault.message == read
    assert HANGUL.search(read)
    return read


def test_a_bad_row_is_told_with_its_file_line_column_and_value(lake: Lake, files: Path, db: None) -> None:
    (files / "orders.csv").write_text(ORDERS.replace(",20\n", ",viel\n"))
    run = load({"path": "orders.csv"}, columns=columns("DOUBLE"))
    read = korean(run, "bad_input", "orders.csv, line 3, column amount: «viel» does not fit DOUBLE")
    for part in ("orders.csv", "3번째 줄", "amount 열", "«viel»", "DOUBLE"):
        assert part in read
    with override("en"):
        assert run.trouble == run.error["message"]


def test_what_the_engine_says_of_a_row_stays_in_its_own_words(lake: Lake, files: Path, db: None) -> None:
    (files / "orders.csv").write_text(ORDERS + "3,2026-01-03,30,40\n")
    run = load({"path": "orders.csv"}, columns=columns("DOUBLE"))
    assert message_of(run).startswith("orders.csv, line 4")
    with override("ko"):
        assert "4번째 줄" in run.trouble
        assert run.trouble.endswith(run.error["message"].partition(": ")[2])


def test_changed_columns_are_told(lake: Lake, files: Path, db: None) -> None:
    (files / "orders.csv").write_text(ORDERS)
    config = {"source": {"path": "orders.csv"}, "target": "sales.orders"}
    succeed(make("extract_load", {**config, "columns": columns("DOUBLE")}))
    run = load({"path": "orders.csv"}, columns=columns("VARCHAR"))
    english = "«sales.orders» was not published: the column «amount» is VARCHAR now, it was DOUBLE."
    read = korean(run, "bad_input", english)
    for part in ("«sales.orders»", "«amount»", "VARCHAR", "DOUBLE"):
        assert part in read


def test_a_missing_file_is_told_without_a_path_of_the_server(lake: Lake, files: Path, db: None) -> None:
    run = load({"path": "orders.csv"})
    english = "orders.csv: there is no such file among the source files (SOURCE_FOLDER)."
    read = korean(run, "bad_input", english)
    for part in ("orders.csv", "SOURCE_FOLDER"):
        assert part in read
    assert str(files) not in read


def test_a_link_is_the_settings_fault_and_its_log_shows_no_code(lake: Lake, files: Path, db: None) -> None:
    (files / "real.txt").write_text(ORDERS)
    (files / "orders.csv").symlink_to(files / "real.txt")
    run = load({"path": "orders.csv"})
    assert "«orders.csv»" in korean(run, "settings", "«orders.csv» is a link; put the file itself there.")
    lines = [line[2] for chunk in RunLog.objects.filter(run=run) for line in chunk.lines]
    assert not any("Traceback" in line for line in lines)


def test_a_failed_check_is_told_with_what_it_expected_and_found(lake: Lake, files: Path, db: None) -> None:
    (files / "orders.csv").write_text(ORDERS.replace("10.5", ""))
    checks = [{"check": "not_null", "columns": ["amount"]}, {"check": "row_count", "minimum": 5}]
    run = load({"path": "orders.csv"}, columns=columns("DOUBLE"), checks=checks)
    english = (
        "«sales.orders» was not published. not_null(amount): expected no empty values, found 1 of 2 rows "
        "(first at orders.csv, line 2); row_count_at_least: expected ≥ 5 rows, found 2 rows"
    )
    read = korean(run, "check_failed", english)
    for part in ("«sales.orders»", "not_null(amount)", "빈 값 없음", "2행 중 1행", "2번째 줄", "5행 이상"):
        assert part in read
    assert "expected" not in read


@pytest.mark.parametrize(
    ("host", "english", "kept"),
    [
        (
            "127.0.0.1",
            NOT_PUBLIC,
            "OUTGOING_ALLOW",
        ),
        # No name server has to be asked about a name that cannot be one.
        ("a" * 64 + ".example.com", "The host's name is not known.", "a" * 64),
    ],
)
@pytest.mark.parametrize(("kind", "system"), [("postgresql", "PostgreSQL"), ("mysql", "MySQL")])
def test_an_extraction_that_is_refused_is_told(
    lake: Lake, cast: Cast, kind: str, system: str, host: str, english: str, kept: str
) -> None:
    secrets.add(name="pg", value="hush-hush-42", purpose="tests", hosts=[host], user=cast.dan, by=TESTS)
    source = {"type": kind, "host": host, "database": "shop", "user": "u", "secret": "pg", "table": "orders"}
    run = load(source)
    read = korean(run, "settings", f"{system} {host}/shop/orders: {english}")
    assert f"{system} {host}/shop/orders: " in read
    assert kept in read


def test_a_page_of_an_api_is_told(lake: Lake, settings: Any, db: None) -> None:
    with Receiver() as server:
        settings.OUTGOING_ALLOW = (("127.0.0.1", server.port),)

        def behave(handler: Any) -> None:
            handler.send_response(200)
            handler.send_header("Content-Length", "2")
            handler.end_headers()
            handler.wfile.write(b"{}")

        server.behave = behave
        run = load({"type": "http", "url": server.url("/x"), "records": "items"})
        place = server.url("/x").removeprefix("http://")
    read = korean(run, "bad_input", f"{place}: page 1 has nothing at «items»")
    assert place in read
    assert "1페이지" in read
    assert "«items»" in read


def test_a_run_without_its_partition_is_told(lake: Lake, files: Path, db: None) -> None:
    job = make(
        "extract_load",
        {
            "source": {"path": "{partition}.csv"},
            "target": "sales.orders",
            "mode": "partition",
            "partition_column": "day",
        },
    )
    run = trigger(
        job=job,
        params={"partition": "2026-01-01"},
        by=TESTS,
        trigger=Trigger.MANUAL,
        requested_by=None,
        principal="tests",
    ).run
    # The parameter is asked for when a run begins; this one was queued before the job needed it.
    Run.objects.filter(pk=run.pk).update(params={})
    run = finish(run)
    assert "«partition»" in korean(
        run, "settings", "The run needs the parameter «partition»: which partition to load."
    )


def test_a_query_that_is_refused_when_it_runs_is_told(lake: Lake, cast: Cast) -> None:
    lake.publish("flights.flights", "SELECT 'AA' AS carrier")
    table = dataset("flights", table={"physical_name": "flights.flights"})
    sql = "SELECT carrier FROM flights.flights"
    run = ask(sql=sql, parameters={}, chart=None, by=Actor.person(cast.ben), requested_by=cast.ben)
    # Withdrawn while the query waits.
    table.asset.delete()
    run = finish(run)
    read = korean(run, "bad_input", "There is no table flights.flights that you may read.")
    assert "flights.flights" in read


def test_a_form_tells_it_at_its_field_in_the_readers_language() -> None:
    source = {"path": "orders.csv", "header": False}
    database = {
        "type": "mysql",
        "host": "db.example.com",
        "database": "shop",
        "user": "u",
        "secret": "s",
        "sql": "DELETE FROM x",
    }
    for given, field in ((source, "columns"), (database, "source.mysql.sql")):
        with override("ko"), pytest.raises(ValidationError) as caught:
            ExtractLoadConfig.model_validate({"source": given, "target": "sales.orders"})
        (found,) = complaints(caught.value)
        assert found["field"] == field
        assert HANGUL.match(found["message"]) or found["message"].startswith("SELECT 하나")
