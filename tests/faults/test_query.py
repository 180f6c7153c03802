"""A query of a person, from asking to its evidence, in a real worker."""

import pytest

from jobs.actions.queries import ask
from jobs.choices import RunState
from jobs.models import Run
from portal.accounts.models import User
from portal.audit.actions import Actor
from portal.demo.people import load_people
from portal.evidence.models import Evidence
from portal.ui.result_chart import ChartChoice
from tests.factories.catalog import dataset
from tests.faults.processes import Processes, ended
from tests.lake import Lake

pytestmark = pytest.mark.fault


@pytest.fixture
def ben(processes: Processes, lake: Lake, monkeypatch: pytest.MonkeyPatch) -> User:
    """Return an analyst who may read one table of a lake that the worker reads too."""
    lake.publish("tests.numbers", "SELECT range AS number, 'x' || range AS name FROM range(3000)")
    for name in ("LAKE_SCHEMA", "LAKE_DATA"):
        monkeypatch.setenv(name, lake.environment[name])
    found: User = load_people()["ben"]
    dataset("numbers", columns=("number", "name"), table={"physical_name": "tests.numbers"})
    processes.worker(WORKER_SLOTS="1")
    return found


def answer(user: User, sql: str, *, chart: ChartChoice | None = None, **parameters: object) -> Run:
    run = ask(sql=sql, parameters=parameters, chart=chart, by=Actor.person(user), requested_by=user)
    return ended(run)


def test_a_query_leaves_its_evidence_and_no_row_in_the_run(ben: User) -> None:
    chart = ChartChoice(kind="line", x="number", y=["number"])
    run = answer(ben, "SELECT number FROM tests.numbers WHERE number < $most ORDER BY 1", chart=chart, most=3)
    assert run.state == RunState.SUCCEEDED, run.error
    evidence = Evidence.objects.get(run_id=run.pk)
    assert (evidence.tables, evidence.row_count, evidence.parameters) == (["tests.numbers"], 3, {"most": 3})
    assert evidence.result.rows == [[0], [1], [2]]
    assert evidence.snapshot is not None
    assert {layout for drawn in evidence.result.charts.values() for layout in drawn} == {"wide", "narrow"}
    assert run.outputs["evidence"] == str(evidence.pk)
    assert "rows" not in run.outputs

    cut = answer(ben, "SELECT number, name FROM tests.numbers")
    assert (cut.outputs["row_count"], cut.outputs["cut"], cut.outputs["more"]) == (3000, True, False)
    assert len(Evidence.objects.get(run_id=cut.pk).result.rows) == 1000

    wrong = answer(ben, "SELECT number,\n  CAST(name AS INTEGER) AS n FROM tests.numbers")
    assert (wrong.state, wrong.attempt, wrong.error["class"]) == (RunState.FAILED, 1, "bad_input")
