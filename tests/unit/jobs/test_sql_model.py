"""SQL models by the real run: tables, views, increments, lineage, order, and what an owner may not read."""

from typing import Any

import pytest
from pydantic import ValidationError

from catalog.models import Asset, Column, Dataset, LineageEdge
from jobs.checks import hints
from jobs.definitions import JobDefinition
from jobs.engine.ordering import arrange, follow_publisher
from jobs.exceptions import InvalidDefinition
from jobs.models import Job, Run
from jobs.runners.sql_model import SqlModelConfig
from tests.conftest import Cast
from tests.factories.jobs import make_job, make_run
from tests.lake import Lake
from tests.unit.jobs.loading import finish, make, message_of, succeed, work_off

LATE = """
WITH late AS (SELECT carrier, tailnum, delay > 15 AS is_late FROM ops.flights)
SELECT a.name AS airline, count(*) AS flights, avg(is_late::INT) AS late, max(tailnum) AS plane
FROM late JOIN ops.airlines a USING (carrier) GROUP BY a.name
"""


@pytest.fixture
def world(lake: Lake, cast: Cast) -> Lake:
    """Two published datasets; the tail number is personal."""
    fill(lake, cast)
    return lake


def fill(lake: Lake, cast: Cast, *, run: str = "run-0") -> None:
    rows = "('AA', 'N1', 20, 1), ('AA', 'N2', 0, 2), ('BB', 'N3', 30, 3)"
    flights = f"SELECT * FROM (VALUES {rows}) t(carrier, tailnum, delay, id)"  # noqa: S608
    lake.publish("ops.flights", flights, run_id=run)
    lake.publish(
        "ops.airlines", "SELECT * FROM (VALUES ('AA', 'Alpha'), ('BB', 'Beta')) t(carrier, name)", run_id=run
    )
    for key, names in (("ops.flights", "carrier tailnum delay id"), ("ops.airlines", "carrier name")):
        if Dataset.objects.filter(physical_name=key).exists():
            continue
        asset = Asset.objects.create(kind="dataset", key=key, name_en=key, owner=cast.dan)
        dataset = Dataset.objects.create(asset=asset, physical_name=key, published_at="2026-01-01T00:00:00Z")
        for position, name in enumerate(names.split()):
            kind = "INTEGER" if name in {"delay", "id"} else "VARCHAR"
            Column.objects.create(
                dataset=dataset, position=position, name=name, data_type=kind, personal=name == "tailnum"
            )


def model(cast: Cast, sql: str = LATE, key: str = "model", owner: str = "dan", **changes: Any) -> Job:
    config = {"target": "marts.late", "sql": sql, **changes}
    return make("sql_model", config, key=key, owner_email=getattr(cast, owner).email)


def test_a_table_is_made_with_lineage_of_tables_and_columns(world: Lake, cast: Cast) -> None:
    rules = [
        {"check": "unique", "columns": ["airline"]},
        {"check": "range", "columns": ["late"], "minimum": 0, "maximum": 1},
    ]
    run = succeed(
        model(cast, checks=rules, columns=[{"name": "late", "description_en": "Share of late flights"}])
    )
    assert world.ask("SELECT airline, flights, late FROM marts.late ORDER BY 1").rows == [
        ("Alpha", 2, 0.5),
        ("Beta", 1, 1.0),
    ]
    dataset = Dataset.objects.get(asset__key="marts.late")
    assert (dataset.published_by, dataset.row_count) == (run.pk, 2)
    assert [check["passed"] for check in dataset.checks] == [True, True]
    columns = {column.name: column for column in dataset.columns.all()}
    assert columns["airline"].made_from == [["ops.airlines", "name"]]
    assert columns["late"].made_from == [["ops.flights", "delay"]]
    assert columns["late"].description_en == "Share of late flights"
    # What is made of a personal column is personal: no value of it is shown anywhere.
    assert (columns["plane"].personal, columns["plane"].maximum) == (True, "")
    assert "N2" not in str(dataset.sample)
    edges = set(LineageEdge.objects.values_list("upstream_key", "downstream_key"))
    assert {("ops.flights", "marts.late"), ("ops.airlines", "marts.late"), ("model", "marts.late")} <= edges


def test_a_view_follows_its_tables_and_may_become_a_table(world: Lake, cast: Cast) -> None:
    sql = "SELECT carrier, count(*) AS n FROM ops.flights GROUP BY carrier"
    succeed(model(cast, sql, materialization="view"))
    world.publish(
        "ops.flights", "SELECT 'CC' AS carrier, 'N9' AS tailnum, 1 AS delay, 9 AS id", run_id="run-1"
    )
    assert world.ask("SELECT * FROM marts.late").rows == [("CC", 1)]
    assert Dataset.objects.get(asset__key="marts.late").row_count == 2
    rules = [{"check": "row_count", "minimum": 5}]
    assert "row_count_at_least" in message_of(
        work_off(model(cast, sql, materialization="view", checks=rules))
    )
    succeed(model(cast, sql, materialization="table"))
    fill(world, cast, run="run-2")
    assert world.ask("SELECT * FROM marts.late").rows == [("CC", 1)]
    succeed(model(cast, sql, materialization="view"))
    assert len(world.ask("SELECT * FROM marts.late").rows) == 2


def test_increments_by_watermark_and_by_partition(world: Lake, cast: Cast) -> None:
    by = {"materialization": "incremental", "incremental_column": "id"}
    job = model(cast, "SELECT id, delay FROM ops.flights", **by)
    succeed(job)
    more = "SELECT * FROM (VALUES ('AA', 'N1', 99, 1), ('AA', 'N4', 7, 4)) t(carrier, tailnum, delay, id)"
    world.publish("ops.flights", more, run_id="run-1")
    assert succeed(job).outputs["rows"] == 1
    assert succeed(job).outputs["rows"] == 0
    assert world.ask("SELECT id, delay FROM marts.late ORDER BY 1").rows == [(1, 20), (2, 0), (3, 30), (4, 7)]
    job = model(cast, "SELECT id, delay FROM ops.flights", incremental_by="partition", **by)
    succeed(job)
    assert world.ask("SELECT id, delay FROM marts.late ORDER BY 1").rows == [(1, 99), (2, 0), (3, 30), (4, 7)]
    job = model(cast, "SELECT id, delay, carrier FROM ops.flights", incremental_by="partition", **by)
    assert "the column «carrier» is new" in message_of(work_off(job))


@pytest.mark.parametrize(
    ("sql", "said", "place"),
    [
        ("SELECT * FROM ops.nothing", "There is no table ops.nothing that you may read", (1, 19)),
        ("SELECT carier\nFROM ops.flights", "Did you mean carrier?", (1, 8)),
        ("SELECT 1 AS a; SELECT 2 AS b", "Only one statement", None),
        ("DROP TABLE ops.flights", "Only a SELECT", None),
        ("SELECT count(*) FROM ops.flights", "Column 1 has no name", None),
        ("SELECT id, delay AS id FROM ops.flights", "Two columns are called id", None),
        ("SELECT read_text('/etc/passwd') AS t", "read_text() may not be used", None),
        ("SELECT id FROM marts.late", "There is no table marts.late", None),
        ("SELECT CAST(carrier AS INT) AS n FROM ops.flights", "Could not convert string 'AA'", None),
    ],
)
def test_a_model_that_may_not_run_says_why_and_where(
    world: Lake, cast: Cast, sql: str, said: str, place: tuple[int, int] | None
) -> None:
    run = work_off(model(cast, sql))
    assert said in message_of(run)
    # Of these only the rows themselves are no fault of what was written.
    assert run.error["class"] == ("bad_input" if "convert" in said else "settings")
    if place:
        assert (run.error["place"]["line"], run.error["place"]["column"]) == place
    assert "marts.late" not in world.writer().tables()


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("SELECT carrier, count(*) AS n FROM ops.flights GROUP BY 1", ""),
        ("SELECT carrrier FROM ops.flights", "Did you mean carrier?"),
        ("SELECT day FROM ops.not_there_yet", "ops.not_there_yet"),
    ],
)
def test_what_is_not_there_now_is_a_hint_and_no_fault(world: Lake, cast: Cast, sql: str, told: str) -> None:
    definition = JobDefinition(
        key="model", name_en="Model", name_ko="", kind="sql_model", config={"target": "ops.new", "sql": sql}
    )
    found = hints(definition, cast.dan)
    assert len(found) == (1 if told else 0)
    assert all(told in each for each in found)


def test_it_reads_what_its_owner_may_read(world: Lake, cast: Cast) -> None:
    assert "give the job an owner who may run SQL" in message_of(work_off(model(cast, owner="ada")))
    assert "masked for you" in message_of(work_off(model(cast, owner="ben")))
    Asset.objects.filter(key="ops.airlines").update(visibility="team", owner=cast.dan)
    assert "no table ops.airlines" in message_of(work_off(model(cast, owner="ben")))
    succeed(model(cast))
    # It is made from what not everybody may see: nor is it for everybody.
    assert Asset.objects.get(key="marts.late").visibility == "team"


def test_too_many_rows_end_it(world: Lake, cast: Cast) -> None:
    run = work_off(model(cast, "SELECT id FROM ops.flights", most_rows=2))
    assert "more than 2 rows" in message_of(run)
    run = work_off(
        model(cast, "SELECT sum(a.range * b.range) AS n FROM range(100000000) a, range(1000) b", timeout=0.3)
    )
    assert run.error["class"] == "timeout"


def test_models_run_in_the_order_that_their_sql_states(world: Lake, cast: Cast) -> None:
    third = model(cast, "SELECT n + 1 AS n FROM marts.second", key="third", target="marts.third")
    second = model(cast, "SELECT n + 1 AS n FROM marts.first", key="second", target="marts.second")
    first = model(cast, "SELECT 1 AS n", key="first", target="marts.first")
    assert list(second.after.all()) == [first]
    assert list(third.after.all()) == [second]
    succeed(first)
    for job in (second, third):
        run = finish(Run.objects.get(job=job))
        assert (run.state, run.trigger) == ("succeeded", "after")
    assert world.ask("SELECT n FROM marts.third").rows == [(3,)]
    loop = {"key": "first", "target": "marts.first"}
    with pytest.raises(InvalidDefinition, match="first → second → third → first"):
        model(cast, "SELECT n FROM marts.third", **loop)


def test_a_circle_does_not_name_what_its_editor_may_not_see(world: Lake, cast: Cast) -> None:
    first = model(cast, "SELECT 1 AS n", key="first", target="marts.first")
    model(cast, "SELECT n FROM marts.first", key="second", target="marts.second")
    Job.objects.filter(key="second").update(private=True)
    first.config["sql"] = "SELECT n FROM marts.second"
    first.save()
    with pytest.raises(InvalidDefinition, match="first → … → first"):
        arrange(first, reader=cast.finn)


def test_a_model_that_reads_something_else_is_let_go(world: Lake, cast: Cast) -> None:
    first = model(cast, "SELECT 1 AS n", key="first", target="marts.first")
    second = model(cast, "SELECT n FROM marts.first", key="second", target="marts.second")
    assert list(second.after.all()) == [first]
    second = model(cast, "SELECT 2 AS n", key="second", target="marts.second")
    assert list(second.after.all()) == []
    second = model(
        cast, "SELECT n FROM marts.first", key="second", target="marts.second", follows_inputs=False
    )
    assert list(second.after.all()) == []
    arrange(first)
    assert list(second.after.all()) == []


def test_a_model_follows_whoever_publishes_its_tables(world: Lake, cast: Cast) -> None:
    reader = model(cast, "SELECT n FROM marts.first", key="reader", target="marts.reader")
    failed = model(cast, "SELECT 2 AS n", key="never-published", target="marts.first")
    assert list(reader.after.all()) == [failed]
    run = make_run(make_job("pipeline"))
    pipeline = run.job
    published(run, "marts.first")
    assert follow_publisher(run, ["marts.first"])
    assert list(reader.after.all()) == [pipeline]
    assert not follow_publisher(run, ["marts.first"])
    later = model(cast, "SELECT n FROM marts.first", key="later", target="marts.later")
    assert list(later.after.all()) == [pipeline]
    arrange(failed)
    assert list(reader.after.all()) == [pipeline]


def test_the_first_publish_of_a_table_starts_its_readers(world: Lake, cast: Cast) -> None:
    reader = model(cast, "SELECT n FROM marts.first", key="reader", target="marts.reader")
    first = model(cast, "SELECT 1 AS n", key="first", target="marts.first")
    reader.after.clear()
    succeed(first)
    assert list(reader.after.all()) == [first]
    assert Run.objects.get(job=reader).trigger == "after"


def published(run: Run, key: str) -> None:
    asset = Asset.objects.create(kind="dataset", key=key, name_en=key)
    Dataset.objects.create(asset=asset, physical_name=key, published_by=run.pk, published_at=run.created_at)
    LineageEdge.objects.create(
        upstream_kind="job",
        upstream_key=run.job.key,
        downstream_kind="dataset",
        downstream_key=key,
        source="run",
        seen_at="2026-01-01T00:00:00Z",
    )


def test_a_configuration_that_contradicts_itself_is_refused() -> None:
    for changes in (
        {"materialization": "incremental"},
        {"incremental_column": "id"},
        {"target": "x"},
        {"sql": ""},
    ):
        with pytest.raises(ValidationError):
            SqlModelConfig.model_validate({"target": "marts.late", "sql": "SELECT 1 AS n", **changes})
