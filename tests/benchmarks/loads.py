"""Extract and load: five million CSV rows with audit beside bare DuckDB doing the same read and write.

Run by ``make bench``, or alone by ``python -m tests.benchmarks.loads``, on embedded servers of its own.
Bare DuckDB is told the columns' types, guesses nothing, checks nothing, and writes a table of the same lake
with the same threads and memory. ``KEYS=rising`` numbers the rows in the file's order; otherwise they come in
none, which is the harder case for the check that keys are unique.
"""

import logging
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django
import uuid_utils.compat

from portal.embedded import servers

ROOT = Path(__file__).resolve().parent.parent.parent
ROWS = int(os.environ.get("ROWS", "5_000_000"))
ROUNDS = int(os.environ.get("ROUNDS", "5"))
KEYS = os.environ.get("KEYS", "mixed")
TYPES = {
    "id": "BIGINT",
    "day": "DATE",
    "amount": "DOUBLE",
    "city": "VARCHAR",
    "item": "VARCHAR",
    "pieces": "BIGINT",
    "ordered_at": "TIMESTAMP",
    "customer": "VARCHAR",
}
CHECKS = [
    {"check": "not_null", "columns": ["id", "day"]},
    {"check": "unique", "columns": ["id"]},
    {"check": "accepted_values", "columns": ["city"], "values": ["Seoul", "Busan", "Daegu", "Incheon"]},
    {"check": "expression", "expression": "amount >= 0"},
    {"check": "row_count", "minimum": ROWS, "maximum": ROWS},
]


def main() -> None:
    """Prepare servers, and measure in a process that is configured for them."""
    var = Path(tempfile.mkdtemp(prefix="desk-bench-"))
    try:
        addresses = servers.start(var, for_tests=True).addresses
        environment = {**os.environ, **addresses, "VAR": str(var), "MODE": "demo", "LOG_LEVEL": "WARNING"}
        environment["DJANGO_SETTINGS_MODULE"] = "portal.settings"
        measuring = [sys.executable, "-m", "tests.benchmarks.loads", "measure"]
        subprocess.run(measuring, cwd=ROOT, env=environment, check=True)
    finally:
        servers.stop(var)
        shutil.rmtree(var, ignore_errors=True)


def measure() -> None:
    """Measure and print."""
    django.setup()
    folder = Path(os.environ["VAR"]) / "files"
    folder.mkdir()
    _write_csv(folder / "orders.csv")
    bare, ours = [], []
    for _ in range(ROUNDS):
        # In turns, so that whatever else this machine does falls on both.
        bare.append(_timed(lambda: _bare(folder / "orders.csv")))
        ours.append(_timed(_loaded))
    print(f"bare DuckDB, CSV to lake: {_seconds(bare)}")
    print(f"extract_load with {len(CHECKS)} rules, profile and publish: {_seconds(ours)}")
    for name, pick in (("median", statistics.median), ("least", min)):
        wall, cpu = (pick([each[at] for each in ours]) / pick([each[at] for each in bare]) for at in (0, 1))
        print(
            f"{ROWS:,} rows, keys {KEYS}, {name}: {wall:.2f} of bare DuckDB (at most 2), {cpu:.2f} of its CPU"
        )


def _timed(work: Callable[[], None]) -> tuple[float, float]:
    """Return the seconds that passed, and those that this process's threads worked."""
    began, worked = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - began, time.process_time() - worked


def _seconds(times: list[tuple[float, float]]) -> str:
    rounds = ", ".join(f"{wall:.2f} / {cpu:.2f}" for wall, cpu in times)
    return f"{statistics.median(wall for wall, _cpu in times):.2f} s (each with its CPU: {rounds})"


def _write_csv(path: Path) -> None:
    import duckdb

    # A number without a factor in common with the rows' gives each key once.
    key = "range" if KEYS == "rising" else f"range * 2654435761 % {ROWS}"
    rows = (
        f"SELECT {key} AS id, DATE '2026-01-01' + CAST(range % 300 AS INTEGER) AS day,"  # noqa: S608
        " round(range * 0.37 % 1000, 2) AS amount,"
        " ['Seoul', 'Busan', 'Daegu', 'Incheon'][1 + range % 4] AS city, 'item-' || range % 5000 AS item,"
        " range % 7 AS pieces, TIMESTAMP '2026-01-01' + INTERVAL (range) SECOND AS ordered_at,"
        f" md5(range::VARCHAR) AS customer FROM range({ROWS})"
    )
    duckdb.connect().execute(f"COPY ({rows}) TO '{path}' (HEADER)")
    print(f"{path.stat().st_size / 1e6:,.0f} MB of CSV")


def _bare(path: Path) -> None:
    """Read the file into a table of the same lake by DuckDB alone."""
    from portal.warehouse.attaching import attach

    connection = attach(read_only=False, snapshot=None)
    connection.execute("CREATE SCHEMA IF NOT EXISTS lake.bench")
    types = ", ".join(f"{name}: '{kind}'" for name, kind in TYPES.items())
    read = f"SELECT * FROM read_csv('{path}', header = true, auto_detect = false, columns = {{{types}}})"  # noqa: S608
    connection.execute(f"CREATE OR REPLACE TABLE lake.bench.bare AS {read}")
    connection.close()


def _loaded() -> None:
    """Do the same by the body of a run, from its start to its result."""
    from jobs.runners import extract_load
    from jobs.runners.base import Context
    from jobs.runners.registry import runner_for

    # Only the lake's servers run here: the portal's database would say whose the table is, in a millisecond.
    vars(extract_load)["require_table"] = lambda table, key: None
    runner = runner_for("extract_load")
    config: dict[str, Any] = {
        "source": {"path": "orders.csv"},
        "target": "bench.orders",
        "checks": CHECKS,
    }
    log = logging.getLogger("bench")
    if os.environ.get("VERBOSE"):
        logging.basicConfig(format="%(asctime)s %(message)s")
        log.setLevel(logging.INFO)
    scratch = Path(os.environ["VAR"]) / "runs" / uuid_utils.compat.uuid7().hex
    outputs = runner.run(
        Context(
            job_key="bench",
            config=runner.Config.model_validate(config),
            params={},
            run_id=uuid_utils.compat.uuid7(),
            fence=1,
            attempt=1,
            scratch=lambda: scratch,
            log=log,
            reporter=_Silent(),
        )
    )
    if not isinstance(outputs, dict) or outputs["rows"] != ROWS:
        raise RuntimeError("not all rows were loaded")
    shutil.rmtree(scratch)


class _Silent:
    def tell(self, message: dict[str, Any]) -> None:
        """Keep it to itself."""

    def cancelled(self) -> bool:
        """Go on."""
        return False


if __name__ == "__main__":
    measure() if sys.argv[1:] == ["measure"] else main()
