"""Take files away from a process for good: what runs people's SQL may read the lake, and write only to spill.

The engine's own locks leave holes (COPY into the lake's folder, functions that delete its files); the kernel
has none of them. Needs Landlock (Linux 5.13).
"""

import ctypes
import logging
import os
import struct
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

logger = logging.getLogger(__name__)

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_VERSION: Final = 1
_BENEATH: Final = 1
_NO_NEW_PRIVILEGES: Final = 38

_WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 1, 1 << 2, 1 << 3
_REMOVE_DIR, _REMOVE_FILE, _MAKE_DIR, _MAKE_FILE = 1 << 4, 1 << 5, 1 << 7, 1 << 8
_REFER, _TRUNCATE, _IOCTL = 1 << 13, 1 << 14, 1 << 15
_FIRST: Final = (1 << 13) - 1

_READS: Final = _READ_FILE | _READ_DIR
_WRITES: Final = (
    _READS | _WRITE_FILE | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_FILE | _REFER | _TRUNCATE
)
_OF_A_FILE: Final = _WRITE_FILE | _READ_FILE | _TRUNCATE

# What Python, its libraries and a connection to the database read while they run; nothing secret among it.
_RUNTIME: Final = (
    sys.prefix,
    sys.base_prefix,
    "/usr/lib",
    "/usr/share/zoneinfo",
    "/lib",
    "/lib64",
    "/etc/hosts",
    "/etc/resolv.conf",
    "/etc/nsswitch.conf",
    "/etc/ssl",
    "/etc/localtime",
    "/dev/urandom",
    "/proc/meminfo",
    "/proc/stat",
    # The engine counts its processors and its memory when it is loaded, and aborts where it may not look.
    "/proc/self/cgroup",
    "/sys/fs/cgroup",
    "/sys/devices/system/cpu",
)


def confine(*, read: Sequence[Path], write: Sequence[Path]) -> bool:
    """Leave this thread, and what it starts, only these folders; never undone. Returns whether it holds.

    Call it before the engine starts threads: those that run already keep their rights, as do files that are
    open. A folder that does not exist stays closed. Where the kernel has no Landlock it logs a warning
    and returns False; raises OSError where the kernel has it but refuses.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(_CREATE, None, ctypes.c_size_t(0), _VERSION)
    if version < 1:
        logger.warning("The kernel has no Landlock: people's SQL is held by the linter and the reader's role")
        return False
    handled = _FIRST
    for least, right in ((2, _REFER), (3, _TRUNCATE), (5, _IOCTL)):
        handled |= right if version >= least else 0
    attributes = struct.pack("=Q", handled)
    rules = _checked(libc.syscall(_CREATE, attributes, ctypes.c_size_t(len(attributes)), 0))
    try:
        for path in (*map(Path, _RUNTIME), *read):
            _allow(libc, rules, path, _READS & handled)
        for path in (Path(os.devnull), *write):
            _allow(libc, rules, path, _WRITES & handled)
        _checked(libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0))
        _checked(libc.syscall(_RESTRICT, rules, 0))
    finally:
        os.close(rules)
    return True


def _allow(libc: ctypes.CDLL, rules: int, path: Path, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        allowed = rights if path.is_dir() else rights & _OF_A_FILE
        rule = struct.pack("=Qi", allowed, place)
        _checked(libc.syscall(_ADD, rules, _BENEATH, rule, 0))
    finally:
        os.close(place)


def _checked(answer: int) -> int:
    if answer < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return answer
