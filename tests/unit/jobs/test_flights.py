"""The flights' line from the files to the drawn metric, on the real data and on small files with faults."""

import datetime as dt
import json
import logging
import re
import shutil
import xml.etree.ElementTree as ET
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pytest
import uuid_utils.compat

from catalog.definitions import columns_of
from catalog.exceptions import UnknownDataset, UnknownMetric
from catalog.models import Dataset, Metric, MetricChart, MetricPoint
from jobs.actions.jobs import register
from jobs.engine.report import Report
from jobs.models import Job
from jobs.pipelines.flights_tables import TABLES
from jobs.pipelines.load_flights import LoadFlightsConfig, load_flights, package_folder
from jobs.runners.base import Context
from jobs.runners.registry import runner_for
from portal.audit.actions import Actor
from portal.demo.jobs import JOBS, write_files
from portal.demo.metrics import METRICS, define_metrics
from portal.evidence.hashing import result_hash
from portal.evidence.models import Evidence
from portal.warehouse.errors import BadRow, CheckFailed, MissingInput, StalePublish
from tests.lake import Lake
from tests.unit.jobs.loading import succeed

HANGUL = re.compile("[가-힣]")
SMALL = {
    "airlines.csv": "carrier,name\nAA,American Airlines Inc.\n",
    "airports.csv": ("faa,name,lat,lon,alt,tz,dst,tzone\nIAH,Houston,29.98,-95.34,97,-6,A,America/Chicago\n"),
    "planes.csv": (
        "tailnum,year,type,manufacturer,model,engines,seats,speed,engine\n"
        "N14228,1999,Fixed wing multi engine,BOEING,737-824,2,149,NA,Turbo-fan\n"
    ),
    "weather.csv": (
        "origin,year,month,day,hour,temp,dewp,humid,wind_dir,wind_speed,wind_gust,precip,pressure,visib,time_hour\n"
        "EWR,2013,1,1,1,39.02,26.06,59.37,270,10.357,NA,0,1012,10,2013-01-01T06:00:00Z\n"
    ),
    "flights.csv": (
        "year,month,day,dep_time,sched_dep_time,dep_delay,arr_time,sched_arr_time,arr_delay,carrier,flight,"
        "tailnum,origin,dest,air_time,distance,hour,minute,time_hour\n"
        "2013,1,1,517,515,2,830,819,11,AA,1545,N14228,EWR,IAH,227,1400,5,15,2013-01-01T10:00:00Z\n"
    ),
}


class Silent:
    """A reporter that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []

    def tell(self, message: dict[str, Any]) -> None:
        self.told.append(message)

    def cancelled(self) -> bool:
        return False


def _context(folder: Path, config: Any, **changes: Any) -> Context:
    folder.mkdir(exist_ok=True)
    return Context(
        **{
            "job_key": "load-flights",
            "config": config,
            "params": {},
            "run_id": uuid_utils.compat.uuid7(),
            "fence": 1,
            "attempt": 1,
            "scratch": lambda: folder,
            "log": logging.getLogger("test"),
            "reporter": Silent(),
            **changes,
        }
    )


def _small(folder: Path, **changed: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in SMALL.items():
        (folder / name).write_text(changed.get(name.removesuffix(".csv"), text))
    return folder


def _load_small(lake: Lake, **changed: str) -> dict[str, Any]:
    config = LoadFlightsConfig(folder=_small(lake.folder / "input", **changed), least_flights=1)
    outputs = load_flights(_context(lake.folder / "run", config))
    assert outputs is not None
    return outputs


@cache
def _truth() -> duckdb.DuckDBPyConnection:
    """The flights as DuckDB alone reads them from the package's file: the independent source of numbers."""
    connection = duckdb.connect(":memory:")
    with (
        zipfile.ZipFile(package_folder() / "flights.csv.zip") as archive,
        archive.open("flights.csv") as file,
    ):
        target = Path("/tmp") / f"desk-truth-{uuid_utils.compat.uuid7()}.csv"
        with target.open("wb") as copy:
            shutil.copyfileobj(file, copy)
    connection.execute(f"CREATE TABLE f AS SELECT * FROM read_csv('{target}', nullstr = ['NA', ''])")  # noqa: S608
    target.unlink()
    return connection


def test_every_column_has_a_meaning_in_both_languages() -> None:
    for table in TABLES:
        assert HANGUL.search(table.name_ko)
        assert HANGUL.search(table.description_ko)
        for column in table.columns:
            assert column.en, column
            assert HANGUL.search(column.ko), column
            assert not HANGUL.search(column.en), column


def test_registrations_are_personal_in_every_table() -> None:
    flagged = {(table.name, column.name) for table in TABLES for column in table.columns if column.personal}
    assert flagged == {("planes", "tailnum"), ("flights", "tailnum")}


def test_small_files_are_published(lake: Lake) -> None:
    outputs = _load_small(lake)
    assert outputs["rows"] == 5
    row = lake.ask("SELECT flight_date, time_hour FROM ops.flights").rows[0]
    assert row[0] == dt.date(2013, 1, 1)
    assert row[1] == dt.datetime(2013, 1, 1, 10, tzinfo=dt.UTC)
    assert "N14228" not in json.dumps(outputs)


@pytest.mark.parametrize(
    ("name", "bad", "column"),
    [
        ("airlines", "BB,Two,Three\n", ""),
        ("airports", "XXX,Nowhere,north,-95.34,97,-6,A,NA\n", "lat"),
        ("planes", "N2,1999,Fixed,BOEING,737,two,149,NA,Turbo-fan\n", "engines"),
        ("weather", "JFK,2013,1,1,1,warm,26,59,270,10,NA,0,1012,10,2013-01-01T06:00:00Z\n", "temp"),
        (
            "flights",
            "2013,2,30,517,515,2,830,819,11,AA,1,N1,EWR,IAH,227,1400,5,15,2013-01-01T10:00:00Z\n",
            "flight_date",
        ),
        (
            "flights",
            "2013,1,1,late,515,2,830,819,11,AA,1,N1,EWR,IAH,227,1400,5,15,2013-01-01T10:00:00Z\n",
            "dep_time",
        ),
    ],
)
def test_a_bad_row_in_any_file_is_named_and_changes_nothing(
    lake: Lake, name: str, bad: str, column: str
) -> None:
    _load_small(lake)
    with lake.reader() as warehouse:
        before = warehouse.snapshot()
    with pytest.raises(BadRow) as caught:
        _load_small(lake, **{name: SMALL[f"{name}.csv"] + bad})
    assert (caught.value.file, caught.value.line, caught.value.column) == (f"{name}.csv", 3, column)
    with lake.reader() as warehouse:
        assert warehouse.snapshot() == before
        assert warehouse.row_count(f"ops.{name}") == 1


def test_a_failed_check_names_file_and_line_and_changes_nothing(lake: Lake) -> None:
    _load_small(lake)
    unknown = SMALL["flights.csv"] + SMALL["flights.csv"].splitlines()[1].replace(",AA,1545", ",ZZ,9") + "\n"
    with pytest.raises(CheckFailed, match=r"referential\(carrier .*first at flights\.csv, line 3"):
        _load_small(lake, flights=unknown)
    assert lake.ask("SELECT count(*) FROM ops.flights").rows == [(1,)]


def test_a_missing_or_broken_file_is_named(lake: Lake) -> None:
    folder = _small(lake.folder / "input")
    (folder / "planes.csv").unlink()
    with pytest.raises(MissingInput, match=r"planes\.csv"):
        load_flights(_context(lake.folder / "run", LoadFlightsConfig(folder=folder, least_flights=1)))
    (folder / "planes.csv.zip").write_bytes(b"no zip")
    with pytest.raises(MissingInput, match=r"planes\.csv\.zip cannot be unpacked"):
        load_flights(_context(lake.folder / "run", LoadFlightsConfig(folder=folder, least_flights=1)))


def test_an_attempt_that_lost_its_lease_cannot_publish(lake: Lake) -> None:
    config = LoadFlightsConfig(folder=_small(lake.folder / "input"), least_flights=1)
    run = uuid_utils.compat.uuid7()
    load_flights(_context(lake.folder / "run", config, run_id=run, fence=2))
    with pytest.raises(StalePublish):
        load_flights(_context(lake.folder / "run", config, run_id=run, fence=1))


def test_the_demo_definitions_are_whole() -> None:
    flights = {column.name for table in TABLES if table.name == "flights" for column in table.columns}
    for metric in METRICS:
        assert set(columns_of(metric.definition)) <= flights
        for korean in (metric.name_ko, metric.description_ko, metric.definition.purpose_ko):
            assert HANGUL.search(korean), metric.key
        playbook = metric.definition.actionable
        assert bool(playbook.playbook_en) == bool(HANGUL.search(playbook.playbook_ko)), metric.key


@pytest.mark.django_db
def test_a_metric_of_an_unpublished_dataset_says_so(cast, lake: Lake) -> None:
    define_metrics(by=Actor.system("test"))
    _load_small(lake)
    with lake.writer() as warehouse:
        warehouse.drop(["ops.flights"])
    runner = runner_for("metric_refresh")
    for config, error in (
        ({"dataset": "ops.flights"}, UnknownDataset),
        ({"metrics": ["ops.nothing"]}, UnknownMetric),
    ):
        with pytest.raises(error):
            runner.run(_context(lake.folder / "run", runner.Config.model_validate(config)))


@pytest.mark.django_db
def test_the_whole_line_on_the_real_flights(cast, lake: Lake) -> None:
    for definition in JOBS:
        register(definition=definition, by=Actor.system("test"))
    define_metrics(by=Actor.system("test"))
    outputs = {key: _run(lake, key) for key in ("load-flights", "refresh-flight-metrics")}

    assert {each["key"]: each["row_count"] for each in outputs["load-flights"]["datasets"]} == {
        "ops.airlines": 16,
        "ops.airports": 1458,
        "ops.flights": 336_776,
        "ops.planes": 3322,
        "ops.weather": 26_115,
    }
    flights = Dataset.objects.get(asset__key="ops.flights")
    assert flights.columns.count() == 20
    assert flights.columns.get(name="tailnum").minimum == ""
    assert flights.asset.owner == cast.dan
    _assert_numbers_are_true()
    _assert_evidence_can_be_computed_again(lake)
    _assert_charts_are_drawn()


def _run(lake: Lake, key: str) -> dict[str, Any]:
    job = Job.objects.get(key=key)
    runner = runner_for(job.kind)
    folder = lake.folder / key
    reporter = Silent()
    config = runner.Config.model_validate(job.config)
    context = _context(folder, config, job_key=key, reporter=reporter)
    ended = {"type": "result", "outputs": runner.run(context)}
    report = Report()
    report.feed("".join(f"{json.dumps(each)}\n" for each in [*reporter.told, ended]).encode())
    assert report.outputs is not None
    announced = {step.key for step in runner.steps(job)}
    told = [(each["key"], each["event"]) for each in reporter.told if each["type"] == "step"]
    assert {name for name, _ in told} == announced
    assert all(event in {"started", "ended"} for _, event in told)
    run: Any = type("Run", (), {"pk": context.run_id, "job": job})
    return runner.record(run=run, outputs=report.outputs)


def _assert_numbers_are_true() -> None:
    truth = _truth()
    expected = truth.execute(
        "SELECT make_date(year, month, day), avg((arr_delay < 15)::INT), count(arr_delay),"
        " avg((dep_time IS NULL)::INT), count(*), avg(dep_delay), count(DISTINCT dest),"
        " count(*) FILTER (dep_delay >= 60) / count(dep_delay) FROM f GROUP BY 1 ORDER BY 1"
    ).fetchall()
    names = {
        "ops.on_time_rate": 1,
        "ops.cancellation_rate": 3,
        "ops.flights": 4,
        "ops.departure_delay": 5,
        "ops.routes_served": 6,
        "ops.long_delay_rate": 7,
    }
    for key, place in names.items():
        points = MetricPoint.objects.filter(metric__asset__key=key, grain="day").order_by("starts_on")
        assert [point.starts_on for point in points] == [row[0] for row in expected]
        assert [point.value for point in points] == pytest.approx([row[place] for row in expected]), key
    storm = MetricPoint.objects.get(
        metric__asset__key="ops.on_time_rate", grain="day", starts_on="2013-02-08"
    )
    assert (round(storm.value or 0, 4), storm.sample) == (0.5099, 455)
    february = MetricPoint.objects.get(
        metric__asset__key="ops.on_time_rate", grain="month", starts_on="2013-02-01"
    )
    assert (round(february.value or 0, 3), february.sample) == (0.762, 23_611)
    cancelled = MetricPoint.objects.get(
        metric__asset__key="ops.cancellation_rate", grain="day", starts_on="2013-02-08"
    )
    assert round((cancelled.value or 0) * (cancelled.sample or 0)) == 472


def _assert_evidence_can_be_computed_again(lake: Lake) -> None:
    assert Evidence.objects.count() == len(METRICS) * 3
    with lake.writer() as warehouse:
        # Newer rows do not change what the recorded snapshot says.
        newer = lake.stage(warehouse, "ops.flights", "SELECT * FROM lake.ops.flights WHERE month = 1")
        run = str(uuid_utils.compat.uuid7())
        warehouse.publish([newer], run_id=run, fence=1)
    with lake.reader() as warehouse:
        for evidence in Evidence.objects.all():
            again = warehouse.query(evidence.sql, evidence.parameters, snapshot=evidence.snapshot)
            assert result_hash(again.columns, again.rows) == evidence.result_hash
            now = warehouse.query(evidence.sql, evidence.parameters)
            assert result_hash(now.columns, now.rows) != evidence.result_hash


def _assert_charts_are_drawn() -> None:
    assert MetricChart.objects.count() == len(METRICS) * 3 * 2 * 2
    on_time = Metric.objects.get(asset__key="ops.on_time_rate")
    korean = on_time.charts.get(grain="day", language="ko", layout="wide").svg
    assert "2월 8–9일 눈보라" in korean
    assert "목표 80" in korean
    assert "경고 70" in korean
    english = on_time.charts.get(grain="day", language="en", layout="narrow").svg
    assert "Target 80" in english
    assert not HANGUL.search(english)
    for chart in MetricChart.objects.all():
        ET.fromstring(chart.svg)  # noqa: S314
        assert not re.search(r"<style|<script|<title|style=|href|#[0-9a-f]{6}", chart.svg)


@pytest.mark.django_db
def test_the_other_kinds_of_the_demo_run_green(cast, lake: Lake, settings: Any) -> None:
    settings.SOURCE_FOLDER = str(lake.folder / "files")
    write_files()
    for definition in JOBS:
        register(definition=definition, by=Actor.system("test"))
    _run(lake, "load-flights")
    for key in ("check-flights", "late-flights-by-airline", "load-holidays"):
        succeed(Job.objects.get(key=key))
    checks = {
        check["name"]: check["passed"] for check in Dataset.objects.get(asset__key="ops.flights").checks
    }
    assert (checks["in_range(air_time)"], checks["not_null(tailnum)"]) == (True, False)
    late = Dataset.objects.get(asset__key="marts.late_flights_by_airline")
    assert late.row_count == 185
    assert late.columns.get(name="airline").made_from == [["ops.airlines", "name"]]
    assert Dataset.objects.get(asset__key="ref.holidays").row_count == len(set(_holidays(settings)))


@pytest.mark.django_db
def test_the_weather_of_the_demo_is_loaded_day_by_day(cast, lake: Lake, settings: Any) -> None:
    settings.SOURCE_FOLDER = str(lake.folder / "files")
    write_files()
    (job,) = (
        register(definition=definition, by=Actor.system("test"))
        for definition in JOBS
        if definition.key == "load-daily-weather"
    )
    for day in ("2013-01-01", "2013-01-02", "2013-01-01", "2013-03-31"):
        succeed(job, day=day)
    loaded = lake.ask("SELECT day::VARCHAR, count(*) FROM ref.daily_weather GROUP BY day ORDER BY day")
    assert loaded.rows == [("2013-01-01", 67), ("2013-01-02", 72), ("2013-03-31", 72)]


def _holidays(settings: Any) -> list[str]:
    path = Path(settings.SOURCE_FOLDER) / "demo" / "holidays-2013.csv"
    return [line.split(",")[0] for line in path.read_text().splitlines()[1:]]
