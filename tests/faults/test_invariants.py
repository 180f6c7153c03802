"""The invariants themselves: each of the files and of the sessions is missed where it is broken."""

import os
from pathlib import Path

import psycopg2
import pytest

from jobs.artifacts import ARTIFACTS
from jobs.choices import Outcome, RunState
from jobs.models import Artifact, Run
from tests.factories.jobs import make_job, make_run
from tests.faults import invariants
from tests.faults.processes import database_url

pytestmark = pytest.mark.django_db


@pytest.fixture
def kept(tmp_path: Path, settings: object) -> Artifact:
    """A file of a run that succeeded, as the engine keeps it."""
    settings.VAR = tmp_path  # type: ignore[attr-defined]
    run = make_run(make_job(), state=RunState.SUCCEEDED)
    Run.objects.filter(pk=run.pk).update(fence=1)
    run.attempts.all().delete()
    run.attempts.create(number=1, fence=1, outcome=Outcome.SUCCEEDED)
    stored = ARTIFACTS.write([b"whole"], most=100)
    return Artifact.objects.create(
        run=run, fence=1, name="a.txt", stored=stored.name, size=stored.size, sha256=stored.sha256
    )


def file_of(artifact: Artifact) -> Path:
    return ARTIFACTS.folder() / artifact.stored[:2] / artifact.stored


def test_i5_files_that_rows_name_are_in_order_and_litter_goes(kept: Artifact, tmp_path: Path) -> None:
    litter = ARTIFACTS.write([b"of an attempt that died"], most=100)
    invariants.files_and_rows_agree(tmp_path)
    assert not (ARTIFACTS.folder() / litter.name[:2] / litter.name).exists()
    assert file_of(kept).read_bytes() == b"whole"


@pytest.mark.parametrize("how", ["gone", "cut", "odd", "unfinished"])
def test_i5_what_differs_is_seen(kept: Artifact, tmp_path: Path, how: str) -> None:
    file = file_of(kept)
    match how:
        case "gone":
            file.unlink()
        case "cut":
            file.write_bytes(b"who")
        case "odd":
            file.with_name("left-by-somebody").write_bytes(b"")
        case "unfinished":
            unfinished = tmp_path / "files" / f".{'0' * 32}.upload"
            unfinished.parent.mkdir()
            unfinished.write_bytes(b"")
            os.utime(unfinished, (0, 0))
    with pytest.raises(AssertionError, match="I5"):
        invariants.files_and_rows_agree(tmp_path)


def test_i2_a_file_of_an_attempt_that_did_not_win_is_seen(kept: Artifact) -> None:
    invariants._files_are_those_of_the_winner()
    kept.run.attempts.update(outcome=Outcome.LOST)
    with pytest.raises(AssertionError, match="I2"):
        invariants._files_are_those_of_the_winner()


@pytest.mark.parametrize("statement", ["SELECT 1", "LOCK TABLE jobs_pool IN ACCESS SHARE MODE"])
def test_i8_a_session_that_stays_in_a_transaction_is_seen_whatever_it_last_said(
    monkeypatch: pytest.MonkeyPatch, statement: str
) -> None:
    monkeypatch.setattr(invariants, "BACKEND_ENDS", 0.3)
    monkeypatch.setattr(invariants, "BESIDE", 0.2)
    invariants.no_backend_works_for_the_dead()
    left = psycopg2.connect(database_url())
    try:
        left.cursor().execute(statement)
        with pytest.raises(AssertionError, match="I8"):
            invariants.no_backend_works_for_the_dead()
    finally:
        left.close()
