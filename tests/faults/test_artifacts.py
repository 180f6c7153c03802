"""Files of runs: kept with a success, by the supervisor, and nothing else of the body's scratch folder."""

import hashlib

import pytest

from jobs.artifacts import ARTIFACTS
from jobs.choices import ErrorClass, Isolation, RunState
from jobs.models import Run
from tests.faults.processes import Processes, ended, job, start

pytestmark = pytest.mark.fault


@pytest.fixture
def files(processes: Processes, settings):
    """Run one job of files after the other in a real worker whose files may have 1 MB each."""
    settings.VAR = processes.folder / "var"
    processes.worker(ARTIFACT_MB="1")
    making = job("test-files", max_attempts=1)
    return lambda **params: ended(start(making, **params))


def on_disk() -> int:
    return len([path for path in ARTIFACTS.folder().rglob("*") if path.is_file()])


def failure_of(run: Run) -> str:
    assert run.state == RunState.FAILED
    assert not run.artifacts.exists()
    assert on_disk() == 0
    return str(run.error["message"])


def test_a_success_keeps_its_files_and_a_failure_keeps_none(files) -> None:
    assert "June" in failure_of(files(files={"a.txt": 5}, fail=True))
    assert failure_of(files(files={"a.txt": 5}, missing="b.txt")) == (
        "The file b.txt was announced but never written."
    )
    assert failure_of(files(files={"a.txt": 5, "large.txt": 1024 * 1024 + 1})) == (
        "The file large.txt is larger than 1 MB."
    )
    # Two names that read the same once their folders are taken off.
    assert failure_of(files(files={"x/a.txt": 5, "y/a.txt": 5})) == "The run made two files called a.txt."
    assert failure_of(files(files={f"{number}.txt": 1 for number in range(101)})) == (
        "A run keeps at most 100 files."
    )

    run = files(files={"보고서.txt": 1024 * 1024, "../../etc/passwd": 3})
    assert run.state == RunState.SUCCEEDED
    assert [(each.name, each.size, each.media_type) for each in run.artifacts.all()] == [
        ("보고서.txt", 1024 * 1024, "text/plain"),
        ("passwd", 3, "text/plain"),
    ]
    for each in run.artifacts.all():
        path = ARTIFACTS.folder() / each.stored[:2] / each.stored
        assert path.stat().st_mode & 0o777 == 0o600
        assert hashlib.sha256(path.read_bytes()).hexdigest() == each.sha256
    assert not list((ARTIFACTS.folder().parent / "runs").iterdir())


def test_a46_a_link_in_a_files_place_is_not_followed(files, tmp_path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("the key")
    assert "could not be kept" in failure_of(files(files={"a.txt": 5}, link=str(secret)))


def test_an_inline_body_keeps_files_too(processes: Processes, settings) -> None:
    settings.VAR = processes.folder / "var"
    processes.worker()
    run = ended(start(job("test-files", isolation=Isolation.INLINE), files={"a.txt": 5}))
    assert (run.state, run.artifacts.get().size) == (RunState.SUCCEEDED, 5)


def test_storage_is_a_fault_that_another_try_may_heal() -> None:
    assert ErrorClass.STORAGE in ErrorClass.retried()
