"""Gather this process's memory in large pages, where the kernel can: a fork then has fewer to note down."""

import ctypes
from pathlib import Path

import structlog

log = structlog.get_logger(__name__)

LARGE = 2 * 1024**2
# From include/uapi/asm-generic/mman-common.h; Linux knows it since 6.1.
_MADV_COLLAPSE = 25


def gather() -> int:
    """Have the kernel put each wholly mapped 2 MB of our writable memory together; return how many it did.

    Nothing changes for the process but speed. A kernel that does not know it, or has large pages switched
    off, refuses the first one, and that is all.
    """
    try:
        maps = Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return 0
    madvise = ctypes.CDLL(None, use_errno=True).madvise
    madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    count = 0
    for line in maps:
        place, rights, _offset, _device, inode, *_name = line.split()
        if rights != "rw-p" or inode != "0":
            continue
        first, last = (int(word, 16) for word in place.split("-"))
        for address in range(-(-first // LARGE) * LARGE, last - LARGE + 1, LARGE):
            if madvise(address, LARGE, _MADV_COLLAPSE):
                log.debug("large_pages", count=count, errno=ctypes.get_errno())
                return count
            count += 1
    return count
