"""Attacks by SQL, each by its id: through values, names, filters, and through SQL that a person may write."""

import ast
import datetime as dt
import math
import re
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from django.conf import settings as django_settings
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.accounts.models import User
from portal.warehouse.checks import quoted
from portal.warehouse.errors import QueryFailed, RefusedSql, WarehouseError
from portal.warehouse.linting import ReadableTable, prepare
from portal.warehouse.port import Warehouse
from tests.factories import jobs as jobs_factory
from tests.factories.catalog import dataset
from tests.lake import Lake
from tests.security.policy import routes

TABLES = {"t.facts": ReadableTable("t.facts", {"n": "INTEGER", "name": "VARCHAR"})}


@pytest.fixture
def reader(lake: Lake) -> Iterator[Warehouse]:
    """The read-only connection that people's SQL gets, over one table."""
    lake.publish("t.facts", "SELECT 1 AS n, 'one' AS name")
    with lake.reader() as warehouse:
        yield warehouse


def bound(warehouse: Warehouse, value: Any, sql: str = "SELECT $p AS p") -> Any:
    prepared = prepare(sql, dialect="duckdb", tables=TABLES, parameters=["p"])
    return warehouse.read(prepared.sql, {"p": value}, limit=10, timeout=30).rows[0][0]


# --- A20: values

TEXTS = (
    "",
    "'",
    "''",
    '"',
    "\\'",
    "'; DROP TABLE t.facts; --",
    "' OR 1=1 --",
    "' UNION SELECT 1 --",
    "$p",
    "$1",
    "$$; SELECT 1; $$",
    "?",
    "%s",
    "%(p)s",
    "%",
    "{p}",
    "{{ p }}",
    ":p",
    "/* p */",
    "-- p",
    "ʼ; DROP TABLE t.facts; --",
    "＇ OR 1=1",
    "‘x’ “y” «z»",
    "\u202e gnp.exe",
    "한국어 🐿",
    "a\nb\r\nc\td",
    "a\x00b",
    "x" * 1_000_000,
    "E'\\x27'",
    "1; ATTACH 'x'",
)
VALUES = (
    None,
    True,
    False,
    0,
    -1,
    2**31,
    2**63 - 1,
    -(2**63),
    2**64 - 1,
    0.1,
    -0.0,
    1e308,
    5e-324,
    float("inf"),
    float("-inf"),
    dt.date(2013, 2, 8),
    dt.date(1, 1, 1),
    dt.datetime(2013, 2, 8, 10, 30, 1, 5),  # noqa: DTZ001
    dt.time(23, 59, 59, 999_999),
    [1, 2, 3],
    ["'; DROP TABLE t.facts; --", "%s", "ʼ"],
    [[1], [2, 3]],
    [1.5, None],
    {"a": "'", "b": 1},
    b"\x00'\xff",
)


@pytest.mark.parametrize("whole", [TEXTS, VALUES], ids=["texts", "other kinds"])
def test_a20_each_kind_of_value_is_bound_and_comes_back_equal(
    reader: Warehouse, whole: tuple[Any, ...]
) -> None:
    for value in whole:
        found = bound(reader, value)
        assert (found, type(found)) == (value, type(value)), repr(value)[:80]
    assert math.isnan(bound(reader, float("nan")))
    assert reader.read("SELECT count(*) FROM t.facts", limit=1, timeout=30).rows == [(1,)]


def test_a20_a_value_is_only_compared_never_read_as_sql(reader: Warehouse) -> None:
    for text in TEXTS:
        assert bound(reader, text, "SELECT count(*) FROM t.facts WHERE name = $p") == 0, text[:80]
        assert bound(reader, text, "SELECT count(*) FROM t.facts WHERE name LIKE $p") in {0, 1}, text[:80]
    assert bound(reader, "one", "SELECT count(*) FROM t.facts WHERE name = $p") == 1


def test_a20_any_text_comes_back_as_it_was(reader: Warehouse) -> None:
    @settings(deadline=None)
    @given(st.text(max_size=200))
    def comes_back(text: str) -> None:
        assert bound(reader, text) == text

    comes_back()


def test_a20_a_number_too_large_for_the_engine_is_refused_or_kept(reader: Warehouse) -> None:
    for number in (2**127 - 1, 2**200, -(2**200)):
        try:
            found = bound(reader, number)
        except WarehouseError:
            continue
        assert found == number


@pytest.mark.parametrize(
    "name", ["p; DROP TABLE t.facts", "p--", "'", 'p"', "1", "", "ｐ", "p\x00", "__class__.x", "p p"]
)
def test_a20_a_parameter_s_name_is_a_plain_word(name: str) -> None:
    with pytest.raises(RefusedSql):
        prepare(f"SELECT ${name}", dialect="duckdb", tables=TABLES, parameters=[name])


# --- A21: names


@settings(deadline=None)
@given(st.text(st.characters(exclude_characters="\x00.", exclude_categories=["Cs"]), min_size=1, max_size=60))
def test_a21_a_quoted_name_is_that_name_and_nothing_else(name: str) -> None:
    with duckdb.connect() as engine:
        described = engine.execute(f"SELECT 1 AS {quoted(name)}").description
    assert [column[0] for column in described or ()] == [name]


def test_a21_a_hostile_name_reaches_no_other_table(lake: Lake, reader: Warehouse) -> None:
    for name in ('t.facts"; DROP TABLE t.facts; --', "t.facts WHERE 1=0", 't."facts"', "t.facts; SELECT 2"):
        for act in (reader.row_count, reader.columns, reader.fingerprint):
            with pytest.raises(QueryFailed):
                act(name)
    assert reader.row_count("t.facts") == 1


# Where SQL is put together from parts at all, and how often: each of these was read, and takes names by
# quoted(), texts by literal(), numbers, a SELECT that sqlglot wrote from its tree, or a statement that Django
# wrote, its constants quoted by psycopg2. A new one is read by whoever raises its number.
_SQL_CALLS = {"execute", "executemany", "query", "read", "raw", "extra", "RawSQL", "sql", "stage_query"}
_PUT_TOGETHER = {
    "jobs/engine/statements.py": 1,
    "jobs/runners/dbt/lake.py": 1,
    "jobs/runners/extraction/mysql.py": 2,
    "jobs/runners/extraction/postgresql.py": 1,
    "jobs/runners/sql_model.py": 1,
    "portal/accounts/planned.py": 1,
    "portal/warehouse/asking.py": 1,
    "portal/warehouse/attaching.py": 3,
    "portal/warehouse/ducklake.py": 2,
    "portal/warehouse/expiring.py": 3,
    "portal/warehouse/guessing.py": 2,
    "portal/warehouse/keeping.py": 1,
    "portal/warehouse/peeking.py": 3,
    "portal/warehouse/profiles.py": 8,
    "portal/warehouse/publishing.py": 18,
    "portal/warehouse/staging.py": 1,
}
_FOLDERS = ("catalog", "jobs", "portal", "requests_app")


def _put_together(node: ast.expr) -> bool:
    if isinstance(node, ast.JoinedStr):
        return any(isinstance(part, ast.FormattedValue) for part in node.values)
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, ast.Mod | ast.Add)
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"format", "join", "replace"}
        and not isinstance(node.func.value, ast.Call | ast.Attribute)
    )


def _sql_calls() -> Iterator[tuple[str, ast.Call]]:
    for folder in _FOLDERS:
        for path in (Path(django_settings.BASE_DIR) / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call):
                    name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                    if name in _SQL_CALLS and node.args:
                        yield str(path.relative_to(django_settings.BASE_DIR)), node


def test_a21_sql_is_put_together_only_where_it_was_read() -> None:
    found = Counter(place for place, call in _sql_calls() if _put_together(call.args[0]))
    assert dict(found) == _PUT_TOGETHER


# --- A22: titles and names


def test_a22_no_name_reaches_a_comment_or_the_name_of_the_connection(world: Any) -> None:
    mark = "xq*/; DROP TABLE accounts_user; --"
    User.objects.update(name=mark)
    dataset("marked", name_en=mark)
    jobs_factory.make_job("marked", name_en=mark)
    sent: list[str] = []

    def watch(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        sent.append(str(sql))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(watch):
        for path in ("/", "/catalog/", f"/catalog/?q={mark}", "/jobs/", "/jobs/marked/", "/requests/"):
            assert world.client("ben").get(path).status_code == 200, path
    assert len(sent) > 20
    assert [sql for sql in sent if "xq*" in sql or "/*" in sql or "--" in sql] == []
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT application_name FROM pg_stat_activity WHERE pid = pg_backend_pid()")
        assert cursor.fetchall() == [("data-desk",)]


def test_a22_comments_of_a_query_do_not_reach_the_engine() -> None:
    found = prepare(
        "SELECT /*+ hint */ n -- Ada's secret\n FROM t.facts /* secret */", dialect="duckdb", tables=TABLES
    )
    assert not {"secret", "--", "/*", "hint"} & set(found.sql.split())
    assert "secret" not in found.sql


# --- A23: filters and orders

KEYS = (
    "order_by=password",
    "ordering=owner__password",
    "ordering=-owner__password,pk;",
    "_connector=OR%201=1%20OR",
    "_negated=1",
    "pk__in=1",
    "owner__password__startswith=pbkdf2",
    "title__startswith=x",
    "name_en__regex=(a%2B)%2B$",
    "team__members__email__contains=a",
    "__class__=x",
    "visibility=team",
    "q__contains=x",
    "annotate=password",
    "%00=%00",
    "extra%5Bwhere%5D=1=1",
)
# Of names that a list may know: nonsense, which it answers as a mistake or as if it were not there.
NONSENSE = (
    "owner=1e999999",
    "owner=1e-999999",
    "owner=NaN",
    "owner=-1",
    "owner=99999999999999999999999",
    "limit=1e999999",
    "cursor=1e999999",
    "cursor=WzAsMWU5OTk5OTld",
    "since=1e999999",
    "created_after=1e999999",
    "created_after=0001-01-01T00:00:00%2B14:00",
    "page=1e999999",
    "state=%00",
    "q=%00",
    "q=%1b%5b2J",
    "q=" + "a" * 5000,
    "q=%EF%BF%BF",
    "q=%ff%fe",
    "tag=%00",
    "team=%00",
    "job=%00",
    "kind=%00",
    "owner=%00",
    "asker=1e999999",
    "assignee=1e999999",
    "actor=1e999999",
    "search=%00",
    "days=1e999999",
    "since=0001-01-01",
    "since=9999-12-31",
    "until=0001-01-01",
    "until=9999-12-31",
    "day=9999-12-31",
    "from=%00",
    "to=%00",
    "folder=%00",
    "table=%00",
    "source=%00",
    "metric=%00",
    "run=%00",
)
_SLOW = 5.0


def _lists() -> list[tuple[str, str]]:
    """Each list of the portal with a principal who may read it."""
    pages = (
        "/",
        "/catalog/",
        "/jobs/",
        "/requests/",
        "/queries/",
        "/inbox/",
        "/audit/",
        "/requests/triage/",
        "/runs/",
        "/runs/day/",
        "/reports/",
        "/queues/",
        "/audit/deliveries/",
    )
    makers = ("/jobs/new/python/", "/files/", "/webhooks/", "/secrets/", "/reports/new/")
    api = (
        "/api/v1/jobs",
        "/api/v1/runs",
        "/api/v1/alerts",
        "/api/v1/reports",
        "/api/v1/datasets",
        "/api/v1/metrics",
        "/api/v1/questions",
    )
    return [
        *(("cleo", page) for page in pages),
        *(("dan", page) for page in makers),
        *(("token_read", page) for page in api),
    ]


@pytest.mark.parametrize(("who", "path"), _lists(), ids=[path for _who, path in _lists()])
def test_a23_no_filter_of_the_reader_s_own_making_counts(world: Any, who: str, path: str) -> None:
    client = world.client(who)
    plain = client.get(path)
    assert plain.status_code == 200, "this reader sees no list: nothing was tried"
    rows = _rows(plain)
    for query in (*KEYS, *NONSENSE):
        began = time.process_time()
        answer = client.get(f"{path}?{query}")
        took = time.process_time() - began
        assert answer.status_code in {200, 302, 400, 404}, f"{path}?{query}: {answer.status_code}"
        assert took < _SLOW, f"{path}?{query}: {took:.1f} s"
        if query in KEYS and answer.status_code == 200:
            assert _rows(answer) == rows, f"{path}?{query} chose other rows"


def _rows(answer: Any) -> list[Any]:
    """What a list shows: the numbers and keys of its rows in order, without what each request makes anew."""
    if "json" in answer.headers["Content-Type"]:
        return [row.get("id") or row.get("key") or row.get("number") for row in answer.json()["results"]]
    return re.findall(r'href="(/[^"?]*)"', answer.content.decode())


def test_a23_every_list_of_the_api_is_tried() -> None:
    listed = {path for who, path in _lists() if who == "token_read"}
    names = {
        name for name, route in routes().items() if route.api and not route.object and "GET" in route.rules
    }
    assert {name for name in names if f"/api/v1/{name.removeprefix('api_')}" in listed} >= {
        "api_jobs",
        "api_runs",
        "api_datasets",
        "api_metrics",
        "api_questions",
    }
