"""Do a part of a run's work in a thread that the kernel keeps from all files but the named ones.

What somebody wrote, or a file from elsewhere, is read there; what publishes stays outside. The rights belong
to threads: the engine's own threads are started by the one that opens it, and so are kept in as well.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from django.apps import apps
from django.conf import settings
from django.utils.module_loading import import_string

from portal.warehouse.confining import confine

Result = TypeVar("Result")
There = Callable[[Callable[[], Any]], Any]


@contextlib.contextmanager
def apart(*, read: Sequence[Path] = (), write: Sequence[Path] = ()) -> Iterator[There]:
    """Give a function that calls another one there, and returns what that returned or raises what it raised.

    There the code, the lake and ``read`` may be read, the engine's spill and ``write`` be written. Open the
    engine there, and neither tell progress nor use the database there.
    """
    # The engine's modules are loaded before: the place of their files is none that may be read there.
    import_string(settings.WAREHOUSE)
    spill = Path(settings.VAR) / "tmp" / "duckdb"
    # What is not there when the kernel closes the door stays closed, so the first load's own rows would.
    Path(settings.LAKE_DATA).mkdir(parents=True, exist_ok=True)
    for folder in (spill, *write):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    code = {Path(config.path) for config in apps.get_app_configs()} | {Path(settings.BASE_DIR) / "portal"}
    readable = [*sorted(code), Path(settings.LAKE_DATA), *read]
    pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="apart")
    try:
        pool.submit(confine, read=readable, write=[spill, *write]).result()
        yield lambda work: pool.submit(work).result()
    finally:
        # Somebody who stops the run does not wait for a query to end: the process goes, and it with it.
        pool.shutdown(wait=False, cancel_futures=True)
