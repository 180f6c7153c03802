"""Find the files that a job may read: below SOURCE_FOLDER, without ways out of it."""

import fnmatch
import os
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Final

from django.conf import settings

from portal.said import said
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

    error_class = "settings"


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
        message = said(
            "«%(path)s»: write a path below the folder of source files, without «..», «\\» and a leading "
            "«/».",
            path=path,
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
        message = said("%(path)s: there is no such file among the source files (SOURCE_FOLDER).", path=path)
        raise MissingInput(message)
    if len(files) > MOST:
        message = said(
            "%(path)s: these are %(count)s files, at most %(most)s are read at once.",
            path=path,
            count=f"{len(files):,}",
            most=f"{MOST:,}",
        )
        raise MissingInput(message)
    return tuple(SourceFile(each.relative_to(root).as_posix(), each) for each in files)


def _walk(folder: Path, parts: tuple[str, ...]) -> Iterator[Path]:
    first, rest = parts[0], parts[1:]
    for entry in _entries(folder, first):
        if entry.is_symlink():
            message = said("«%(path)s» is a link; put the file itself there.", path=entry.name)
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
        shown = path.relative_to(root)
        raise RefusedPath(
            said("«%(path)s» is a link; put the file itself there.", path=shown)
            if stat.S_ISLNK(mode)
            else said("«%(path)s» is no file; put the file itself there.", path=shown)
        )
    if not os.access(path, os.R_OK):
        message = said(
            "%(path)s may not be read by the worker; give it the right to.", path=path.relative_to(root)
        )
        raise MissingInput(message)
