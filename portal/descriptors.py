"""The open files of a process that began as a copy of another one."""

import os
import resource
from collections.abc import Collection


def close_all_but(kept: Collection[int]) -> None:
    """Close every descriptor but these; the objects that think they own one must never be freed."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    start = 0
    for number in sorted(kept):
        if start < number:
            # Python hands an empty range to the kernel as «up to the last»: all would be closed.
            os.closerange(start, number)
        start = number + 1
    os.closerange(start, limit)
