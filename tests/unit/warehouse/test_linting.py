"""The first wall: what is read, resolved and refused before any SQL of a person runs."""

import contextlib
import time

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from portal.warehouse import vocabulary
from portal.warehouse.errors import RefusedSql
from portal.warehouse.linting import ReadableTable, prepare
from tests.lake import Lake
from tests.unit.warehouse.statements import BAD, FLIGHTS, GOOD, HUGE, WEATHER

TABLES = {
    "ops.flights": ReadableTable("ops.flights", dict.fromkeys(FLIGHTS, "VARCHAR"), frozenset({"tailnum"})),
    "ops.airlines": ReadableTable("ops.airlines", {"carrier": "VARCHAR", "name": "VARCHAR"}),
    "ops.weather": ReadableTable("ops.weather", dict.fromkeys(WEATHER, "DOUBLE")),
}
GIVEN = ("m", "day")


def checked(sql, tables=TABLES):
    return prepare(sql, dialect="duckdb", tables=tables, parameters=GIVEN)


def refusal(sql, tables=TABLES):
    with pytest.raises(RefusedSql) as refused:
        checked(sql, tables)
    return refused.value


@pytest.mark.parametrize("sql", GOOD)
def test_what_analysts_write_passes_and_reads_the_same_once_more(sql):
    once = checked(sql)
    again = checked(once.sql)
    assert (again.tables, again.columns, again.parameters) == (once.tables, once.columns, once.parameters)


@pytest.mark.parametrize("sql", BAD + HUGE)
def test_a24_what_nobody_may_send_is_refused_at_once(sql):
    began = time.process_time()
    refusal(sql)
    assert time.process_time() - began < 1


@pytest.mark.parametrize("sql", HUGE)
def test_a26_what_would_fill_the_memory_with_one_cell_says_what_to_write_instead(sql):
    assert "at most" in refusal(sql).message


def test_each_column_is_told_with_its_table_wherever_it_stands():
    found = checked(
        "SELECT f.carrier FROM ops.flights f JOIN ops.weather w ON f.origin = w.origin"
        " WHERE temp > 0 GROUP BY f.carrier, dest HAVING max(dep_delay) > 1 ORDER BY min(arr_delay)"
    )
    assert set(found.columns) == {
        ("ops.flights", "carrier"),
        ("ops.flights", "origin"),
        ("ops.weather", "origin"),
        ("ops.weather", "temp"),
        ("ops.flights", "dest"),
        ("ops.flights", "dep_delay"),
        ("ops.flights", "arr_delay"),
    }
    assert found.tables == ("ops.flights", "ops.weather")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT carrier FROM ops.flights WHERE tailnum = 'N1'",
        "SELECT count(*) FROM ops.flights GROUP BY tailnum",
        "SELECT carrier FROM ops.flights ORDER BY tailnum",
        "SELECT row_number() OVER (PARTITION BY tailnum) FROM ops.flights",
        "SELECT a.name FROM ops.airlines a JOIN ops.flights f ON a.carrier = f.tailnum",
        "SELECT (SELECT max(tailnum) FROM ops.flights f WHERE f.carrier = a.carrier) FROM ops.airlines a",
        "SELECT name FROM ops.airlines a WHERE EXISTS (SELECT 1 FROM ops.flights f WHERE f.tailnum = a.name)",
        "WITH x AS (SELECT * FROM ops.flights) SELECT carrier FROM x",
        "SELECT TAILNUM FROM ops.flights",
        'SELECT "tailnum" FROM ops.flights',
        "SELECT sum(1) FILTER (WHERE tailnum LIKE 'N%') FROM ops.flights",
        "SELECT list_transform([1], x -> x || tailnum) FROM ops.flights",
        "SELECT * REPLACE (upper(tailnum) AS carrier) FROM ops.flights",
        "SELECT name FROM ops.airlines a, LATERAL (SELECT tailnum FROM ops.flights f LIMIT 1) t",
        "SELECT {'a': tailnum} FROM ops.flights",
    ],
)
def test_a_withheld_column_is_refused_wherever_it_stands(sql):
    assert "masked for you" in str(refusal(sql))


def test_a_star_over_a_withheld_column_says_how_to_leave_it_out():
    assert "* EXCLUDE (tailnum)" in str(refusal("SELECT * FROM ops.flights"))
    assert ("ops.flights", "tailnum") not in checked("SELECT * EXCLUDE (tailnum) FROM ops.flights").columns


def test_a_table_that_one_may_not_read_looks_like_one_that_is_not_there():
    hidden = {name: table for name, table in TABLES.items() if name != "ops.weather"}
    one, other = refusal("SELECT 1 FROM ops.weather", hidden), refusal("SELECT 1 FROM ops.xeather", hidden)
    assert str(one) == str(other).replace("xeather", "weather")


@pytest.mark.parametrize(
    ("sql", "line", "column", "words"),
    [
        ("SELECT\n  carrier,\n  departure\nFROM ops.flights", 3, 3, "no column departure"),
        ("SELECT 1\nFROM ops.flight", 2, 10, "Did you mean ops.flights?"),
        ("SELECT 1, getenv('HOME')", 1, 11, "getenv() may not be used"),
        ("SELECT carrier FROM ops.flights WHERE tailnum = 'x'", 1, 39, "masked"),
        ("SELECT 1 +", 1, 10, "cannot be read"),
        ("SELECT averge(dep_delay) FROM ops.flights", 1, 8, "averge() may not be used"),
        ("SELECT carrier FROM ops.flights f JOIN ops.airlines a ON true", 1, 8, "write table.carrier"),
    ],
)
def test_a_refusal_says_where_and_what_to_do(sql, line, column, words):
    refused = refusal(sql)
    assert (refused.line, refused.column) == (line, column)
    assert words in refused.message


def test_a_refusal_is_in_the_readers_language():
    with translation.override("ko"):
        assert "SELECT" in str(refusal("DROP TABLE ops.flights"))
        assert any("가" <= letter <= "힣" for letter in str(refusal("DROP TABLE ops.flights")))


def test_comments_do_not_reach_the_engine():
    assert "secret" not in checked("SELECT 1 /* secret */ -- secret\n").sql


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT " + "(" * 400 + "1" + ")" * 400,
        "SELECT " + "[" * 60 + "1" + "]" * 60,
        "SELECT " + "+".join(["1"] * 6000),
        "SELECT '" + "x" * 30_000 + "'",
        "SELECT " + "NOT " * 3000 + "true",
        "SELECT " + "-" * 1 + " -" * 4000 + " 1",
        "SELECT 1" + " UNION SELECT 1" * 1300,
        "SELECT " + "CASE WHEN true THEN " * 300 + "1" + " END" * 300,
    ],
    ids=["parens", "brackets", "sum", "long", "not", "minus", "union", "case"],
)
def test_a_hostile_length_or_depth_is_refused_quickly(sql):
    began = time.process_time()
    refusal(sql)
    assert time.process_time() - began < 2


@given(st.text(max_size=80))
def test_no_text_breaks_the_linter(text):
    with contextlib.suppress(RefusedSql):
        checked(text)


@given(
    st.lists(
        st.sampled_from(["carrier", "dest", "dep_delay", "tailnum", "nope", "*"]), min_size=1, max_size=4
    ),
    st.sampled_from(["", " WHERE dep_delay > 1", " WHERE tailnum = 'x'", " WHERE nope = 1"]),
    st.sampled_from(["", " GROUP BY ALL", " ORDER BY 1", " LIMIT 3"]),
)
def test_what_passes_names_no_withheld_column(columns, where, rest):
    sql = f"SELECT {', '.join(columns)} FROM ops.flights{where}{rest}"  # noqa: S608
    try:
        found = checked(sql)
    except RefusedSql:
        return
    assert ("ops.flights", "tailnum") not in found.columns
    assert "tailnum" not in found.sql


def test_where_something_is_withheld_the_resolved_tree_is_sent():
    """The engine must not resolve a bare name otherwise than the linter did."""
    assert "flights.carrier" in checked("SELECT carrier FROM ops.flights").sql
    assert "airlines.carrier" not in checked("SELECT carrier FROM ops.airlines").sql


def test_the_good_ones_run_on_a_real_lake(lake: Lake):
    with lake.writer() as writer:
        flights = ", ".join(
            f"{'TIMESTAMPTZ ' + repr('2013-02-08 10:00:00+00') if name == 'time_hour' else 1} AS {name}"
            if name not in {"carrier", "tailnum", "origin", "dest"}
            else f"'x' AS {name}"
            for name in FLIGHTS
        )
        weather = (
            "'x' AS origin, 2013 AS year, 1 AS month, 1 AS day, 1 AS hour, 1.0 AS temp, 1.0 AS wind_speed"
        )
        staged = [
            lake.stage(writer, "ops.flights", f"SELECT {flights}"),
            lake.stage(writer, "ops.airlines", "SELECT 'x' AS carrier, 'Air x' AS name"),
            lake.stage(
                writer, "ops.weather", f"SELECT {weather}, TIMESTAMPTZ '2013-02-08 10:00:00+00' AS time_hour"
            ),
        ]
        writer.publish(staged, run_id="r1", fence=1)
    with lake.reader() as reader:
        for sql in GOOD:
            found = checked(sql)
            values = {"m": "x", "day": 1}
            reader.query(found.sql, {name: values[name] for name in found.parameters})


def test_the_vocabulary_holds_nothing_that_reads_or_writes_elsewhere():
    words = vocabulary.BY_NAME | {name.casefold() for name in vocabulary.KNOWN}
    harmful = (
        "read_",
        "write_",
        "duckdb_",
        "ducklake_",
        "pragma",
        "postgres",
        "getenv",
        "setting",
        "copy",
        "glob",
    )
    assert [word for word in words if any(part in word for part in harmful)] == []
