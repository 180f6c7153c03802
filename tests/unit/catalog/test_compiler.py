"""What MetricFlow makes of a definition gives the same numbers as the reference compiler's plain SQL."""

import datetime as dt
import math
from typing import Any

import duckdb
import pytest
import sqlglot
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlglot import exp

from catalog.compiler import metric_compiler
from catalog.compiler.port import Source, Surroundings
from catalog.definitions import (
    Aggregation,
    Computation,
    Cumulative,
    Derived,
    ExpertSql,
    Filter,
    Measure,
    MetricDefinition,
    Operator,
    Ratio,
    Simple,
)
from catalog.exceptions import BadDefinition, RefusedSql, UnknownColumn, UnknownDataset, UnknownMetric
from tests.unit.catalog.reference_compiler import reference_sql

COLUMNS = {
    "day": "DATE",
    "moment": "TIMESTAMP WITH TIME ZONE",
    "amount": "INTEGER",
    "kind": "VARCHAR",
    "flag": "BOOLEAN",
}
KNOWN = Surroundings({"t.facts": Source("t.facts", COLUMNS)})
GRAINS = ("day", "week", "month")
ROWS = Measure(aggregation=Aggregation.COUNT)


@pytest.fixture(scope="module")
def compiler():
    return metric_compiler(dialect="duckdb")


def _definition(computation: Computation, **changes) -> MetricDefinition:
    return MetricDefinition(
        **{"dataset": "t.facts", "time_column": "day", "computation": computation, **changes}
    )


def _facts(rows) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(":memory:", config={"threads": 1})
    connection.execute("SET TimeZone = 'UTC'")
    columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
    connection.execute(f"CREATE SCHEMA t; CREATE TABLE t.facts ({columns})")
    if rows:
        connection.executemany("INSERT INTO t.facts VALUES (?, ?, ?, ?, ?)", rows)
    return connection


days = st.dates(dt.date(2024, 1, 25), dt.date(2024, 3, 5))
moments = st.datetimes(dt.datetime(2024, 1, 25), dt.datetime(2024, 3, 5), timezones=st.just(dt.UTC))  # noqa: DTZ001
rows = st.lists(
    st.tuples(
        st.none() | days,
        st.none() | moments,
        st.none() | st.integers(-50, 50),
        st.none() | st.sampled_from(["a", "b", "it's", ""]),
        st.none() | st.booleans(),
    ),
    max_size=25,
)
filters = st.one_of(
    st.builds(
        Filter,
        column=st.just("amount"),
        operator=st.sampled_from(
            [Operator.LT, Operator.LE, Operator.GT, Operator.GE, Operator.EQ, Operator.NE]
        ),
        value=st.integers(-20, 20),
    ),
    st.builds(
        Filter,
        column=st.just("kind"),
        operator=st.just(Operator.IN),
        value=st.lists(st.sampled_from(["a", "it's", "x); DROP TABLE t.facts; --"]), min_size=1),
    ),
    st.builds(
        Filter,
        column=st.sampled_from(["amount", "kind"]),
        operator=st.sampled_from([Operator.IS_NULL, Operator.IS_NOT_NULL]),
    ),
    st.builds(Filter, column=st.just("flag"), operator=st.just(Operator.EQ), value=st.booleans()),
)
numeric = st.builds(
    Measure,
    aggregation=st.sampled_from(
        [
            Aggregation.SUM,
            Aggregation.COUNT,
            Aggregation.COUNT_DISTINCT,
            Aggregation.AVERAGE,
            Aggregation.MIN,
            Aggregation.MAX,
            Aggregation.MEDIAN,
        ]
    ),
    column=st.just("amount"),
    filters=st.lists(filters, max_size=2).map(tuple),
)
counted = st.builds(
    Measure,
    aggregation=st.just(Aggregation.COUNT),
    column=st.none() | st.just("kind"),
    filters=st.lists(filters, max_size=2).map(tuple),
)
booleans = st.builds(Measure, aggregation=st.just(Aggregation.SUM_BOOLEAN), column=st.just("flag"))
measures = st.one_of(numeric, counted, booleans)
computations = st.one_of(
    st.builds(Simple, measure=measures), st.builds(Ratio, numerator=measures, denominator=measures)
)
times = st.sampled_from(
    [("day", "UTC"), ("moment", "UTC"), ("moment", "Asia/Seoul"), ("moment", "America/New_York")]
)


def _same(left: list[tuple[Any, ...]], right: list[tuple[Any, ...]]) -> bool:
    return len(left) == len(right) and all(
        one[0] == other[0]
        and one[2] == other[2]
        and (one[1] == other[1] or (None not in (one[1], other[1]) and math.isclose(one[1], other[1])))
        for one, other in zip(left, right, strict=True)
    )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=rows, computation=computations, time=times, grain=st.sampled_from(GRAINS))
def test_it_agrees_with_the_reference(compiler, rows, computation, time, grain) -> None:
    definition = _definition(computation, time_column=time[0], time_zone=time[1])
    sql = compiler.compile(definition, grain, KNOWN).sql
    reference = reference_sql(definition, grain, "t.facts", zoned=time[0] == "moment")
    with _facts(rows) as connection:
        assert _same(connection.execute(sql).fetchall(), connection.execute(reference).fetchall()), sql


def test_the_reference_would_notice_a_wrong_sum() -> None:
    assert not _same([(dt.date(2024, 1, 1), 2.0, 1)], [(dt.date(2024, 1, 1), 1.0, 1)])
    assert not _same([(dt.date(2024, 1, 1), None, 0)], [(dt.date(2024, 1, 1), 0.0, 0)])


def test_a_moment_belongs_to_the_day_of_the_metrics_zone(compiler) -> None:
    late = dt.datetime(2024, 1, 31, 16, 0, tzinfo=dt.UTC)
    with _facts([(None, late, 1, None, None)]) as connection:
        for zone, day in (("UTC", dt.date(2024, 1, 31)), ("Asia/Seoul", dt.date(2024, 2, 1))):
            definition = _definition(Simple(measure=ROWS), time_column="moment", time_zone=zone)
            assert connection.execute(compiler.compile(definition, "day", KNOWN).sql).fetchall() == [
                (day, 1.0, 1)
            ]


def test_weeks_begin_on_monday(compiler) -> None:
    with _facts(
        [(dt.date(2024, 2, 4), None, 1, None, None), (dt.date(2024, 2, 5), None, 1, None, None)]
    ) as facts:
        found = facts.execute(
            compiler.compile(_definition(Simple(measure=ROWS)), "week", KNOWN).sql
        ).fetchall()
    assert [row[0] for row in found] == [dt.date(2024, 1, 29), dt.date(2024, 2, 5)]


def test_a_trailing_window_adds_up_the_days_before(compiler) -> None:
    first = dt.date(2024, 2, 1)
    facts = [(first + dt.timedelta(days=n), None, 10 * (n + 1), None, None) for n in (0, 1, 2, 4)]
    total = Cumulative(measure=Measure(aggregation=Aggregation.SUM, column="amount"), window="3 days")
    with _facts(facts) as connection:
        found = connection.execute(compiler.compile(_definition(total), "day", KNOWN).sql).fetchall()
    assert [(row[0].day, row[1], row[2]) for row in found] == [
        (1, 10, 1), (2, 30, 2), (3, 60, 3), (4, 50, 2), (5, 80, 2),
    ]  # fmt: skip


def test_a_running_total_starts_anew_with_its_month(compiler) -> None:
    facts = [(dt.date(2024, 1, 30), None, 1, None, None), (dt.date(2024, 1, 31), None, 1, None, None)]
    facts += [(dt.date(2024, 2, 1), None, 1, None, None)]
    total = Cumulative(measure=ROWS, grain_to_date="month")
    with _facts(facts) as connection:
        by_day = connection.execute(compiler.compile(_definition(total), "day", KNOWN).sql).fetchall()
        by_month = connection.execute(compiler.compile(_definition(total), "month", KNOWN).sql).fetchall()
    assert [row[1] for row in by_day] == [1, 2, 1]
    assert [(row[0].month, row[1]) for row in by_month] == [(1, 2), (2, 1)]


def test_a_derived_metric_is_computed_from_others(compiler) -> None:
    total = _definition(Simple(measure=Measure(aggregation=Aggregation.SUM, column="amount")))
    number = _definition(Simple(measure=ROWS))
    derived = _definition(
        Derived(expression="(total - 1) / (number - 2)", inputs={"total": "m.total", "number": "m.number"})
    )
    known = Surroundings(KNOWN.sources, {"m.total": total, "m.number": number})
    day, next_day = dt.date(2024, 2, 1), dt.date(2024, 2, 2)
    facts = [(day, None, 4, None, None)] * 4 + [(next_day, None, 4, None, None)] * 2
    with _facts(facts) as connection:
        found = connection.execute(compiler.compile(derived, "day", known).sql).fetchall()
    # 15 / 2, not cut to a whole number; and a division by nothing has no value.
    assert found == [(day, 7.5, 4), (next_day, None, 2)]


def test_a_derived_metric_that_leads_back_to_itself_is_refused(compiler) -> None:
    looped = _definition(Derived(expression="a", inputs={"a": "m.loop"}))
    with pytest.raises(BadDefinition, match="lead back"):
        compiler.compile(looped, "day", Surroundings(KNOWN.sources, {"m.loop": looped}))


@pytest.mark.parametrize("expression", ["a; b", "a +", "b", "sum(a)", "a.b", "a . b"])
def test_a_derived_expression_is_only_arithmetic_over_its_inputs(compiler, expression: str) -> None:
    simple = _definition(Simple(measure=ROWS))
    known = Surroundings(KNOWN.sources, {"m.a": simple})

    def compiled() -> object:
        computation = Derived(expression=expression, inputs={"a": "m.a"})
        return compiler.compile(_definition(computation), "day", known)

    with pytest.raises((BadDefinition, ValueError)):
        compiled()


def test_what_is_unknown_is_named(compiler) -> None:
    with pytest.raises(UnknownDataset, match=r"t\.other"):
        compiler.compile(_definition(Simple(measure=ROWS), dataset="t.other"), "day", KNOWN)
    wrong = Measure(aggregation=Aggregation.SUM, column="amuont")
    with pytest.raises(UnknownColumn, match=r"amuont.*it has day, moment, amount"):
        compiler.compile(_definition(Simple(measure=wrong)), "day", KNOWN)
    with pytest.raises(UnknownMetric, match=r"m\.none"):
        compiler.compile(_definition(Derived(expression="a", inputs={"a": "m.none"})), "day", KNOWN)


def test_the_same_definition_gives_the_same_sql(compiler) -> None:
    definition = _definition(Ratio(numerator=ROWS, denominator=ROWS))
    assert len({compiler.compile(definition, "day", KNOWN).sql for _ in range(3)}) == 1
    assert compiler.compile(definition, "day", KNOWN).sql != compiler.compile(definition, "week", KNOWN).sql


def test_a_hostile_filter_stays_a_literal(compiler) -> None:
    hostile = "'; DROP TABLE t.facts; -- {{ Dimension('x') }}"
    measure = Measure(
        aggregation=Aggregation.COUNT, filters=(Filter(column="kind", operator=Operator.EQ, value=hostile),)
    )
    sql = compiler.compile(_definition(Simple(measure=measure)), "day", KNOWN).sql
    (statement,) = sqlglot.parse(sql, dialect="duckdb")
    assert statement is not None
    assert hostile in {node.this for node in statement.find_all(exp.Literal) if node.is_string}
    with _facts([(dt.date(2024, 2, 1), None, 1, hostile, None)]) as connection:
        assert connection.execute(sql).fetchall() == [(dt.date(2024, 2, 1), 1.0, 1)]


def test_expert_sql_is_cut_by_grain(compiler) -> None:
    written = ExpertSql(
        sql="WITH f AS (SELECT * FROM t.facts) SELECT date_trunc($grain, day) AS period,"
        " sum(amount) AS value, count(*) AS sample FROM f GROUP BY 1"
    )
    facts = [(dt.date(2024, 2, 1), None, 1, None, None), (dt.date(2024, 2, 2), None, 2, None, None)]
    with _facts(facts) as connection:
        found = connection.execute(compiler.compile(_definition(written), "month", KNOWN).sql).fetchall()
    assert found == [(dt.date(2024, 2, 1), 3.0, 2)]


def test_expert_sql_without_grain_serves_one_grain_only(compiler) -> None:
    written = ExpertSql(sql="SELECT day AS period, 1 AS value FROM t.facts")
    with pytest.raises(BadDefinition, match=r"\$grain"):
        compiler.compile(_definition(written), "day", KNOWN)
    assert compiler.compile(_definition(written, grains=("day",)), "day", KNOWN).sql


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1 AS period, 2 AS value; SELECT 3",
        "DELETE FROM t.facts",
        "WITH x AS (DELETE FROM t.facts RETURNING *) SELECT * FROM x",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM read_parquet('x')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM glob('*')",
        "SELECT * FROM duckdb_secrets()",
        "SELECT * FROM postgres_query('lake', 'SELECT 1')",
        "SELECT getenv('HOME') AS period, 1 AS value FROM t.facts",
        "SELECT * FROM t.secret",
        "SELECT day AS period, (SELECT max(x) FROM t.secret) AS value FROM t.facts",
        "SELECT * FROM t.facts UNION ALL SELECT * FROM t.secret",
        "SELECT * FROM lake.t.facts",
        "SELECT * FROM information_schema.tables",
        "COPY (SELECT 1) TO '/tmp/x'",
        "ATTACH 'x'",
        "PRAGMA database_list",
        "CALL ducklake_cleanup_old_files('lake')",
        "SELECT * INTO t.new FROM t.facts",
        "not sql at all (",
    ],
)
def test_harmful_expert_sql_is_refused(compiler, sql: str) -> None:
    with pytest.raises(RefusedSql):
        compiler.compile(_definition(ExpertSql(sql=sql), grains=("day",)), "day", KNOWN)


def test_expert_sql_must_return_period_and_value(compiler) -> None:
    with pytest.raises(BadDefinition, match="lacks value"):
        compiler.compile(
            _definition(ExpertSql(sql="SELECT day AS period FROM t.facts"), grains=("day",)), "day", KNOWN
        )


def test_another_dialect_is_refused_in_words() -> None:
    with pytest.raises(BadDefinition, match="bigquery"):
        metric_compiler(dialect="bigquery")
