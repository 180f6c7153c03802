"""Find the files that a job may read: below SOURCE_FOLDER, without ways out of it."""

import fnmatch
import os
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Final

from django.conf import settings

from portal.warehouse.errors import MissingInput
from portal.warehouse.port import SourceFile

MOST: Final = 10_000
_ENDINGS: Final = {
    "csv": (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz"),
    "json": (".json", ".jsonl", ".ndjson", ".json.gz", ".jsonl.gz", ".ndjson.gz"),
    "parquet": (".parquet", ".pq"),
}


class RefusedPath(Exception):
    """The path leads out of the folder of source files, or over a link."""

    error_class = "bad_input"


def source_folder() -> Path:
    """Return the folder that all source files lie below."""
    return Path(settings.SOURCE_FOLDER).resolve()


def endings(file_format: str) -> tuple[str, ...]:
    """Return how the names of files of a format end."""
    return _ENDINGS[file_format]


def plain_parts(path: str) -> tuple[str, ...]:
    """Return the parts of a path below the folder; raises RefusedPath where it leads elsewhere."""
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or "\x00" in path or "\\" in path or ".." in parts:
        message = (
            f"«{path}»: write a path below the folder of source files, without «..», «\\» and a leading «/»."
        )
        raise RefusedPath(message)
    return parts


def find_files(path: str, *, file_format: str) -> tuple[SourceFile, ...]:
    """Return the files of a path (one file, a pattern, or a folder: those in it), sorted by name.

    Links are refused, not followed. Raises MissingInput and RefusedPath.
    """
    root = source_folder()
    found = sorted(_walk(root, plain_parts(path)))
    files: list[Path] = []
    for each in found:
        if each.is_dir():
            entries = _entries(each, "*")
            files += sorted(entry for entry in entries if entry.name.endswith(_ENDINGS[file_format]))
        else:
            files.append(each)
    for each in files:
        _require_plain(each, root)
    if not files:
        message = f"{path}: there is no such file in {root} (SOURCE_FOLDER)."
        raise MissingInput(message)
    if len(files) > MOST:
        message = f"{path}: these are {len(files):,} files, at most {MOST:,} are read at once."
        raise MissingInput(message)
    return tuple(SourceFile(each.relative_to(root).as_posix(), each) for each in files)


def _walk(folder: Path, parts: tuple[str, ...]) -> Iterator[Path]:
    first, rest = parts[0], parts[1:]
    for entry in _entries(folder, first):
        if entry.is_symlink():
            message = f"«{entry.name}» is a link; put the file itself there."
            raise RefusedPath(message)
        if not rest:
            yield entry
        elif entry.is_dir():
            yield from _walk(entry, rest)


def _entries(folder: Path, name: str) -> list[Path]:
    if not any(sign in name for sign in "*?["):
        entry = folder / name
        return [entry] if os.path.lexists(entry) else []
    if not folder.is_dir():
        return []
    return [each for each in folder.iterdir() if fnmatch.fnmatchcase(each.name, name) and each.name[0] != "."]


def _require_plain(path: Path, root: Path) -> None:
    mode = path.lstat().st_mode
    if not stat.S_ISREG(mode):
        what = "a link" if stat.S_ISLNK(mode) else "no file"
        message = f"«{path.relative_to(root)}» is {what}; put the file itself there."
        raise RefusedPath(message)
    if not os.access(path, os.R_OK):
        message = f"{path.relative_to(root)} may not be read by the worker; give it the right to."
        raise MissingInput(message)
