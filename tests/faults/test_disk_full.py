"""F19: the disk where runs keep their files is full; it is a real one, so only root can try this."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.artifacts import ARTIFACTS
from jobs.choices import ErrorClass, RunState
from jobs.faults import fault_of
from jobs.models import Run
from portal.demo.people import load_people
from tests.factories.tokens import bearer
from tests.faults.processes import Processes, ended, failed_only_for, job, start, until
from tests.faults.web import serving
from tests.stack import free_port

pytestmark = [pytest.mark.fault, pytest.mark.xdist_group("web")]

MB = 1024 * 1024
SIZE = 8 * MB
NO_SPACE = "There is no space left"


@pytest.fixture
def disk(tmp_path: Path, settings: object) -> Iterator[Path]:
    """Mount a disk of 8 MB as the folder of everything that this test's processes write.

    It comes before them, and stays until what they leave behind was looked at.
    """
    var = tmp_path / "var"
    var.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=0700", "desk-full", str(var)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False) if os.geteuid() == 0 else None
    if done is None or done.returncode:
        pytest.skip(f"a disk cannot be mounted here: {done.stderr.strip() if done else 'not root'}")
    settings.VAR = var  # type: ignore[attr-defined]
    try:
        yield var
    finally:
        subprocess.run(["umount", "--lazy", str(var)], check=True)


def fill(disk: Path, *, left: int) -> Path:
    """Take all of the disk but so many bytes."""
    filler = disk / "filler"
    filler.unlink(missing_ok=True)
    found = os.statvfs(disk)
    with filler.open("wb") as file:
        file.write(b"x" * (found.f_bavail * found.f_frsize - left))
    return filler


def failed_for_space(run: Run) -> bool:
    """Say whether an attempt found no room, and check that none of them failed for anything else."""
    return failed_only_for(run, ErrorClass.STORAGE, NO_SPACE)


def kept() -> list[int]:
    return [path.stat().st_size for path in ARTIFACTS.folder().rglob("*") if path.is_file()]


def scratch(disk: Path) -> list[Path]:
    folder = disk / "runs"
    return list(folder.iterdir()) if folder.is_dir() else []


def test_f19_a_full_disk_fails_the_run_that_fills_it_and_nothing_else(
    disk: Path, processes: Processes
) -> None:
    people = load_people()
    port = free_port()
    started = processes.web(port, LAKE_DATA=str(processes.folder))
    processes.worker()
    web = serving(started, port)
    cleo = web.visitor().sign_in("cleo")
    token = web.visitor(**bearer(people["dan"], "jobs:run"))
    once = job("test-files", key="test-files-once", max_attempts=1)
    again = job("test-files", max_attempts=20)
    job("test-nothing")

    # Room for what the body writes and for none of the copies that its supervisor makes.
    fill(disk, left=3 * MB)
    run = ended(start(once, files={"small.txt": 1 * MB, "large.txt": 1 * MB}))
    assert (run.state, run.error["class"]) == (RunState.FAILED, "storage_full"), run.error
    assert run.error["message"] == "There is no space left to keep the run's files."
    assert (run.artifacts.count(), kept(), scratch(disk)) == (0, [], [])
    assert "The disk is full" in cleo.ask(f"/runs/{run.number}/").text

    # Not even room for what the body writes.
    filler = fill(disk, left=MB // 2)
    waits = start(again, files={"small.txt": 1 * MB, "large.txt": 1 * MB})
    until(lambda: failed_for_space(waits), what="an attempt found no room")
    assert fault_of(ended(start(once, files={"large.txt": 1 * MB}))).whose == "The disk is full"
    assert kept() == []
    # No byte is left, and everybody else goes on.
    fill(disk, left=0)
    answer = token.ask("/api/v1/jobs/test-nothing/runs", body={"params": {}})
    assert answer.status == 201
    assert ended(Run.objects.get(pk=answer.json["id"])).state == RunState.SUCCEEDED
    assert [cleo.ask(path).status for path in ("/", "/jobs/", f"/runs/{run.number}/")] == [200, 200, 200]
    waits.refresh_from_db()
    assert waits.is_open

    filler.unlink()
    assert ended(waits).state == RunState.SUCCEEDED
    assert failed_for_space(waits)
    assert sorted(kept()) == [1 * MB, 1 * MB]
    assert {each.fence for each in waits.artifacts.all()} == {waits.fence}
    assert scratch(disk) == []
