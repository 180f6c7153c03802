"""Databases and HTTP APIs into the lake, by the real run against real servers; the last good data stays."""

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl
from uuid import uuid4

import psycopg2
import pymysql
import pytest
from pydantic import ValidationError

from jobs.actions import secrets
from jobs.models import Job, Run, RunLog
from jobs.runners.extraction.models import HttpApi
from jobs.runners.load_config import ExtractLoadConfig
from tests.conftest import Cast
from tests.lake import Lake
from tests.receiver import Receiver
from tests.unit.jobs.loading import TESTS, make, message_of, succeed, work_off

PASSWORD = "hush-hush-42"
# The machine's own servers are everybody's: each process of tests has a table and a reader of its own there.
TABLE = f"dd_orders_{uuid4().hex[:12]}"
READER = f"dd_{uuid4().hex[:12]}"


def rows(lake: Lake) -> list[tuple[Any, ...]]:
    return lake.ask("SELECT * FROM sales.orders ORDER BY ALL").rows


@pytest.fixture
def pg(settings: Any, cast: Cast) -> Any:
    try:
        server = psycopg2.connect(host="127.0.0.1", user="postgres", dbname="postgres", connect_timeout=2)
    except psycopg2.Error as error:
        pytest.skip(f"PostgreSQL on 127.0.0.1:5432 does not let postgres in: {error}")
    server.autocommit = True
    settings.OUTGOING_ALLOW = (("127.0.0.1", 5432),)
    secrets.add(name="pg", value=PASSWORD, purpose="tests", hosts=["127.0.0.1"], user=cast.dan, by=TESTS)
    with contextlib.closing(server), server.cursor() as cursor:
        cursor.execute(
            f"DROP TABLE IF EXISTS {TABLE}; CREATE TABLE {TABLE} (id int, day date, word text,"
            " price numeric(10,2), at timestamptz, ok bool, doc jsonb)"
        )
        cursor.execute(
            f"INSERT INTO {TABLE} VALUES (1, '2026-01-01', E'a,\"b\\nc', 1.10, now(), true, '{{}}'),"  # noqa: S608
            " (2, '2026-01-02', '', NULL, NULL, NULL, NULL), (3, '2026-01-02', NULL, 3, NULL, false, NULL)"
        )
        yield cursor
        cursor.execute(f"DROP TABLE IF EXISTS {TABLE}")


def database(kind: str, **changes: Any) -> dict[str, Any]:
    usual = {
        "host": "127.0.0.1",
        "database": "postgres",
        "user": "postgres",
        "secret": "pg",
        "table": TABLE,
    }
    return {"type": kind, **usual, **changes}


def test_a_table_of_postgresql_keeps_its_types_and_a_failure_the_last_good_rows(lake: Lake, pg: Any) -> None:
    source = database("postgresql", columns=["id", "day", "word", "price", "ok"])
    job = make("extract_load", {"source": source, "target": "sales.orders"})
    run = succeed(job)
    found = rows(lake)
    assert [(each[0], each[2], each[4]) for each in found] == [
        (1, 'a,"b\nc', True),
        (2, "", None),
        (3, None, False),
    ]
    assert str(found[0][3]) == "1.10"
    assert PASSWORD not in str(list(RunLog.objects.filter(run=run).values_list("lines", flat=True)))
    pg.execute(f"ALTER TABLE {TABLE} DROP COLUMN price")
    message = message_of(work_off(job))
    assert f"127.0.0.1/postgres/{TABLE}" in message
    assert "price" in message
    assert rows(lake) == found


def test_all_columns_and_a_select_by_partition(lake: Lake, pg: Any) -> None:
    whole = {"source": database("postgresql"), "target": "sales.orders"}
    succeed(make("extract_load", whole))
    assert len(rows(lake)[0]) == 7
    source = database("postgresql", table="", sql=f"SELECT id, day FROM {TABLE} WHERE day = :partition")  # noqa: S608
    config = {"source": source, "target": "sales.days", "mode": "partition", "partition_column": "day"}
    run = succeed(make("extract_load", config, key="days"), partition="2026-01-02")
    assert run.outputs["rows"] == 2


def test_rows_of_a_database_are_added_and_replaced_by_key(lake: Lake, pg: Any) -> None:
    source = database("postgresql", columns=["id", "word"])
    append = make("extract_load", {"source": source, "target": "sales.log", "mode": "append"}, key="log")
    upsert = make(
        "extract_load",
        {"source": source, "target": "sales.orders", "mode": "upsert", "key": ["id"]},
    )
    first = [succeed(job).pk for job in (append, upsert)]
    pg.execute(f"UPDATE {TABLE} SET word = 'new' WHERE id = 2; DELETE FROM {TABLE} WHERE id = 3")  # noqa: S608
    pg.execute(f"INSERT INTO {TABLE} (id, word) SELECT g, 'many' FROM generate_series(10, 40) g")  # noqa: S608
    second = [succeed(job).pk for job in (append, upsert)]
    found = lake.ask("SELECT _run_id, count(*) FROM sales.log GROUP BY 1").rows
    assert dict(found) == {str(first[0]): 3, str(second[0]): 33}
    assert rows(lake)[:4] == [(1, 'a,"b\nc'), (2, "new"), (3, None), (10, "many")]
    assert len(rows(lake)) == 3 + 31


def test_a_database_that_drops_the_connection_leaves_the_last_good_rows(lake: Lake, pg: Any) -> None:
    job = make("extract_load", {"source": database("postgresql", columns=["id"]), "target": "sales.orders"})
    succeed(job)
    before = rows(lake)
    # The rows keep coming for a minute; no row of it is in the lake yet when the server ends the session.
    slow = f"SELECT g AS id, pg_sleep(0.01)::text AS {TABLE} FROM generate_series(1, 6000) g"  # noqa: S608
    job = make(
        "extract_load",
        {
            "source": database("postgresql", table="", sql=slow),
            "target": "sales.orders",
            "new_columns": "add",
        },
    )
    ended: list[int] = []

    def end_it() -> None:
        find = (
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE query LIKE 'COPY %%' || %s || '%%' AND pid <> pg_backend_pid()"
        )
        deadline = time.monotonic() + 30
        while not sum(ended) and time.monotonic() < deadline:
            pg.execute(find, (TABLE,))
            ended.append(pg.fetchone()[0])
            time.sleep(0.05)

    thread = threading.Thread(target=end_it)
    thread.start()
    run = work_off(job)
    thread.join()
    assert sum(ended) == 1
    assert run.error["class"] == "elsewhere", run.error
    assert "127.0.0.1/postgres/SELECT" in message_of(run)
    assert "connection" in message_of(run)
    assert rows(lake) == before


@pytest.mark.parametrize("kind", ["postgresql", "mysql", "http"])
def test_more_than_a_run_may_copy_is_refused(lake: Lake, settings: Any, cast: Cast, kind: str) -> None:
    settings.EXTRACT_MB = 1
    secrets.add(name="pg", value=PASSWORD, purpose="tests", hosts=["127.0.0.1"], user=cast.dan, by=TESTS)
    with contextlib.ExitStack() as stack:
        source = stack.enter_context(SOURCES[kind](settings))
        run = work_off(make("extract_load", {"source": source, "target": "sales.orders"}))
    assert run.error["class"] == "settings", run.error
    assert "more than 1 MB (EXTRACT_MB)" in message_of(run)
    with lake.reader() as warehouse:
        assert warehouse.tables() == []


@contextlib.contextmanager
def large_postgresql(settings: Any) -> Iterator[dict[str, Any]]:
    settings.OUTGOING_ALLOW = (("127.0.0.1", 5432),)
    try:
        psycopg2.connect(host="127.0.0.1", user="postgres", dbname="postgres", connect_timeout=2).close()
    except psycopg2.Error as error:
        pytest.skip(f"PostgreSQL on 127.0.0.1:5432 does not let postgres in: {error}")
    yield database("postgresql", table="", sql="SELECT repeat('x', 1000) AS w FROM generate_series(1, 2000)")


@contextlib.contextmanager
def large_mysql(settings: Any) -> Iterator[dict[str, Any]]:
    settings.OUTGOING_ALLOW = (("127.0.0.1", 3306),)
    try:
        server = pymysql.connect(host="127.0.0.1", user="root", database="test", autocommit=True)
    except (pymysql.MySQLError, OSError) as error:
        pytest.skip(f"MariaDB on 127.0.0.1:3306 does not let root in: {error}")
    with contextlib.closing(server), server.cursor() as cursor:
        cursor.execute(f"CREATE OR REPLACE USER {READER}@'%' IDENTIFIED BY '{PASSWORD}'")
        cursor.execute(f"CREATE OR REPLACE TABLE {TABLE} (w mediumtext)")
        cursor.execute(f"GRANT SELECT ON test.{TABLE} TO {READER}@'%'")
        # Of three bytes each: characters alone would not be too many.
        cursor.execute(f"INSERT INTO {TABLE} VALUES (repeat('가', 400000))")  # noqa: S608
        try:
            yield database("mysql", database="test", user=READER)
        finally:
            cursor.execute(f"DROP TABLE {TABLE}")
            cursor.execute(f"DROP USER {READER}@'%'")


@contextlib.contextmanager
def large_http(settings: Any) -> Iterator[dict[str, Any]]:
    with Receiver() as server:
        settings.OUTGOING_ALLOW = (("127.0.0.1", server.port),)

        def behave(handler: Any) -> None:
            body = json.dumps([{"w": "x" * 1000}] * 2000).encode()
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body)

        server.behave = behave
        yield {"type": "http", "url": server.url("/x")}


SOURCES = {"postgresql": large_postgresql, "mysql": large_mysql, "http": large_http}


@pytest.mark.parametrize(
    ("changes", "words", "kind"),
    [
        ({"table": "nowhere"}, "nowhere", "settings"),
        ({"database": "no_such_db"}, "no_such_db", "refused"),
        ({"port": 1}, "network that is not public", "settings"),
        ({"table": "", "sql": "SELECT pg_sleep(9)", "patience": 1}, "timeout", "timeout"),
    ],
)
def test_a_source_that_fails_says_where_and_why(
    lake: Lake, pg: Any, changes: Any, words: str, kind: str
) -> None:
    run = work_off(
        make("extract_load", {"source": database("postgresql", **changes), "target": "sales.orders"})
    )
    assert words in message_of(run)
    assert run.error["class"] == kind


def test_a_table_of_mysql(lake: Lake, settings: Any, cast: Cast) -> None:
    try:
        server = pymysql.connect(host="127.0.0.1", user="root", database="test", autocommit=True)
    except (pymysql.MySQLError, OSError) as error:
        pytest.skip(f"MariaDB on 127.0.0.1:3306 does not let root in: {error}")
    settings.OUTGOING_ALLOW = (("127.0.0.1", 3306),)
    secrets.add(name="my", value=PASSWORD, purpose="tests", hosts=["127.0.0.1"], user=cast.dan, by=TESTS)
    with contextlib.closing(server), server.cursor() as cursor:
        cursor.execute(f"CREATE OR REPLACE USER {READER}@'%' IDENTIFIED BY '{PASSWORD}'")
        cursor.execute(
            f"CREATE OR REPLACE TABLE {TABLE} (id bigint, word text, price decimal(10,2), at timestamp NULL)"
        )
        cursor.execute(
            f"INSERT INTO {TABLE} VALUES (1, 'a\"\\r\\n하나', 1.10, '2026-01-01'), (2, NULL, NULL, NULL)"  # noqa: S608
        )
        cursor.execute(f"GRANT SELECT ON test.{TABLE} TO {READER}@'%'")
        try:
            source = database("mysql", database="test", user=READER, secret="my")
            succeed(make("extract_load", {"source": source, "target": "sales.orders"}))
            assert [each[:2] for each in rows(lake)] == [(1, 'a"\r\n하나'), (2, None)]
            cursor.execute(f"ALTER USER {READER}@'%' IDENTIFIED BY 'another'")
            run = work_off(make("extract_load", {"source": source, "target": "sales.orders"}))
            assert (run.error["class"], "Access denied" in message_of(run)) == ("refused", True)
        finally:
            cursor.execute(f"DROP TABLE {TABLE}")
            cursor.execute(f"DROP USER {READER}@'%'")


@pytest.mark.parametrize("paging", ["page", "offset", "cursor", "next_url"])
def test_pages_of_an_api_and_one_that_breaks_off(lake: Lake, settings: Any, cast: Cast, paging: str) -> None:
    with Receiver() as server:
        settings.OUTGOING_ALLOW = (("127.0.0.1", server.port),)
        secrets.add(name="api", value=PASSWORD, purpose="tests", hosts=["127.0.0.1"], user=cast.dan, by=TESTS)
        broken: list[bool] = []

        def behave(handler: Any) -> None:
            text = next(
                (each[1] for each in parse_qsl(handler.path.partition("?")[2]) if each[0] != "limit"), "0"
            )
            at = {"page": int(text) - 1, "offset": (int(text) + 1) // 2}.get(paging, int(text))
            if at and broken:
                server.reset(handler)
                return
            found = [[1, 2], [3, 4], [5], []][min(at, 3)]
            following = at + 1 if at < 2 else None
            meta = {"mark": following, "next": f"/x?at={following}" if following else None}
            body = json.dumps({"data": {"items": [{"id": each} for each in found]}, "meta": meta}).encode()
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body)

        server.behave = behave
        how: dict[str, dict[str, Any]] = {
            "page": {},
            "offset": {"limit": 2},
            "cursor": {"path": "meta.mark"},
            "next_url": {"path": "meta.next"},
        }
        source = {
            "type": "http",
            "url": server.url("/x"),
            "headers": [{"name": "Authorization", "secret": "api", "prefix": "Bearer "}],
            "records": "data.items",
            "paging": {"type": paging, **how[paging]},
        }
        job = make("extract_load", {"source": source, "target": "sales.orders"})
        succeed(job)
        assert rows(lake) == [(1,), (2,), (3,), (4,), (5,)]
        assert server.received[0].headers["authorization"] == f"Bearer {PASSWORD}"
        broken.append(True)
        assert work_off(job).error["class"] == "elsewhere"
        assert len(rows(lake)) == 5


def load_page(settings: Any, page: str, **changes: Any) -> Run:
    with Receiver() as server:
        settings.OUTGOING_ALLOW = (("127.0.0.1", server.port),)

        def behave(handler: Any) -> None:
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(page.encode())))
            handler.end_headers()
            handler.wfile.write(page.encode())

        server.behave = behave
        source = {"type": "http", "url": server.url("/x")}
        return work_off(make("extract_load", {"source": source, "target": "sales.orders", **changes}))


def test_numbers_of_an_api_keep_all_their_digits(lake: Lake, settings: Any, cast: Cast) -> None:
    page = '[{"price": 12345678901234567.89}, {"price": 123456789012.34568}, {"price": 1e-05}, {"price": 7}]'
    columns = [{"name": "price", "type": "DECIMAL(38,5)"}]
    run = load_page(settings, page, columns=columns)
    assert run.state == "succeeded", run.error
    assert [str(each[0]) for each in rows(lake)] == [
        "0.00001",
        "7.00000",
        "123456789012.34568",
        "12345678901234567.89000",
    ]


def test_half_a_character_of_an_api_is_named_by_page_and_record(
    lake: Lake, settings: Any, cast: Cast
) -> None:
    run = load_page(settings, '[{"word": "\\ud83d\\ude00"}, {"word": "\\ud83d"}]')
    assert "page 1, record 2 holds «\\ud83d», which is half a character" in message_of(run)
    assert run.error["class"] == "bad_input"


@pytest.mark.parametrize("url", ["https://example.com?day={partition}", "https://example.com/#{partition}"])
def test_a_partition_may_stand_behind_the_host(url: str) -> None:
    source = {"type": "http", "url": url}
    assert HttpApi.model_validate(source).url == url
    for host in ("{partition}", "{partition}.example.com", "x@{partition}", "example.com:{partition}"):
        with pytest.raises(ValidationError, match="the host is written out"):
            HttpApi.model_validate({**source, "url": f"https://{host}/x"})


def answers(server: Receiver, settings: Any, pages: dict[str, Any]) -> None:
    """Let the server answer each query with its JSON, and every other one with no records."""
    settings.OUTGOING_ALLOW = (("127.0.0.1", server.port),)

    def behave(handler: Any) -> None:
        body = json.dumps(pages.get(handler.path.partition("?")[2], {"items": []})).encode()
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    server.behave = behave


def paged(server: Receiver, **paging: Any) -> Job:
    source = {"type": "http", "url": server.url("/x"), "records": "items", "paging": paging}
    return make("extract_load", {"source": source, "target": "sales.orders"})


def test_a_server_that_gives_fewer_than_it_is_asked_for_is_read_to_its_end(
    lake: Lake, settings: Any, db: None
) -> None:
    pages = {
        query: {"items": [{"id": each} for each in range(at, min(at + 2, 5))]}
        for at, query in enumerate(["offset=0&limit=500", "", "limit=500&offset=2", "", "limit=500&offset=4"])
        if query
    }
    with Receiver() as server:
        answers(server, settings, pages)
        succeed(paged(server, type="offset", limit=500))
    assert rows(lake) == [(0,), (1,), (2,), (3,), (4,)]


@pytest.mark.parametrize("paging", [{"type": "cursor"}, {"type": "next_url"}])
def test_a_path_that_leads_to_no_next_page_is_named_with_what_there_is(
    lake: Lake, settings: Any, db: None, paging: dict[str, str]
) -> None:
    with Receiver() as server:
        answers(server, settings, {"": {"items": [{"id": 1}], "meta": {"next": "2", "total": 9}}})
        run = work_off(paged(server, **paging, path="meta.nxt"))
        said = "page 1 has nothing at «meta.nxt», which leads to the next page; there are: next, total."
        assert said in message_of(run)
        assert run.error["class"] == "bad_input"
        succeed(paged(server, **paging, path="meta.nxt", may_be_missing=True))


@pytest.mark.parametrize(
    "sql",
    ["DELETE FROM x", "SELECT 1; DROP TABLE x", "SELECT * INTO y FROM x", "SELECT * FROM x FOR UPDATE",
     "WITH z AS (DELETE FROM x RETURNING *) SELECT * FROM z", "SELECT 1) TO PROGRAM 'x' --"],
)  # fmt: skip
def test_only_one_reading_select_is_taken(sql: str) -> None:
    with pytest.raises(ValidationError, match="sql:"):
        ExtractLoadConfig.model_validate(
            {"source": database("postgresql", table="", sql=sql), "target": "a.b"}
        )
