"""What went wrong with runs that call, check, compute or read job files: kept in English, read in Korean."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.utils.translation import override

from jobs.actions.housekeeping import READ_JOB_FILES, register_system_jobs
from jobs.actions.queries import ask
from jobs.choices import RunState
from jobs.complaints import DoesNotFit, fitted
from jobs.models import Job, Run
from jobs.queries import answer_of, problem_of
from jobs.runners.dbt.config import DbtConfig
from portal.accounts.models import User
from portal.audit.actions import Actor
from portal.said import retold, said_of
from portal.ui.result_chart import ChartChoice
from tests.conftest import Cast
from tests.factories.catalog import dataset
from tests.lake import Lake
from tests.receiver import Receiver
from tests.unit.jobs.loading import finish, make, message_of, succeed, work_off

HANGUL = re.compile("[\uac00-\ud7a3]")


def korean(run: Run, error_class: str, english: str) -> str:
    """Return how a Korean reads the error of a run that says this in English; it says nothing else."""
    assert (message_of(run), run.error["class"]) == (english, error_class)
    with override("ko"):
        read = run.trouble
    assert HANGUL.search(read), read
    with override("en"):
        assert run.trouble == english
    return read


def call(server: Receiver, **changes: Any) -> Job:
    return make("http", {"url": server.url("/orders"), **changes})


@pytest.fixture
def numbers(lake: Lake, cast: Cast) -> Lake:
    lake.publish("tests.numbers", "SELECT range AS number, 'x' || range AS name FROM range(3)")
    dataset("numbers", columns=("number", "name"), table={"physical_name": "tests.numbers"})
    return lake


@pytest.fixture
def server(settings: Any, db: None) -> Any:
    with Receiver() as running:
        settings.OUTGOING_ALLOW = (("127.0.0.1", running.port),)
        yield running


def test_what_another_system_refuses(server: Receiver) -> None:
    server.status = 404
    shown = f"POST {server.url('/orders')}"
    read = korean(work_off(call(server)), "refused", f"{shown} answered 404; 2xx was expected.")
    assert read == f"{shown}의 응답이 404예요. 2xx이어야 해요."


def test_a_call_that_fails_on_the_way_tells_the_whole_of_it(server: Receiver) -> None:
    server.body = b"x" * (256 * 1024 + 1)
    run = work_off(call(server))
    assert run.error["class"] == "refused"
    with override("ko"):
        _before, shown, why = run.trouble.partition(f"POST {server.url('/orders')}: ")
    assert shown
    assert HANGUL.search(why)


def test_what_a_call_lacks_is_a_fault_of_its_settings(server: Receiver) -> None:
    words = "The call names the parameter 'day', which this run does not have."
    assert "'day'" in korean(work_off(call(server, body="{{ day }}")), "settings", words)
    assert server.received == []


def test_a_check_that_fails(numbers: Lake, cast: Cast) -> None:
    rules = [{"check": "expression", "expression": "number < 2"}]
    job = make("quality_check", {"dataset": "numbers", "checks": rules}, owner_email=cast.dan.email)
    read = korean(
        work_off(job),
        "check_failed",
        "«numbers» failed 1 of its checks. expression(number < 2): expected number < 2, found 1 of 3 rows",
    )
    assert "«numbers»" in read
    assert "점검 1개" in read
    assert "expression(number < 2): 기대한 값 number < 2" in read


def test_a_rule_that_names_no_column_is_a_fault_of_the_settings(numbers: Lake, cast: Cast) -> None:
    rules = [{"check": "not_null", "columns": ["amount"]}]
    job = make("quality_check", {"dataset": "numbers", "checks": rules}, owner_email=cast.dan.email)
    words = "The check not_null names the column «amount», which is not there."
    assert "«amount»" in korean(work_off(job), "settings", words)


def test_a_model_whose_owner_may_not_run_sql(numbers: Lake, cast: Cast) -> None:
    config = {"target": "marts.numbers", "sql": "SELECT number FROM tests.numbers"}
    run = work_off(make("sql_model", config, owner_email=cast.ada.email))
    korean(
        run,
        "settings",
        "A model reads what its owner may read: give the job an owner who may run SQL.",
    )


def test_a_table_that_another_job_fills(numbers: Lake, cast: Cast) -> None:
    config = {"target": "marts.numbers", "sql": "SELECT number FROM tests.numbers"}
    succeed(make("sql_model", config, key="first", owner_email=cast.dan.email))
    run = work_off(make("sql_model", config, key="second", owner_email=cast.dan.email))
    words = "The job first fills the table marts.numbers."
    assert "first" in korean(run, "settings", words)


@pytest.mark.parametrize(
    ("sql", "error_class"),
    [
        ("SELECT count(*) FROM tests.numbers", "settings"),
        ("SELECT CAST(name AS INTEGER) AS number FROM tests.numbers", "bad_input"),
    ],
)
def test_a_model_that_cannot_run_and_one_whose_data_do_not_fit(
    numbers: Lake, cast: Cast, sql: str, error_class: str
) -> None:
    job = make("sql_model", {"target": "marts.numbers", "sql": sql}, owner_email=cast.dan.email)
    assert work_off(job).error["class"] == error_class


def test_a_metric_that_nobody_has_defined(numbers: Lake) -> None:
    run = work_off(make("metric_refresh", {"metrics": ["delays"]}))
    words = "No metric has the key «delays»; define it first or mend the key."
    assert "«delays»" in korean(run, "settings", words)


def test_a_report_without_any_section(numbers: Lake, cast: Cast) -> None:
    query = {"kind": "query", "title_en": "Numbers", "sql": "SELECT * FROM nothing"}
    run = work_off(make("report", {"title_en": "R", "sections": [query]}, owner_email=cast.ada.email))
    read = korean(run, "bad_input", "No section could be computed: Numbers (no_rights)")
    assert "Numbers (권한 없음)" in read


class TestJobFiles:
    @pytest.fixture(autouse=True)
    def folder(self, settings: Any, tmp_path: Path, db: None) -> Path:
        settings.JOBS_FOLDER = str(tmp_path)
        register_system_jobs()
        return tmp_path

    def read(self) -> Run:
        return work_off(Job.objects.get(key=READ_JOB_FILES.key))

    def test_a_fault_is_told_with_its_place(self, folder: Path) -> None:
        (folder / "bad.yaml").write_text("jobs: 1")
        read = korean(self.read(), "bad_input", "bad.yaml, line 1, jobs: It takes a list.")
        assert read.startswith("bad.yaml, 1번째 줄, jobs: ")

    def test_of_several_the_first_is_told(self, folder: Path) -> None:
        (folder / "a.yaml").write_text("a: 1\na: 2")
        (folder / "b.yaml").write_text("jobs: 1")
        words = "a.yaml, line 2: a stands here twice. (and 1 more, see the log)"
        assert korean(self.read(), "bad_input", words).startswith("a.yaml, 2번째 줄: ")

    def test_what_a_kind_says_of_its_settings_is_told_too(self, folder: Path) -> None:
        config = '{url = "https://example.com/x", expected = [99]}'
        job = f'[[jobs]]\nkey = "call"\nkind = "http"\nname_en = "Call"\nconfig = {config}\n'
        (folder / "jobs.toml").write_text(job)
        words = "jobs.toml, line 5, jobs.0.config.expected: a status lies between 200 and 599"
        assert "config.expected: " in korean(self.read(), "bad_input", words)


def test_a_field_stays_the_fields_name(db: None) -> None:
    with pytest.raises(DoesNotFit) as refused:
        fitted(DbtConfig, {"project": "shop", "command": "test", "full_refresh": True}, "config")
    told = said_of(refused.value)
    assert told == "config.full_refresh: it goes with build and run only"
    with override("ko"):
        read = retold(told.kept, "")  # type: ignore[attr-defined]
    assert read.startswith("config.full_refresh: ")
    assert HANGUL.search(read)


def test_settings_that_fit_no_more_are_told_field_by_field(server: Receiver) -> None:
    job = call(server)
    Job.objects.filter(pk=job.pk).update(config={"url": "https://example.com", "patience": 0})
    read = korean(work_off(job), "settings", "config.patience: It must be 1 or more.")
    assert read.startswith("config.patience: ")


class TestQueries:
    def query(self, user: User, sql: str, chart: ChartChoice | None = None) -> Run:
        return finish(ask(sql=sql, parameters={}, chart=chart, by=Actor.person(user), requested_by=user))

    def test_who_may_no_more(self, numbers: Lake, cast: Cast) -> None:
        run = ask(
            sql="SELECT number FROM tests.numbers",
            parameters={},
            chart=None,
            by=Actor.person(cast.dan),
            requested_by=cast.dan,
        )
        User.objects.filter(pk=cast.dan.pk).update(is_active=False)
        read = korean(finish(run), "settings", "Whoever asked this may not run SQL any more.")
        with override("ko"):
            problem = problem_of(run)
        assert problem is not None
        assert problem.message == read

    def test_why_there_is_no_chart(self, numbers: Lake, cast: Cast) -> None:
        chart = ChartChoice(kind="bar", x="number", y=["name"])
        run = self.query(cast.dan, "SELECT number, name FROM tests.numbers", chart)
        assert run.state == RunState.SUCCEEDED, run.error
        # Kept as a code, and so read in any language.
        assert run.outputs["chart_problem"] == {"code": "not_numeric", "column": "name"}
        with override("en"):
            english = answer_of(run)
        with override("ko"):
            read = answer_of(run)
        assert english is not None
        assert read is not None
        assert english.chart_problem == "The column «name» holds no numbers, so it cannot be drawn."
        assert "name" in read.chart_problem
        assert HANGUL.search(read.chart_problem)
