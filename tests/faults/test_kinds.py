"""The kinds that fill the lake, in the forked body of a real worker."""

from pathlib import Path

import pytest

from jobs.choices import RunState
from tests.faults.processes import Processes, ended, start
from tests.lake import Lake
from tests.unit.jobs.loading import make

pytestmark = pytest.mark.fault


@pytest.fixture
def files(lake: Lake, monkeypatch: pytest.MonkeyPatch, settings: object) -> Path:
    folder = lake.folder / "files"
    folder.mkdir()
    monkeypatch.setenv("SOURCE_FOLDER", str(folder))
    for name in ("LAKE_SCHEMA", "LAKE_DATA"):
        monkeypatch.setenv(name, lake.environment[name])
    return folder


def test_a_worker_loads_files_and_says_what_it_could_not_read(
    processes: Processes, lake: Lake, files: Path
) -> None:
    (files / "a.csv").write_text("id,amount\n1,1.5\n2,2.5\n")
    config = {
        "source": {"path": "a.csv"},
        "target": "sales.orders",
        "mode": "append",
        "checks": [{"check": "expression", "expression": "amount > 0"}],
    }
    job = make("extract_load", config)
    processes.worker(WORKER_SLOTS="1")
    run = ended(start(job), seconds=90)
    assert (run.state, run.error) == (RunState.SUCCEEDED, {})
    (files / "a.csv").write_text("id,amount\n3,-1\n")
    run = ended(start(job), seconds=90)
    assert "expression(amount > 0)" in run.error["message"]
    (files / "a.csv").write_text("id,amount\n3,much\n")
    run = ended(start(job), seconds=90)
    assert (run.error["class"], run.error["place"]) == ("bad_input", {"line": 2})
    assert lake.ask("SELECT id FROM sales.orders ORDER BY 1").rows == [(1,), (2,)]
