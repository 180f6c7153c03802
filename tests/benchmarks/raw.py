"""The floor: a bare Celery application whose task does nothing but count, on the same broker."""

import mmap
import os
from functools import cache
from pathlib import Path

from celery import Celery

PLACES = 4096
app = Celery("raw", broker=os.environ.get("RAW_BROKER", "memory://"))
app.conf.update(
    task_ignore_result=True,
    worker_prefetch_multiplier=64,
    worker_hijack_root_logger=False,
    broker_transport_options={"global_keyprefix": "raw:"},
    worker_enable_remote_control=False,
    task_default_queue="raw",
)


@cache
def counters(path: str) -> mmap.mmap:
    """Return the shared counters: one place of eight bytes for each process."""
    with Path(path).open("r+b") as file:
        return mmap.mmap(file.fileno(), PLACES * 8)


def total(shared: mmap.mmap) -> int:
    """Return the sum of all places."""
    return sum(memoryview(shared).cast("Q"))


@app.task(name="raw.nothing")
def nothing() -> None:
    """Count."""
    shared = counters(os.environ["RAW_COUNTERS"])
    place = os.getpid() % PLACES * 8
    seen = int.from_bytes(shared[place : place + 8], "little")
    shared[place : place + 8] = (seen + 1).to_bytes(8, "little")
