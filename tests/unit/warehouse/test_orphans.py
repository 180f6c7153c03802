"""What a load that died left in the lake's folder goes; what another one is about to commit stays."""

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings

from jobs.runners.housekeeping import ORPHANED
from tests.lake import Lake

WEEKS = timedelta(days=30).total_seconds()
# Publishes rows that were staged weeks ago, and waits for a line between placing their file and the commit.
LOAD = """
    import os, sys, time
    from pathlib import Path
    import django
    django.setup()
    from portal.warehouse import connect, publishing

    enter = publishing._enter

    def enter_and_wait(*given, **named):
        enter(*given, **named)
        print("placed", flush=True)
        sys.stdin.readline()

    publishing._enter = enter_and_wait
    with connect(read_only=False) as lake:
        staged = lake.stage_query(sys.argv[1], target="ops.days", folder=Path(sys.argv[2]))
        old = time.time() - float(sys.argv[3])
        os.utime(staged.path, (old, old))
        lake.publish([staged], run_id=sys.argv[4], fence=1)
"""


@contextmanager
def load(lake: Lake, sql: str, run: str) -> Iterator["subprocess.Popen[str]"]:
    """Yield a process that has placed its file and not committed."""
    given = [sql, str(lake.folder / run), str(WEEKS), run]
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(LOAD), *given],
        env=lake.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "placed\n"
            yield process
        finally:
            process.kill()


def sweep(lake: Lake, *, dry_run: bool = False) -> int:
    with lake.writer() as warehouse:
        return warehouse.remove_orphans(older_than=datetime.now(UTC) - ORPHANED, dry_run=dry_run)


def files() -> set[Path]:
    return {path for path in Path(settings.LAKE_DATA).rglob("*") if path.is_file()}


def age() -> None:
    """Let every file of the lake be weeks old."""
    for path in files():
        old = time.time() - WEEKS
        os.utime(path, (old, old))


@pytest.fixture
def filled(lake: Lake) -> Lake:
    lake.publish("ops.days", "SELECT range AS n FROM range(1000)", run_id="run-1")
    return lake


def test_a_load_that_is_killed_leaves_a_file_that_goes_when_it_is_old(filled: Lake) -> None:
    before = files()
    with load(filled, "SELECT range AS n FROM range(2000)", "run-2") as process:
        process.kill()
    (left,) = files() - before
    assert sweep(filled) == 0, "it may belong to a load that goes on"
    age()
    (Path(settings.LAKE_DATA) / "note.txt").write_text("not ours")
    assert (sweep(filled, dry_run=True), left.exists()) == (1, True)
    assert sweep(filled) == 1
    assert files() == before | {Path(settings.LAKE_DATA) / "note.txt"}
    assert filled.ask("SELECT count(*) FROM ops.days").rows == [(1000,)]


def test_a_file_that_was_taken_over_stays_before_its_commit_and_after(filled: Lake) -> None:
    with load(filled, "SELECT range AS n FROM range(2000)", "run-2") as process:
        assert sweep(filled) == 0
        process.communicate("go on\n", timeout=60)
        assert process.returncode == 0
    age()
    assert sweep(filled) == 0
    assert filled.ask("SELECT count(*) FROM ops.days").rows == [(2000,)]


def test_what_waits_to_be_cleaned_up_is_no_orphan(filled: Lake) -> None:
    filled.publish("ops.days", "SELECT range AS n FROM range(2000)", run_id="run-2")
    before = files()
    with filled.writer() as warehouse:
        # Whoever has just planned to read the snapshot still needs its file.
        assert warehouse.expire(older_than=datetime.now(UTC) + timedelta(days=1), keep=()).snapshots
    age()
    assert sweep(filled) == 0
    assert files() == before
