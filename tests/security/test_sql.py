"""What stands behind the linter: the reader's role, and the kernel."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.lake import Lake

CONFINED = """
import sys
from pathlib import Path
from portal.warehouse.confining import confine
lake, spill = Path(sys.argv[1]), Path(sys.argv[2])
if not confine(read=[lake], write=[spill]):
    sys.exit(77)
print((lake / "rows").read_text())
(spill / "x").write_text("x")
for act in (lambda: (lake / "new").write_text("x"), (lake / "rows").unlink, Path("/etc/passwd").read_text):
    try:
        act()
    except PermissionError:
        print("denied")
"""


def test_a25_a_confined_process_reads_the_lake_and_writes_only_its_spill(tmp_path: Path) -> None:
    folder, spill = tmp_path / "lake", tmp_path / "spill"
    folder.mkdir()
    spill.mkdir()
    (folder / "rows").write_text("kept")
    command = [sys.executable, "-c", CONFINED, str(folder), str(spill)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    if done.returncode == 77:
        pytest.skip("this kernel has no Landlock")
    assert done.stdout.split() == ["kept", "denied", "denied", "denied"], done.stderr
    assert (folder / "rows").read_text() == "kept"


def test_a25_the_reader_s_role_is_looked_at_and_reads(lake: Lake) -> None:
    lake.publish("t.facts", "SELECT 1 AS x")
    assert lake.ask("SELECT x FROM t.facts").rows == [(1,)]
