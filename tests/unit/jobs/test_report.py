"""Editions of a report: computed on a real lake, kept with their evidence and their files."""

import csv
import datetime as dt
import io
import re
import zipfile
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pydantic import ValidationError

from catalog.actions.lineage import connect
from catalog.choices import NodeKind, Visibility
from catalog.lineage import step_around
from catalog.models import LineageEdge
from jobs.actions.definitions import change, delete
from jobs.actions.jobs import JobDefinition, definition_of, register
from jobs.actions.runs import trigger
from jobs.artifacts import ARTIFACTS
from jobs.choices import RunState, Source, Trigger
from jobs.engine.claim import claim
from jobs.engine.inline import run_inline
from jobs.exceptions import InvalidDefinition
from jobs.impact import fed_by
from jobs.models import Artifact, EditionChart, Job, Run
from jobs.runners.report.checking import refusals, unknown_recipients
from jobs.runners.report.config import ReportConfig
from jobs.runners.report.files import Sheet, sheet_names, write_xlsx
from jobs.runners.report.sections import Table
from jobs.runners.report.wording import written
from portal.audit.actions import Actor
from portal.evidence.models import Citation, Evidence
from portal.notifications.models import Notification
from portal.warehouse.linting import named_columns
from tests.conftest import Cast
from tests.factories import catalog
from tests.factories.jobs import make_job, make_run
from tests.lake import Lake

pytestmark = pytest.mark.django_db
TESTS = Actor.system("tests")
TRIPS = """SELECT make_date(2013, m::INT, 1) AS day, m * 10 AS trips, '=1+1' AS note, '01' || m AS phone
FROM range(1, 4) AS r(m)"""
TEXT = {"kind": "text", "title_en": "Words", "text_en": "# Hello\n\n- *one* `#panic()` $x$\n- 둘"}
QUERY = {
    "kind": "query",
    "title_en": "Trips by month",
    "title_ko": "월별 운행",
    "sql": "SELECT day, trips, note FROM ops.trips WHERE trips >= $least ORDER BY day",
    "parameters": {"least": 20},
    "chart": {"kind": "bar", "x": "day", "y": ["trips"]},
}


@pytest.fixture(autouse=True)
def own_folder(settings: Any, tmp_path: Any) -> None:
    settings.VAR = tmp_path


@pytest.fixture
def trips(lake: Lake, cast: Cast) -> Any:
    snapshot = lake.publish("ops.trips", TRIPS, run_id="run-1")
    columns = (
        {"name": "day", "data_type": "DATE"},
        {"name": "trips", "data_type": "BIGINT"},
        {"name": "note", "data_type": "VARCHAR"},
        {"name": "phone", "data_type": "VARCHAR", "personal": True},
    )
    table = {"physical_name": "ops.trips", "snapshot": snapshot}
    return catalog.dataset("trips", columns=columns, table=table)


def make_report(*sections: dict[str, Any], owner: str = "ben@example.com", **config: Any) -> Job:
    given = {"title_en": "Trips", "title_ko": "운행", "sections": list(sections), **config}
    return register(
        definition=JobDefinition(
            key="trips-report",
            name_en="Trips",
            name_ko="운행",
            kind="report",
            config=given,
            owner_email=owner,
            timeout=60,
            max_attempts=1,
        ),
        by=TESTS,
    )


def edition(job: Job, **params: Any) -> Run:
    trigger(job=job, params=params, by=TESTS, trigger=Trigger.MANUAL, requested_by=None, principal="tests")
    held = claim("tests")
    assert held is not None
    run_inline(held)
    return Run.objects.get(pk=held.run_id)


def body_of(run: Run, ending: str) -> bytes:
    with ARTIFACTS.open(Artifact.objects.get(run=run, name__endswith=ending).stored) as file:
        return bytes(file.read())


def sheet_of(run: Run, name: str) -> str:
    with zipfile.ZipFile(io.BytesIO(body_of(run, ".xlsx"))) as book:
        return book.read(name).decode()


def test_an_edition_keeps_figures_as_evidence_and_no_value_in_its_run(trips: Any, cast: Cast) -> None:
    run = edition(make_report(TEXT, QUERY, owner=cast.ben.email))
    assert (run.state, run.error) == (RunState.SUCCEEDED, {})
    citation = Citation.objects.about("report", str(run.pk)).select_related("evidence__result").get()
    assert citation.evidence.tables == ["ops.trips"]
    assert citation.evidence.parameters == {"least": 20}
    assert [row[1] for row in citation.evidence.result.rows] == [20, 30]
    assert set(citation.evidence.result.charts) == {"en", "ko"}
    assert run.outputs["incomplete"] is False
    assert run.outputs["reads"] == {"tables": ["ops.trips"], "metrics": []}
    assert "2013" not in str([each for each in run.outputs["sections"] if each["kind"] == "query"])


def inputs_of(report: Job) -> set[tuple[str, str]]:
    edges = LineageEdge.objects.filter(downstream_kind="job", downstream_key=report.key)
    return set(edges.values_list("upstream_key", "source"))


def test_who_fills_what_a_report_reads_names_the_report(trips: Any, cast: Cast, client: Client) -> None:
    load = make_job("load-trips")
    connect(edges=[(("job", load.key), ("dataset", "trips"))], source="run")
    report = make_report(TEXT, QUERY, owner=cast.ben.email)
    assert [thing.key for thing in fed_by(load, cast.dan)] == ["trips", report.key], "before any edition"
    assert fed_by(load, cast.dan)[-1].node.url == f"/reports/{report.key}/"
    assert [each.key for each in step_around(NodeKind.DATASET, "trips", cast.dan).downstream] == [report.key]
    client.force_login(cast.dan)
    make_run(load, RunState.FAILED)
    assert f'href="/reports/{report.key}/"' in client.get(f"/jobs/{load.key}/").content.decode()
    report.private = True
    report.save()
    assert [thing.key for thing in fed_by(load, cast.finn)] == ["trips"]


def test_a_report_stands_below_all_that_its_sections_name_from_when_it_is_saved(cast: Cast) -> None:
    catalog.dataset("trips", table={"physical_name": "ops.trips"})
    sql = """WITH more AS (SELECT day FROM ops.more) SELECT * FROM ops.trips AS t JOIN more AS m
    ON t.day = m.day AND t.trips > $least WHERE t.day IN (SELECT day FROM ops."Days")"""
    metric = {"kind": "metric", "metric": "ops.rate"}
    report = make_report(TEXT, {**QUERY, "sql": sql, "parameters": {"least": 1}}, metric)
    named = {"trips", "ops.more", "ops.days", "ops.rate"}
    assert inputs_of(report) == {(key, "definition") for key in named}
    make_report(TEXT, {**QUERY, "sql": "SELECT day FROM ops.trips; SELECT 1"}, metric)
    assert inputs_of(report) == {("ops.rate", "definition")}, "no run could take that SQL either"


def test_an_edit_drops_what_a_report_reads_no_more_whoever_said_so(trips: Any, cast: Cast) -> None:
    metric = {"kind": "metric", "metric": "ops.rate"}
    report = make_report(QUERY, metric, owner=cast.ben.email)
    Job.objects.filter(pk=report.pk).update(source=Source.PORTAL)
    report.refresh_from_db()
    catalog.metric("ops.rate")
    connect(edges=[(("dataset", "trips"), ("job", report.key))], source="run")
    config = {**report.config, "sections": [TEXT, metric]}
    definition = replace(definition_of(report), config=config)
    report = change(job=report, definition=definition, version=1, user=cast.dan, by=TESTS)
    assert inputs_of(report) == {("ops.rate", "definition")}
    assert step_around(NodeKind.DATASET, "trips", cast.dan).downstream == []


def test_an_edition_of_what_was_changed_meanwhile_says_nothing_of_what_is_read_now(
    trips: Any, cast: Cast
) -> None:
    report = make_report(TEXT, QUERY, owner=cast.ben.email)
    trigger(job=report, params={}, by=TESTS, trigger=Trigger.MANUAL, requested_by=None, principal="tests")
    held = claim("tests")
    assert held is not None
    Job.objects.filter(pk=report.pk).update(version=report.version + 1)
    run_inline(held)
    assert Run.objects.get(pk=held.run_id).state == RunState.SUCCEEDED
    assert inputs_of(report) == {("trips", "definition")}


def test_a_report_that_was_saved_before_stands_there_from_its_next_edition_on(trips: Any, cast: Cast) -> None:
    more = {**QUERY, "title_en": "More", "sql": "SELECT n FROM ops.more"}
    report = make_report(TEXT, QUERY, more, owner=cast.ben.email)
    LineageEdge.objects.all().delete()
    connect(edges=[(("dataset", "more"), ("job", report.key))], source="run")
    assert edition(report).outputs["incomplete"] is True
    assert inputs_of(report) == {("more", "run"), ("trips", "run")}, "a section that fails cuts nothing off"
    report.config["sections"].pop()
    report.save()
    assert edition(report).outputs["incomplete"] is False
    assert inputs_of(report) == {("trips", "run")}, "what it reads no longer is forgotten by a whole edition"


def test_nothing_is_left_of_a_deleted_report(trips: Any, cast: Cast) -> None:
    report = make_report(TEXT, QUERY, owner=cast.ben.email)
    Job.objects.filter(pk=report.pk).update(source=Source.PORTAL)
    delete(job=report, user=cast.dan, by=TESTS)
    assert not LineageEdge.objects.exists()
    make_job(report.key, kind="report")
    assert step_around(NodeKind.DATASET, "trips", cast.dan).downstream == [], "the key was given again"


def test_tables_and_links_of_a_text_are_printed(trips: Any, cast: Cast) -> None:
    text = "Read [more](https://example.org/more).\n\n| a | b |\n|---|---|\n| 1 | |\n\n| alone |\n|---|\n"
    run = edition(make_report({**TEXT, "text_en": text}, owner=cast.ben.email))
    assert (run.state, run.error) == (RunState.SUCCEEDED, {})
    assert b"https://example.org/more" in body_of(run, "-en.pdf")


def test_its_files_are_pdf_in_both_languages_spreadsheet_and_csv(trips: Any, cast: Cast) -> None:
    run = edition(make_report(TEXT, QUERY, owner=cast.ben.email))
    assert body_of(run, "-en.pdf").startswith(b"%PDF-")
    assert b"NotoSansKR" in body_of(run, "-ko.pdf")
    with zipfile.ZipFile(io.BytesIO(body_of(run, ".xlsx"))) as book:
        sheets = "".join(book.read(name).decode() for name in book.namelist() if name.endswith(".xml"))
    assert "<f>" not in sheets
    assert "=1+1" in sheets
    rows = list(csv.reader(io.StringIO(body_of(run, "-02.csv").decode("utf-8-sig"))))
    assert rows == [["day", "trips", "note"], ["2013-02-01", "20", "'=1+1"], ["2013-03-01", "30", "'=1+1"]]


def test_a_spreadsheet_has_the_texts_too_and_files_the_time_of_their_owner(trips: Any, cast: Cast) -> None:
    cast.ben.time_zone = "Asia/Seoul"
    cast.ben.save()
    run = edition(make_report(TEXT, QUERY, owner=cast.ben.email))
    strings = sheet_of(run, "xl/sharedStrings.xml")
    assert re.search(r"<t>\d{4}-\d\d-\d\d \d\d:\d\d KST</t>", strings)
    # Without the marks of markdown: a cell shows letters only.
    assert "Hello\n• one #panic() $x$\n• 둘" in strings


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("SELECT * FROM secret.people", "refused"),
        ("SELECT phone FROM ops.trips", "refused"),
        ("DELETE FROM ops.trips", "refused"),
        ("SELECT CAST(note AS INTEGER) AS n FROM ops.trips", "failed"),
        ("SELECT a.day FROM ops.trips a, range(20000) b", "large"),
        ("SELECT count(*) AS n FROM range(100000000) a, range(1000000) b, ops.trips", "slow"),
    ],
)
def test_a_section_that_fails_is_named_and_stops_no_other(trips: Any, cast: Cast, sql: str, why: str) -> None:
    broken = {"kind": "query", "title_en": "Broken", "sql": sql}
    run = edition(make_report(broken, QUERY, owner=cast.cleo.email, timeout=2))
    assert run.state == RunState.SUCCEEDED
    first, second = run.outputs["sections"]
    assert first["failed"]["why"] == why
    assert "=1+1" not in str(first)
    assert "failed" not in second
    assert run.outputs["incomplete"] is True
    assert Citation.objects.about("report", str(run.pk)).count() == 1
    assert body_of(run, "-en.pdf").startswith(b"%PDF-")


def test_where_no_section_is_left_there_is_no_edition(trips: Any, cast: Cast) -> None:
    run = edition(make_report(TEXT, {**QUERY, "sql": "SELECT * FROM nothing"}, owner=cast.ben.email))
    assert run.state == RunState.FAILED
    assert run.error["class"] == "bad_input"
    assert not Evidence.objects.filter(run_id=run.pk).exists()
    assert not Artifact.objects.filter(run=run).exists()


def test_it_reads_what_its_owner_may_read_and_nothing_more(trips: Any, cast: Cast) -> None:
    trips.asset.visibility = Visibility.TEAM
    trips.asset.team = cast.finn.teams.get()
    trips.asset.save()
    run = edition(make_report(QUERY, owner=cast.ben.email))
    assert run.state == RunState.FAILED
    assert "refused" in run.error["message"]


def test_an_owner_who_may_not_run_sql_gets_no_rows(trips: Any, cast: Cast) -> None:
    run = edition(make_report(QUERY, owner=cast.ada.email))
    assert "no_rights" in run.error["message"]


def test_a_runs_parameters_stand_in_for_those_of_the_queries(trips: Any, cast: Cast) -> None:
    job = make_report(QUERY, owner=cast.ben.email)
    job.parameters_schema = {"type": "object", "properties": {"least": {"type": "integer"}}}
    job.save()
    run = edition(job, least=30)
    assert Evidence.objects.get(run_id=run.pk).row_count == 1


def test_the_reports_parameters_serve_every_section(trips: Any, cast: Cast) -> None:
    plain = {**QUERY, "parameters": {}}
    job = make_report(plain, {**plain, "title_en": "Again"}, owner=cast.ben.email)
    job.parameters_schema = {
        "type": "object",
        "properties": {"least": {"type": "integer", "default": 30}, "unused": {"type": "string"}},
    }
    job.save()
    assert set(Evidence.objects.filter(run_id=edition(job).pk).values_list("row_count", flat=True)) == {1}
    assert Evidence.objects.filter(run_id=edition(job, least=20).pk, row_count=2).count() == 2


def test_a_table_shows_the_chosen_columns_in_their_formats(trips: Any, cast: Cast) -> None:
    columns = [
        {"name": "share", "title_en": "Share", "title_ko": "비율", "format": "percent"},
        {"name": "day", "format": "usual"},
    ]
    sql = "SELECT day, trips / 100.0 AS share, note FROM ops.trips ORDER BY day"
    section = {**QUERY, "sql": sql, "parameters": {}, "columns": columns, "chart": {}}
    run = edition(make_report(section, owner=cast.ben.email))
    rows = list(csv.reader(io.StringIO(body_of(run, "-01.csv").decode("utf-8-sig"))))
    assert rows[:2] == [["Share", "day"], ["0.1", "2013-01-01"]]
    sheet, styles = sheet_of(run, "xl/worksheets/sheet2.xml"), sheet_of(run, "xl/styles.xml")
    assert "0.0%" in styles
    assert 'r="C1"' not in sheet
    assert written(0.1234, "percent") == "12.3\u00a0%"
    assert written("1234.5", "whole") in {"1,234", "1,235"}
    assert written("no number", "whole") == "no number"
    assert written("1234567", "plain") == "1234567"
    assert written(0.76234, "usual") == "0.7623"
    assert written("0.00001234", "usual") == "0.00001234"
    assert written("007", "usual", numeric=False) == "007"


def test_a_column_that_the_query_does_not_give_fails_its_section_only(trips: Any, cast: Cast) -> None:
    run = edition(make_report({**QUERY, "columns": [{"name": "gone"}]}, {**QUERY, "title_en": "Whole"}))
    first, second = run.outputs["sections"]
    assert first["failed"]["why"] == "no_column"
    assert "failed" not in second


def test_a_chart_of_a_column_that_is_not_there_makes_the_edition_incomplete(trips: Any, cast: Cast) -> None:
    chart = {"kind": "bar", "x": "day", "y": ["gone"]}
    run = edition(make_report({**QUERY, "chart": chart}, {**QUERY, "title_en": "Whole"}))
    first, second = run.outputs["sections"]
    assert first["failed"]["why"] == "no_chart_column"
    assert "failed" not in second
    assert run.outputs["incomplete"] is True


@pytest.mark.parametrize(
    ("change_of", "field"),
    [
        ({"chart": {"kind": "bar", "x": "day", "y": ["gone"]}}, "config.sections.0.chart.y"),
        ({"chart": {"kind": "bar", "x": "gone", "y": ["trips"]}}, "config.sections.0.chart.x"),
        ({"columns": [{"name": "gone"}]}, "config.sections.0.columns.0.name"),
    ],
)
def test_a_column_that_the_query_does_not_give_is_refused_at_saving(
    trips: Any, cast: Cast, change_of: dict[str, Any], field: str
) -> None:
    section = {**QUERY, "sql": "SELECT day, trips FROM ops.trips", "parameters": {}}
    config = {"title_en": "Trips", "sections": [{**section, **change_of}]}
    ((named, reason),) = refusals(config, [], cast.ben)
    assert named == field
    assert "«gone»" in reason
    assert "day, trips" in reason


def test_only_the_engine_knows_what_a_nameless_column_is_called() -> None:
    assert named_columns("SELECT day, count(*) FROM trips GROUP BY day", dialect="duckdb") == []


def test_people_and_teams_that_are_not_here_are_named(cast: Cast) -> None:
    config = {
        "title_en": "Trips",
        "sections": [TEXT],
        "people": [cast.ada.email, "ghost@example.com"],
        "teams": ["data", "no-team"],
    }
    found = dict(unknown_recipients(config))
    assert set(found) == {"config.people.1", "config.teams.1"}
    assert "ghost@example.com" in found["config.people.1"]
    assert "no-team" in found["config.teams.1"]


@pytest.mark.parametrize(
    ("chart", "drawn"),
    [
        ({"kind": "bar", "x": "day", "y": ["trips"]}, "<c:barChart>"),
        ({"kind": "line", "x": "day", "y": ["trips"], "series": "note"}, "<c:lineChart>"),
    ],
)
def test_a_spreadsheet_draws_its_own_chart(trips: Any, cast: Cast, chart: Any, drawn: str) -> None:
    columns = [{"name": "note"}]
    run = edition(make_report({**QUERY, "chart": chart, "columns": columns}, owner=cast.ben.email))
    chart_xml = sheet_of(run, "xl/charts/chart1.xml")
    assert drawn in chart_xml
    # The rows that it is drawn from stand in the sheet, though the table leaves them out.
    assert "$3</c:f>" in chart_xml
    assert ">20<" in sheet_of(run, "xl/worksheets/sheet2.xml")


@pytest.mark.parametrize("chart", ["usual", "bar", "none"])
def test_a_metrics_chart_stays_as_it_was_drawn(cast: Cast, chart: str) -> None:
    catalog.metric("rate", points=[("2013-01-01", 0.7), ("2013-02-01", 0.8)])
    section = {"kind": "metric", "metric": "rate", "grain": "month", "chart": chart}
    run = edition(make_report(section, owner=cast.ben.email))
    kept = list(EditionChart.objects.filter(run=run))
    assert "svg" not in str(run.outputs)
    if chart == "none":
        assert kept == []
        return
    assert {language: set(layouts) for language, layouts in kept[0].drawn.items()} == {
        language: {"wide", "narrow"} for language in ("en", "ko")
    }
    assert ("<c:barChart>" in sheet_of(run, "xl/charts/chart1.xml")) == (chart == "bar")


def test_a_metric_gives_its_newest_figure_with_its_evidence(cast: Cast) -> None:
    metric = catalog.metric("rate", points=[("2013-01-01", 0.7), ("2013-02-01", 0.8)])
    run = edition(make_report({"kind": "metric", "metric": "rate", "grain": "month"}, owner=cast.ben.email))
    assert (run.state, run.error) == (RunState.SUCCEEDED, {})
    (section,) = run.outputs["sections"]
    assert (section["starts_on"], section["before"]) == ("2013-02-01", "2013-01-01")
    assert "0.8" not in str(run.outputs)
    cited = Citation.objects.about("report", str(run.pk)).get()
    assert cited.evidence_id == metric.points.get(starts_on="2013-02-01").evidence_id


def test_the_people_and_teams_it_names_are_told_as_far_as_they_may_see_it(trips: Any, cast: Cast) -> None:
    job = make_report(
        QUERY, owner=cast.ben.email, people=[cast.ada.email, "nobody@example.com"], teams=["data"]
    )
    job.private = True
    job.owner = cast.ben
    job.save()
    run = edition(job)
    told = Notification.objects.filter(kind="report.ready", about_key=str(run.pk))
    assert {each.recipient.name for each in told} >= {cast.ben.name, cast.cleo.name}
    assert cast.ada not in {each.recipient for each in told}


def test_figures_of_old_editions_are_let_go(trips: Any, cast: Cast) -> None:
    job = make_report(QUERY, owner=cast.ben.email, keep_editions=2)
    first, second, third = edition(job), edition(job), edition(job)
    kept = set(Citation.objects.filter(about_kind="report").values_list("about_key", flat=True))
    assert kept == {str(second.pk), str(third.pk)}
    assert first.state == RunState.SUCCEEDED


@pytest.mark.parametrize(
    "wrong",
    [
        {"sections": []},
        {"sections": [{"kind": "query", "title_en": "", "sql": "SELECT 1"}]},
        {"sections": [{"kind": "text"}]},
        {"sections": [QUERY, QUERY]},
        {"sections": [{"kind": "metric", "metric": "rate", "periods": 1}]},
        {"sections": [{"kind": "picture"}]},
        {"sections": [TEXT], "people": ["no address"]},
        {"sections": [{**QUERY, "parameters": {"a b": 1}}]},
        {"sections": [{**QUERY, "columns": [{"name": "day"}, {"name": "day"}]}]},
        {"sections": [{**QUERY, "chart": {}, "no_table": True}]},
        {"sections": [{**QUERY, "columns": [{"name": "day", "format": "roman"}]}]},
    ],
)
def test_a_wrong_configuration_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ReportConfig.model_validate({"title_en": "Trips", **wrong})


def test_a_spreadsheet_is_written_without_any_other_folder(tmp_path: Path, monkeypatch: Any) -> None:
    # The body of a run may not write to /tmp.
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "forbidden"))
    cells = ["=1+1", 2**60, 1.5, float("nan"), None, True, dt.date(2013, 1, 1), b"\x00", ["a"]]
    table = Table([f"c{place}" for place in range(len(cells))], [cells])
    write_xlsx(tmp_path / "made.xlsx", [Sheet("Cells", table)], title="=Title", facts=[("a", "=1")])
    with zipfile.ZipFile(tmp_path / "made.xlsx") as book:
        sheet = book.read("xl/worksheets/sheet2.xml").decode()
    assert "<f>" not in sheet
    assert str(2**60) not in sheet
    assert '<c r="F2" t="b"><v>1</v></c>' in sheet


def test_two_columns_of_one_name_are_both_written(tmp_path: Path) -> None:
    table = Table(["n", "n"], [[1, 2]])
    write_xlsx(tmp_path / "made.xlsx", [Sheet("Twice", table)], title="T", facts=[])
    with zipfile.ZipFile(tmp_path / "made.xlsx") as book:
        sheet = book.read("xl/worksheets/sheet2.xml").decode()
    assert "<v>1</v>" in sheet
    assert '<c r="B2"><v>2</v>' in sheet


def test_whoever_writes_a_report_may_not_read_more_by_it_than_themself(trips: Any, cast: Cast) -> None:
    job = make_report(QUERY, owner=cast.cleo.email)
    Job.objects.filter(pk=job.pk).update(source=Source.PORTAL)
    job.refresh_from_db()
    stated = definition_of(job)
    trips.asset.visibility = Visibility.TEAM
    trips.asset.team = cast.finn.teams.get()
    trips.asset.save()
    peeking = {**QUERY, "sql": "SELECT day, trips FROM ops.trips WHERE trips > 10", "parameters": {}}
    changed = replace(stated, config={**stated.config, "sections": [peeking]})
    by = Actor.person(cast.ben)
    with pytest.raises(InvalidDefinition) as refused:
        change(job=job, definition=changed, version=job.version, user=cast.ben, by=by)
    assert [error["field"] for error in refused.value.errors] == ["config.sections.0.sql"]
    # What stands there already stays: other parts may be changed by whoever edits the job.
    change(job=job, definition=replace(stated, timeout=90), version=job.version, user=cast.ben, by=by)
    by = Actor.person(cast.cleo)
    job.refresh_from_db()
    change(job=job, definition=changed, version=job.version, user=cast.cleo, by=by)


def test_sheets_have_names_that_a_spreadsheet_takes() -> None:
    names = sheet_names(["a/b:c", "A b c", "", "'quoted'", "x" * 40, "X" * 40, "History"])
    assert len({name.casefold() for name in names}) == 7
    assert all(0 < len(name) <= 31 and not set(name) & set("[]:*?/\\") for name in names)


def test_times_in_a_spreadsheet_are_the_owners(tmp_path: Path) -> None:
    noon = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)
    plain = dt.datetime(2026, 1, 1, 12)  # noqa: DTZ001 - a time without a zone stays what it is
    with timezone.override("Asia/Seoul"):
        sheets = [Sheet("Times", Table(["at", "plain"], [[noon, plain]]))]
        write_xlsx(tmp_path / "made.xlsx", sheets, title="T", facts=[])
    with zipfile.ZipFile(tmp_path / "made.xlsx") as book:
        sheet = book.read("xl/worksheets/sheet2.xml").decode()
    assert re.findall(r"<v>(46023[.\d]*)</v>", sheet) == ["46023.875", "46023.5"]


def styled(target: Path, sheet: str) -> dict[str, str]:
    """Return the number format of each numeric cell of a sheet."""
    with zipfile.ZipFile(target) as book:
        cells, styles = book.read(f"xl/worksheets/{sheet}.xml").decode(), book.read("xl/styles.xml").decode()
    own = dict(re.findall(r'<numFmt numFmtId="(\d+)" formatCode="([^"]*)"', styles))
    used = re.findall(r'<xf numFmtId="(\d+)"', styles.partition("<cellXfs")[2])
    found = re.findall(r'<c r="([A-Z]+\d+)"(?: s="(\d+)")?><v>', cells)
    built_in = {"0": "General", "4": "#,##0.00"}
    return {
        place: own.get(used[int(style or 0)]) or built_in[used[int(style or 0)]] for place, style in found
    }


def test_numbers_of_a_spreadsheet_have_as_many_decimals_as_say_something(tmp_path: Path) -> None:
    rows = [
        [0.1 + 0.2, 0.762318840579, 1234.56789, 2013, 0.0012345678, 3.0, Decimal("9.50")],
        [0.3, 0.5, 12.5, 2014, 0.5, 4.0, Decimal(2)],
    ]
    names = ["sum", "share", "mean", "year", "small", "round", "price"]
    sheets = [Sheet("Numbers", Table(names, rows))]
    write_xlsx(tmp_path / "made.xlsx", sheets, title="T", facts=[])
    assert styled(tmp_path / "made.xlsx", "sheet2") == {
        f"{column}{row}": code
        for column, code in {
            "A": "#,##0.0",
            "B": "#,##0.00##",
            "C": "#,##0.00",
            "D": "General",
            "E": "#,##0.00####",
            "F": "General",
            "G": "#,##0.00",
        }.items()
        for row in (2, 3)
    }
