"""F24: a cell of two gigabytes ends one run or one section of a report, and nothing beside it."""

import re
from contextlib import suppress
from pathlib import Path

import pytest

from jobs.actions.queries import ask
from jobs.choices import RunState
from jobs.models import Run
from portal.accounts.models import User
from portal.audit.actions import Actor
from portal.demo.people import load_people
from portal.ui.result_chart import NO_CHART
from tests.factories.catalog import dataset
from tests.faults.processes import Processes, Started, ended, start, until, with_descendants
from tests.lake import Lake
from tests.unit.jobs.loading import make

pytestmark = pytest.mark.fault

# MB of data that a run's process may have; the code that it has mapped comes on top.
MEMORY = 1024
CODE = 200
# The engine counts what it gathers, and it does not count what an expression makes of it.
GATHERED = "SELECT string_agg(repeat('x', 10000), '') AS cell FROM range({})"
JOINED = f"WITH a AS ({GATHERED.format(20_000)}) SELECT {' || '.join(['cell'] * 10)} AS cell FROM a"  # noqa: S608
CELLS = {
    "gathered": (GATHERED.format(200_000), "The query needs more memory than it may have."),
    "joined": (JOINED, "The query needs more memory than it may have."),
    # It fits into the process, and is too large to be read.
    "read": (GATHERED.format(12_000), "The answer is larger than 64 MB. Read fewer columns or rows."),
}


@pytest.fixture
def worker(processes: Processes, lake: Lake, monkeypatch: pytest.MonkeyPatch) -> Started:
    lake.publish("tests.numbers", "SELECT range AS number FROM range(3)")
    for name in ("LAKE_SCHEMA", "LAKE_DATA"):
        monkeypatch.setenv(name, lake.environment[name])
    dataset("numbers", columns=("number",), table={"physical_name": "tests.numbers"})
    # What the engine gives back stays mapped, for each of its threads apart, and counts: beside what it may
    # have, a process needs room for that.
    return processes.worker(WORKER_SLOTS="1", RUN_MEMORY_MB=str(MEMORY), LAKE_MEMORY="500MB")


@pytest.fixture
def ben(worker: Started) -> User:
    found: User = load_people()["ben"]
    return found


def asked(user: User, sql: str) -> Run:
    return ask(sql=sql, parameters={}, chart=NO_CHART, by=Actor.person(user), requested_by=user)


def ended_within(worker: Started, run: Run) -> int:
    """Wait for the run's end and return the most MB that any process of the worker had meanwhile."""
    most = 0

    def over() -> bool:
        nonlocal most
        most = max(most, *map(peak, with_descendants(worker)))
        return Run.objects.filter(pk=run.pk, finished_at__isnull=False).exists()

    until(over, seconds=60, what="the run ended")
    run.refresh_from_db()
    return most


def peak(pid: int) -> int:
    with suppress(FileNotFoundError, ProcessLookupError):
        found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
        return int(found[1]) // 1024 if found else 0
    return 0


def test_f24_a_query_with_a_huge_cell_fails_alone(worker: Started, ben: User) -> None:
    for name, (sql, words) in CELLS.items():
        run = asked(ben, sql)
        assert ended_within(worker, run) < MEMORY + CODE, name
        assert (run.state, run.error["class"], run.error["message"]) == ("failed", "bad_input", words), name
        assert run.attempt == 1, "another try would need as much"
        after = ended(asked(ben, "SELECT number FROM tests.numbers"))
        assert (after.state, after.attempt, after.outputs["row_count"]) == (RunState.SUCCEEDED, 1, 3), name


def test_f24_a_section_with_a_huge_cell_is_named_and_the_others_are_printed(
    worker: Started, ben: User
) -> None:
    sections = [{"kind": "query", "title_en": name, "sql": sql} for name, (sql, _) in CELLS.items()]
    whole = {"kind": "query", "title_en": "Numbers", "sql": "SELECT number FROM tests.numbers"}
    config = {"title_en": "Numbers", "title_ko": "숫자", "sections": [*sections, whole]}
    run = start(make("report", config, owner_email=ben.email))
    assert ended_within(worker, run) < MEMORY + CODE
    assert (run.state, run.error) == (RunState.SUCCEEDED, {})
    assert [each.get("failed", {}).get("why") for each in run.outputs["sections"]] == [*["large"] * 3, None]
