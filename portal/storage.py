"""Files on disk, each kind in a folder of ``VAR``: names of our own making, never those that people gave.

A file is written under a temporary name, flushed to the disk and then renamed; the row that names it is
written after that. So a row without a file cannot be, and a file without a row is removed as litter.
"""

import errno
import hashlib
import os
import re
import secrets
import stat
import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import IO, Final
from urllib.parse import quote

from django.conf import settings

NAME_LENGTH: Final = 32
PREFIX_LENGTH: Final = 2
# So many of a file's first bytes are handed back: enough to tell what it is.
HEAD: Final = 64 * 1024
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_TEMPORARY: Final = ".part"
_LONGEST_NAME: Final = 200
_UNSAFE: Final = re.compile(r"[\x00-\x1f\x7f/\\\u200b-\u200f\u2028-\u202e\u2066-\u2069]")


class FileTooLarge(Exception):
    """The file goes on beyond its limit; nothing of it was kept."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A file that was written: its name in our folder, size in bytes, SHA-256 and first bytes."""

    name: str
    size: int
    sha256: str
    head: bytes


@dataclass(frozen=True, slots=True)
class Store:
    """The folder ``VAR/<title>`` with the files of one kind."""

    title: str

    def folder(self) -> Path:
        """Return the folder, for nobody but us; a link in its place is refused."""
        path = Path(settings.VAR) / self.title
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.is_symlink():
            message = f"{path} is a link; {self.title} are kept only in a folder of our own."
            raise OSError(message)
        return path

    def write(self, chunks: Iterable[bytes], *, most: int) -> Stored:
        """Keep a file of at most so many bytes as it comes in; raises FileTooLarge before reading its end."""
        name = secrets.token_hex(NAME_LENGTH // 2)
        digest, size, head = hashlib.sha256(), 0, b""
        with _Place(self, name) as place:
            temporary = name + _TEMPORARY
            try:
                with os.fdopen(place.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb") as file:
                    for chunk in _within(most, chunks):
                        size += len(chunk)
                        digest.update(chunk)
                        head += chunk[: HEAD - len(head)]
                        file.write(chunk)
                    file.flush()
                    os.fsync(file.fileno())
                os.rename(temporary, name, src_dir_fd=place.handle, dst_dir_fd=place.handle)
                os.fsync(place.handle)
            except BaseException:
                place.remove(temporary)
                raise
        return Stored(name, size, digest.hexdigest(), head)

    def open(self, name: str) -> IO[bytes]:
        """Open a file for reading; FileNotFoundError when it is gone, OSError when it is no plain file."""
        with _Place(self, name) as place:
            handle = place.open(name, os.O_RDONLY)
        return plain_file(handle, name)

    def remove(self, name: str) -> None:
        """Remove a file; that it is gone already is fine."""
        with _Place(self, name) as place:
            place.remove(name)
            place.remove(name + _TEMPORARY)

    def old_names(self, *, before: float) -> Iterator[list[str]]:
        """Yield the names of files last written before a moment (seconds since 1970), a folder at a time."""
        for place in sorted(self.folder().iterdir()):
            if place.is_symlink() or not place.is_dir():
                continue
            names = [
                entry.name.removesuffix(_TEMPORARY)
                for entry in os.scandir(place)
                if _is_name(entry.name.removesuffix(_TEMPORARY))
                and entry.stat(follow_symlinks=False).st_mtime < before
            ]
            if names:
                yield names

    def remove_litter(self, *, older: timedelta, named: Callable[[list[str]], Iterable[str]]) -> int:
        """Remove files of this age that no row names; ``named`` returns those of some names that one does."""
        removed = 0
        for names in self.old_names(before=time.time() - older.total_seconds()):
            for name in set(names).difference(named(names)):
                self.remove(name)
                removed += 1
        return removed


def is_full(error: BaseException | None) -> bool:
    """Say whether there was no space left on a disk, or none of one's share."""
    return isinstance(error, OSError) and error.errno in _FULL


def plain_file(handle: int, name: str) -> IO[bytes]:
    """Return an open file for a descriptor; closes it and raises OSError where it is no plain file."""
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        message = f"{name} is not a file"
        raise OSError(message)
    return os.fdopen(handle, "rb")


def disposition(name: str, *, inline: bool = False) -> str:
    """Return the Content-Disposition of RFC 6266: the name in ASCII, and whole in UTF-8."""
    kind = "inline" if inline else "attachment"
    plain = name.encode("ascii", "replace").decode().replace("\\", "_").replace('"', "_").replace("?", "_")
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def shown_name(name: str) -> str:
    """Return a name that is safe to show and to offer for saving: its last part, without control signs.

    The end with the extension survives a cut, since readers go by it.
    """
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name.replace("\x00", "")))[-1]
    clean = _UNSAFE.sub("", last).strip(" .")
    if len(clean) > _LONGEST_NAME:
        stem, dot, extension = clean.rpartition(".")
        kept = f"{dot}{extension}" if stem and len(extension) <= 10 else ""
        clean = clean[: _LONGEST_NAME - len(kept)] + kept
    return clean or "file"


def _within(most: int, chunks: Iterable[bytes]) -> Iterator[bytes]:
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > most:
            raise FileTooLarge
        yield chunk


def _is_name(name: str) -> bool:
    return len(name) == NAME_LENGTH and set(name) <= set("0123456789abcdef")


class _Place:
    """The folder in which a name lives, held open: what happens to its path meanwhile does not matter."""

    def __init__(self, store: Store, name: str) -> None:
        if not _is_name(name):
            message = f"{name!r} is not a name of a stored file"
            raise ValueError(message)
        self._path = store.folder() / name[:PREFIX_LENGTH]
        self.handle = -1

    def __enter__(self) -> "_Place":
        self._path.mkdir(mode=0o700, exist_ok=True)
        self.handle = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.handle)

    def open(self, name: str, flags: int) -> int:
        return os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=self.handle)

    def remove(self, name: str) -> None:
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self.handle)
