"""Memory in large pages: gathered where the kernel can, left alone where it cannot."""

import mmap
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from jobs.engine import large_pages

SWITCH = Path("/sys/kernel/mm/transparent_hugepage/enabled")
LINUX = tuple(int(part) for part in platform.release().split(".")[:2] if part.isdigit())
# In a process of its own: what it gathers would stay with the tests.
FILLED = """
import mmap
from jobs.engine.large_pages import LARGE, gather
room = mmap.mmap(-1, 4 * LARGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
room.write(bytes(range(256)) * (4 * LARGE // 256))
count = gather()
assert room[:] == bytes(range(256)) * (4 * LARGE // 256)
print(count, [line.split()[1] for line in open("/proc/self/smaps_rollup") if line.startswith("AnonHuge")][0])
"""


@pytest.mark.skipif(
    LINUX < (6, 1) or not SWITCH.exists() or "[never]" in SWITCH.read_text(),
    reason="this kernel gathers no large pages (Linux from 6.1 does, unless they are switched off)",
)
def test_what_is_mapped_is_gathered_and_stays_as_it_was() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", FILLED], capture_output=True, text=True, check=True, cwd=Path.cwd()
    )
    count, kilobytes = map(int, ran.stdout.split())
    # Four pages of room hold at least three that lie on a boundary.
    assert count >= 3
    assert kilobytes * 1024 >= 3 * large_pages.LARGE


def test_a_kernel_that_does_not_know_it_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_pages, "_MADV_COLLAPSE", 9999)
    room = mmap.mmap(-1, 2 * large_pages.LARGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    room.write(os.urandom(1024))
    assert large_pages.gather() == 0
