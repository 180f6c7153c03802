"""The folder of source files as people see it: what lies in it, and which jobs read it.

Links, hidden files and names that no job could read are never shown. Folders are opened part by part and
held open: whatever somebody puts in their place meanwhile leads nowhere.
"""

import contextlib
import fnmatch
import glob
import os
import stat
from bisect import insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import PurePosixPath
from typing import Final

from django.http import Http404

from jobs.models import Job
from jobs.runners.sources import RefusedPath, endings, plain_parts, source_folder
from portal.accounts.models import User

PAGE: Final = 100
# More entries than these are not looked through for one page.
MOST_LOOKED_AT: Final = 50_000
# Folders within folders are searched so deep.
DEEPEST: Final = 12
FORMATS: Final = ("csv", "json", "parquet")
# How the files end that jobs read.
ENDINGS: Final = tuple(end for kind in FORMATS for end in endings(kind))
_PLACE: Final = "{partition}"


@dataclass(slots=True)
class Entry:
    """A file or folder; ``path`` is the one below the folder of source files."""

    path: str
    is_folder: bool
    size: int = 0
    changed: datetime | None = None
    jobs: list[Job] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The last part of the path."""
        return PurePosixPath(self.path).name

    @property
    def format(self) -> str:
        """The format that the name says: csv, json or parquet; "" where it says none."""
        return "" if self.is_folder else format_of(self.name)

    @property
    def as_pattern(self) -> str:
        """The path as a job's configuration names it: signs of patterns in it are only themselves."""
        return glob.escape(self.path)


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of a folder; ``after`` is where the next one begins ("" for none).

    ``cut`` says that there was more than is looked through at once.
    """

    entries: list[Entry]
    after: str
    cut: bool


def format_of(name: str) -> str:
    """Return the format that a file's name says, "" where it says none that a job reads."""
    small = name.casefold()
    return next((kind for kind in FORMATS if small.endswith(endings(kind))), "")


def delimiter_of(name: str) -> str:
    """Return what probably separates the values of a file of this name."""
    return "\t" if name.casefold().endswith((".tsv", ".tsv.gz")) else ","


@contextlib.contextmanager
def open_folder(path: str, *, make: bool = False) -> Iterator[int]:
    """Open a folder below the one of source files, "" for this itself, and give its descriptor.

    Raises Http404 for what is no folder there: missing, hidden, a link or beyond one. ``make`` makes the
    folder of source files itself where nobody has so far.
    """
    parts = _parts(path)
    root = source_folder()
    if make:
        root.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise Http404 from error
    try:
        for part in parts:
            try:
                inner = os.open(
                    part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=handle
                )
            except (OSError, ValueError) as error:
                raise Http404 from error
            os.close(handle)
            handle = inner
        yield handle
    finally:
        os.close(handle)


def listing(folder: str, *, sought: str = "", after: str = "") -> Listing:
    """Return the files and folders of a folder, folders first; those whose name holds ``sought`` are looked
    for below it too. Raises Http404 for what is no folder.
    """
    found: list[tuple[tuple[bool, str], Entry]] = []
    looked = 0
    try:
        with open_folder(folder) as handle:
            walked = _found(handle, folder, sought.casefold())
            for looked, entry in enumerate(islice(walked, MOST_LOOKED_AT + 1), start=1):
                key = (not entry.is_folder, entry.path)
                if looked > MOST_LOOKED_AT or (after and _cursor(key) <= after):
                    continue
                # Of 10,000 files only a page is kept and asked for its size.
                if len(found) > PAGE and key > found[-1][0]:
                    continue
                insort(found, (key, entry), key=lambda each: each[0])
                del found[PAGE + 1 :]
            entries = [entry for _key, entry in found[:PAGE]]
            _measure(handle, folder, entries)
    except Http404:
        if folder:
            raise
        # Nobody has put anything anywhere so far.
        return Listing([], "", cut=False)
    following = _cursor(found[PAGE - 1][0]) if len(found) > PAGE else ""
    return Listing([each for each in entries if each.changed], following, cut=looked > MOST_LOOKED_AT)


def find_file(path: str) -> Entry:
    """Return a plain file; Http404 for everything else."""
    folder, name = split(path)
    with open_folder(folder) as handle:
        entry = Entry(path, is_folder=False)
        _measure(handle, folder, [entry])
    if not is_shown(name) or entry.changed is None:
        raise Http404
    return entry


def split(path: str) -> tuple[str, str]:
    """Return the folder of a path and the name in it; Http404 for a path that leads elsewhere."""
    parts = _parts(path)
    if not parts:
        raise Http404
    return "/".join(parts[:-1]), parts[-1]


def is_shown(name: str) -> bool:
    """Whether a name is one that people see: not hidden, text, and one that a path may hold."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return not name.startswith(".") and "\\" not in name


def crumbs(folder: str) -> list[tuple[str, str]]:
    """Return the folders on the way to a folder, as (name, path)."""
    parts = _parts(folder)
    return [(part, "/".join(parts[: index + 1])) for index, part in enumerate(parts)]


def suggested(limit: int = 200) -> list[str]:
    """Return paths to offer where one is typed: the first files anywhere below, sorted."""
    try:
        with open_folder("") as handle:
            found = islice(_found(handle, "", "", deep=True), 2_000)
            return sorted(each.as_pattern for each in found if each.format)[:limit]
    except Http404:
        return []


def with_jobs(entries: list[Entry], user: User) -> None:
    """Put to each entry the jobs that read it, as far as this person may know of them."""
    readers = _readers(user)
    for entry in entries:
        parts = _parts(entry.path)
        entry.jobs = [job for job, path, kind in readers if _reads(path, kind, parts, entry.is_folder)]


def _readers(user: User) -> list[tuple[Job, tuple[str, ...], str]]:
    jobs = Job.objects.visible_to(user).filter(kind="extract_load")
    found = []
    for job in jobs.only("key", "name_en", "name_ko", "config").order_by("key"):
        source = job.config.get("source")
        if not isinstance(source, dict) or source.get("type", "files") != "files":
            continue
        with contextlib.suppress(RefusedPath):
            parts = plain_parts(str(source.get("path", "")).replace(_PLACE, "*"))
            found.append((job, parts, str(source.get("format", "csv"))))
    return found


def _reads(pattern: tuple[str, ...], kind: str, parts: tuple[str, ...], is_folder: bool) -> bool:
    """Say whether a job of this pattern reads a file, or anything in a folder or below it."""
    if not all(map(_fits, parts, pattern)):
        return False
    if is_folder:
        return len(parts) <= len(pattern)
    # A path that names a folder stands for the files in it.
    whole = len(parts) == len(pattern) or len(parts) == len(pattern) + 1
    return whole and (len(parts) == len(pattern) or parts[-1].endswith(endings(kind)))


def _fits(name: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(name, pattern)


def _parts(path: str) -> tuple[str, ...]:
    if not path:
        return ()
    try:
        parts = plain_parts(path)
        path.encode()
    except (RefusedPath, UnicodeEncodeError) as error:
        raise Http404 from error
    if not all(map(is_shown, parts)):
        raise Http404
    return parts


def _found(handle: int, folder: str, sought: str, *, deep: bool = False, depth: int = 0) -> Iterator[Entry]:
    """Yield what lies in an open folder; with a sought word, or ``deep``, also what lies below it."""
    below: list[str] = []
    with os.scandir(handle) as entries:
        for each in entries:
            if not is_shown(each.name) or each.is_symlink():
                continue
            is_folder = each.is_dir(follow_symlinks=False)
            if not is_folder and not each.is_file(follow_symlinks=False):
                continue
            if is_folder:
                below.append(each.name)
            if sought in each.name.casefold():
                yield Entry(f"{folder}/{each.name}".lstrip("/"), is_folder=is_folder)
    if not (sought or deep) or depth >= DEEPEST:
        return
    for name in sorted(below):
        try:
            inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=handle)
        except OSError:
            continue
        try:
            path = f"{folder}/{name}".lstrip("/")
            yield from _found(inner, path, sought, deep=deep, depth=depth + 1)
        finally:
            os.close(inner)


def _measure(handle: int, folder: str, entries: list[Entry]) -> None:
    """Ask each entry for its size and time; what is gone or no plain file by now has no time."""
    for entry in entries:
        below = PurePosixPath(entry.path).relative_to(folder) if folder else PurePosixPath(entry.path)
        with contextlib.suppress(OSError, ValueError):
            told = os.stat(str(below), dir_fd=handle, follow_symlinks=False)
            if stat.S_ISREG(told.st_mode) or (entry.is_folder and stat.S_ISDIR(told.st_mode)):
                entry.size, entry.changed = told.st_size, datetime.fromtimestamp(told.st_mtime, UTC)


def _cursor(key: tuple[bool, str]) -> str:
    return f"{int(key[0])}{key[1]}"
