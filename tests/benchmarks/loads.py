"""Extract and load: five million CSV rows with audit beside bare DuckDB doing the same read and write.

Run by ``make bench``, or alone by ``python -m tests.benchmarks.loads``, on embedded servers of its own.
"""

import logging
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import django
import uuid_utils.compat

from portal.embedded import servers

ROOT = Path(__file__).resolve().parent.parent.parent
ROWS = int(os.environ.get("ROWS", "5_000_000"))
ROUNDS = int(os.environ.get("ROUNDS", "3"))
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
        bare.append(_bare(folder / "orders.csv"))
        ours.append(_loaded())
    ratio = statistics.median(ours) / statistics.median(bare)
    print(f"bare DuckDB, CSV to lake: {_seconds(bare)}")
    print(f"extract_load with {len(CHECKS)} rules, profile and publish: {_seconds(ours)}")
    print(f"{ROWS:,} rows: {ratio:.2f} of bare DuckDB (at most 2)")


def _seconds(times: list[float]) -> str:
    return f"{statistics.median(times):.2f} s ({', '.join(f'{each:.2f}' for each in times)})"


def _write_csv(path: Path) -> None:
    import duckdb

    rows = (
        "SELECT range AS id, DATE '2026-01-01' + CAST(range % 300 AS INTEGER) AS day,"  # noqa: S608
        " round(range * 0.37 % 1000, 2) AS amount,"
        " ['Seoul', 'Busan', 'Daegu', 'Incheon'][1 + range % 4] AS city, 'item-' || range % 5000 AS item,"
        " range % 7 AS pieces, TIMESTAMP '2026-01-01' + INTERVAL (range) SECOND AS ordered_at,"
        f" md5(range::VARCHAR) AS customer FROM range({ROWS})"
    )
    duckdb.connect().execute(f"COPY ({rows}) TO '{path}' (HEADER)")
    print(f"{path.stat().st_size / 1e6:,.0f} MB of CSV")


def _bare(path: Path) -> float:
    """Return the seconds that DuckDB takes to read the file into a table of the same lake."""
    from portal.warehouse.attaching import attach

    began = time.perf_counter()
    connection = attach(read_only=False, snapshot=None)
    connection.execute("CREATE SCHEMA IF NOT EXISTS lake.bench")
    read = f"SELECT * FROM read_csv('{path}')"  # noqa: S608
    connection.execute(f"CREATE OR REPLACE TABLE lake.bench.bare AS {read}")
    connection.close()
    return time.perf_counter() - began


def _loaded() -> float:
    """Return the seconds that the body of a run takes for the same, from its start to its result."""
    from jobs.runners.base import Context
    from jobs.runners.registry import runner_for

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
    began = time.perf_counter()
    outputs = runner.run(
        Context(
            job_key="bench",
            config=runner.Config.model_validate(config),
            params={},
            run_id=uuid_utils.compat.uuid7(),
            fence=1,
            attempt=1,
            scratch=scratch,
            log=log,
            reporter=_Silent(),
        )
    )
    took = time.perf_counter() - began
    if not isinstance(outputs, dict) or outputs["rows"] != ROWS:
        raise RuntimeError("not all rows were loaded")
    shutil.rmtree(scratch)
    return took


class _Silent:
    def tell(self, message: dict[str, Any]) -> None:
        """Keep it to itself."""

    def cancelled(self) -> bool:
        """Go on."""
        return False


if __name__ == "__main__":
    measure() if sys.argv[1:] == ["measure"] else main()
