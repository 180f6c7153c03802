"""Files of runs: what goes when, and what happens when the disk is full (F19)."""

import errno
import os
import time
from datetime import timedelta

import pytest
from django.utils import timezone

from jobs.artifacts import ARTIFACTS, remove_litter, remove_old
from jobs.choices import ErrorClass, RunState
from jobs.engine.artifacts import Announced, NotKept, Taken
from jobs.engine.claim import claim
from jobs.engine.work import make_folder
from jobs.models import Artifact
from jobs.runners.base import MADE
from tests.factories.jobs import make_artifact, make_job, make_run

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_folder(settings, tmp_path):
    settings.VAR = tmp_path


def on_disk() -> set[str]:
    return {path.name for path in ARTIFACTS.folder().rglob("*") if path.is_file()}


def test_f19_a_full_disk_leaves_nothing_and_says_so():
    make_run(make_job(), RunState.QUEUED)
    held = claim("tests")
    assert held is not None
    made = make_folder(held) / MADE
    made.mkdir()
    for number in (1, 2):
        (made / str(number)).write_bytes(b"x" * 10)
    asked = iter([None, OSError(errno.ENOSPC, "No space left on device")])

    def fill_up() -> None:
        if problem := next(asked):
            raise problem

    taken = Taken(held, [Announced(1, "a.txt", ""), Announced(2, "b.txt", "")], fill_up)
    with pytest.raises(NotKept, match="no space left") as refused:
        _ = taken.rows
    assert refused.value.error_class is ErrorClass.STORAGE
    assert on_disk() == set()
    # Space came back: the next try keeps both.
    taken = Taken(held, [Announced(1, "a.txt", ""), Announced(2, "b.txt", "")], lambda: None)
    assert [row.size for row in taken.rows] == [10, 10]
    assert taken.rows is taken.rows
    taken.drop()
    assert on_disk() == set()


def test_old_files_go_with_their_rows(settings, django_capture_on_commit_callbacks):
    run = make_run(make_job())
    old, fresh = make_artifact(run), make_artifact(run, name="fresh.csv")
    Artifact.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=91))
    settings.ARTIFACT_KEEP_DAYS = 0
    assert remove_old() == 0
    settings.ARTIFACT_KEEP_DAYS = 90
    with django_capture_on_commit_callbacks(execute=True):
        assert remove_old() == 1
    assert on_disk() == {fresh.stored}
    assert list(run.artifacts.all()) == [fresh]


def test_a_file_without_a_row_is_litter():
    kept = make_artifact(make_run(make_job()))
    litter, fresh = (ARTIFACTS.write([b"x"], most=9).name for _ in range(2))
    long_ago = time.time() - 7200
    for name in (kept.stored, litter):
        os.utime(ARTIFACTS.folder() / name[:2] / name, (long_ago, long_ago))
    assert remove_litter() == 1
    assert on_disk() == {kept.stored, fresh}
