"""The kernel stands behind the linter: what runs people's SQL reads the lake and can destroy nothing."""

import ctypes
from pathlib import Path

import duckdb
import pytest
from django.conf import settings

from jobs.choices import Isolation, RunState
from jobs.models import Run
from tests.faults.processes import Processes, ended, job, start
from tests.lake import Lake

pytestmark = [
    pytest.mark.fault,
    pytest.mark.skipif(
        ctypes.CDLL(None).syscall(444, None, ctypes.c_size_t(0), 1) < 1, reason="this kernel has no Landlock"
    ),
]


@pytest.fixture
def hostile(processes: Processes, lake: Lake, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a run that tried everything, in the warm process of a real worker."""
    for name in ("LAKE_SCHEMA", "LAKE_DATA"):
        monkeypatch.setenv(name, lake.environment[name])
    # Large enough to lie in files, and replaced, so that the first files wait for their cleaning up.
    lake.publish("tests.numbers", "SELECT range AS number FROM range(5000)")
    lake.publish("tests.numbers", "SELECT range + 1 AS number FROM range(5000)", run_id="run-z", fence=2)
    with lake.writer() as warehouse:
        warehouse._connection(None).execute(  # type: ignore[attr-defined]
            "CALL ducklake_expire_snapshots('lake', older_than => now() + INTERVAL 1 DAY)"
        )
    folder = Path(settings.LAKE_DATA)
    (lake.folder / "key").write_text("secret")
    processes.worker(WORKER_SLOTS="1")
    return ended(
        start(
            job("test-hostile", isolation=Isolation.WARM),
            statements=[
                f"COPY (SELECT 1) TO '{folder / 'planted.parquet'}' (FORMAT parquet)",
                "CALL ducklake_cleanup_old_files('lake', cleanup_all => true)",
                "SELECT count(*) FROM lake.tests.numbers",
            ],
            reads=["/etc/passwd", str(settings.BASE_DIR / ".env.example"), str(lake.folder / "key")],
            writes=[str(folder / "planted")],
        )
    )


def test_a25_hostile_sql_in_a_warm_process_leaves_every_file_of_the_lake(hostile: Run, lake: Lake) -> None:
    folder = Path(settings.LAKE_DATA)
    assert hostile.state == RunState.SUCCEEDED, hostile.error
    told = dict(hostile.outputs)
    assert told.pop("SELECT count(*) FROM lake.tests.numbers") == "[(5000,)]"
    assert {text.split(":")[0] for text in told.values()} == {"refused"}, told
    assert not list(folder.rglob("planted*"))
    # The files that waited for their cleaning up are all there: whoever may write takes them away now.
    with lake.writer() as warehouse:
        connection: duckdb.DuckDBPyConnection = warehouse._connection(None)  # type: ignore[attr-defined]
        waiting = connection.execute(
            "CALL ducklake_cleanup_old_files('lake', dry_run => true, cleanup_all => true)"
        )
        paths = [Path(row[0]) for row in waiting.fetchall()]
    assert paths
    assert all(path.exists() for path in paths)
