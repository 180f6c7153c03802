"""F03: kill -9 of the supervisor at each point between claiming a run and tidying up after it."""

from collections import Counter
from datetime import timedelta

import pytest

from jobs.artifacts import ARTIFACTS
from jobs.choices import Outcome, RunState
from jobs.models import Artifact, Run
from tests.faults.crashing import POINTS, PREFIX
from tests.faults.processes import LEASE, Processes, job, start, until

pytestmark = pytest.mark.fault

# At these the end has been recorded: what dies there costs no attempt. During COMMIT nobody can say.
RECORDED = {"after-commit", "before-tidying"}
UNDECIDED = {"during-commit"}


def on_disk() -> set[str]:
    return {path.name for path in ARTIFACTS.folder().rglob("*") if path.is_file()}


def test_f03_a_run_ends_once_wherever_its_supervisor_dies(processes: Processes, settings) -> None:
    settings.VAR = processes.folder / "var"
    keys = [PREFIX + point for point in POINTS]
    runs = {}
    for key in keys:
        config = {"pipeline": "test-files"}
        made = job("test-files", key=key, config=config, max_attempts=2)
        runs[key.removeprefix(PREFIX)] = start(made, files={"a.txt": 5}, seconds=1.5)
    job("test-nothing", key="follower", after=tuple(keys))
    processes.clock()
    processes.worker(app="tests.faults.crashing", WORKER_SLOTS="6")
    until(lambda: not Run.objects.open().exists(), seconds=60 + LEASE, what="all ended")

    for point, run in runs.items():
        run.refresh_from_db()
        assert run.state == RunState.SUCCEEDED, (point, run.error)
        attempts = [attempt.outcome for attempt in run.attempts.all()]
        again = [Outcome.LOST, Outcome.SUCCEEDED]
        if point in RECORDED:
            assert attempts == [Outcome.SUCCEEDED], point
        else:
            assert attempts == again or (point in UNDECIDED and attempts == again[1:]), (point, attempts)
        kept = run.artifacts.get()
        assert (kept.name, kept.fence) == ("a.txt", run.attempts.last().fence), point
        assert Counter(event.kind for event in run.events.all())["succeeded"] == 1, point
    followers = Run.objects.filter(job__key="follower")
    assert {run.state for run in followers} == {RunState.SUCCEEDED}
    assert followers.count() == len(POINTS), "each success starts its follower once"

    # What died with a file in its hands left it behind; the tidying takes it away, and only it.
    named = set(Artifact.objects.values_list("stored", flat=True))
    assert on_disk() > named
    ARTIFACTS.remove_litter(older=timedelta(0), named=named.intersection)
    assert on_disk() == named
