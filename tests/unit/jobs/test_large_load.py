"""F24: a file larger than the memory that the engine may have is loaded all the same, with its whole audit.

``make test`` begins it with few rows and little memory; ``make soak`` sets F24_ROWS to ten million.
"""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

from tests.lake import Lake

ROWS = int(os.environ.get("F24_ROWS", "300_000"))
# The engine's limit in MB; what Python and the extensions take comes on top, and is there before the load.
MEMORY = int(os.environ.get("F24_MEMORY", "128"))
# What the engine does not count: buffers of threads, the C library's own, a row group being written.
MARGIN = 150
LOAD = """
    import json, logging, resource, sys
    from pathlib import Path
    import django, uuid_utils.compat
    django.setup()
    from jobs.runners import extract_load
    from jobs.runners.base import Context
    from jobs.runners.registry import runner_for
    from portal.warehouse import connect

    class Silent:
        def tell(self, message): pass
        def cancelled(self): return False

    def peak():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

    # This process measures memory without the portal's database, which would say whose the table is.
    extract_load.require_table = lambda table, key: None
    connect(read_only=False).close()
    runner = runner_for("extract_load")
    before = peak()
    outputs = runner.run(Context(
        job_key="large", config=runner.Config.model_validate(json.loads(sys.argv[1])), params={},
        run_id=uuid_utils.compat.uuid7(), fence=1, attempt=1, scratch=lambda: Path(sys.argv[2]),
        log=logging.getLogger("large"), reporter=Silent(),
    ))
    print(json.dumps({"rows": outputs["rows"], "grown": peak() - before}))
"""


def test_f24_more_rows_than_memory_are_loaded_within_it(lake: Lake, tmp_path: Path) -> None:
    with (tmp_path / "large.csv").open("w") as file:
        file.write("id,city,amount,words\n")
        # Each key once, in no order; the texts differ, so that none of it packs well.
        for number in range(ROWS):
            key = number * 7_919 % ROWS
            file.write(f"{key},city-{key % 40},{key * 0.5},{key * 2_654_435_761 % 2**64:020d}{key:040x}\n")
    size = (tmp_path / "large.csv").stat().st_size >> 20
    config = {
        "source": {"path": "large.csv"},
        "target": "ops.large",
        "checks": [
            {"check": "unique", "columns": ["id"]},
            {"check": "unique", "columns": ["words"]},
            {"check": "not_null", "columns": ["city"]},
            {"check": "row_count", "minimum": ROWS, "maximum": ROWS},
        ],
    }
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(LOAD), json.dumps(config), str(tmp_path / "scratch")],
        env={
            **lake.environment,
            "SOURCE_FOLDER": str(tmp_path),
            "VAR": str(tmp_path / "var"),
            "LAKE_MEMORY": f"{MEMORY}MB",
            "LAKE_THREADS": "2",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    sys.stdout.write(f"{size} MB of CSV, {told['rows']:,} rows: {told['grown']} MB, limit {MEMORY} MB\n")
    assert told["rows"] == ROWS
    assert told["grown"] < MEMORY + MARGIN
    assert lake.ask("SELECT count(*), count(DISTINCT id) FROM ops.large").rows == [(ROWS, ROWS)]
