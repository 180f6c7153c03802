"""Put files into the folder of source files, and take them away again; each leaves its trace."""

import contextlib
import errno
import os
import re
import secrets
import stat
import time
import unicodedata
from collections.abc import Iterator
from typing import Final

from django.conf import settings
from django.db import transaction
from django.http import Http404
from django.utils.translation import gettext as _

from jobs.exceptions import FileRefused, NameTaken
from jobs.source_files import ENDINGS, format_of, open_folder, split
from portal.audit.actions import Actor, record
from portal.storage import is_full

# Hidden, so that no job and no page finds a file before it is whole.
_TEMPORARY: Final = re.compile(r"\.[0-9a-f]{32}\.upload")
_LITTER_SECONDS: Final = 24 * 3600
# What file systems take, less what a temporary name needs.
_LONGEST_NAME: Final = 200
# Surrogates among them: names that are no text.
_UNSEEN: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")
_OF_PATTERNS: Final = re.compile(r"[*?\[\]]|\{partition\}")
_NO_LINKS: Final = frozenset({errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.EMLINK})
_DENIED: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


class Incoming:
    """A file on its way in: written under a hidden name in its folder until it is kept, or given up.

    Its folder is held open: the file comes to lie where it was meant to, whatever happens to the path.
    """

    def __init__(self, folder: str) -> None:
        """Begin a file in a folder; raises FileRefused, and Http404 for what is no folder."""
        self.folder, self.size, self._handle = folder, 0, -1
        self._temporary = f".{secrets.token_hex(16)}.upload"
        with _in_words(), contextlib.ExitStack() as stack:
            self._place = stack.enter_context(open_folder(folder, make=True))
            _remove_litter(self._place)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            self._handle = os.open(self._temporary, flags, 0o644, dir_fd=self._place)
            self._open = stack.pop_all()

    def write(self, data: bytes) -> None:
        """Add bytes; beyond SOURCE_FILE_MB, or where the disk refuses, nothing of the file stays."""
        self.size += len(data)
        try:
            _require_size(self.size)
            with _in_words():
                view = memoryview(data)
                while view:
                    view = view[os.write(self._handle, view) :]
        except BaseException:
            self.close()
            raise

    def keep(self, name: str, *, replace: bool) -> None:
        """Give the file its name, once all of it is on the disk; raises FileRefused for a taken one."""
        with _in_words():
            os.fsync(self._handle)
            if replace:
                _require_file(self._place, name)
                self._rename(name)
            else:
                self._take(name)
            os.fsync(self._place)

    def _take(self, name: str) -> None:
        """Take a name that nobody has: of two that bring it at once only one succeeds."""
        try:
            os.link(
                self._temporary,
                name,
                src_dir_fd=self._place,
                dst_dir_fd=self._place,
                follow_symlinks=False,
            )
        except FileExistsError:
            raise _taken() from None
        except OSError as error:
            # Some network disks know no links; there two may still meet.
            if error.errno not in _NO_LINKS:
                raise
            self._take_without_links(name)
        else:
            os.unlink(self._temporary, dir_fd=self._place)

    def _take_without_links(self, name: str) -> None:
        try:
            os.stat(name, dir_fd=self._place, follow_symlinks=False)
        except FileNotFoundError:
            self._rename(name)
        else:
            raise _taken()

    def _rename(self, name: str) -> None:
        os.rename(self._temporary, name, src_dir_fd=self._place, dst_dir_fd=self._place)

    def close(self) -> None:
        """Give up what was not kept; closing twice is fine."""
        if self._handle < 0:
            return
        os.close(self._handle)
        self._handle = -1
        with contextlib.suppress(OSError):
            os.unlink(self._temporary, dir_fd=self._place)
        self._open.close()


def _require_size(size: int) -> None:
    most = settings.SOURCE_FILE_MB
    if size > most * 1024 * 1024:
        raise FileRefused(_("It is larger than {most} MB, the most that is taken here.").format(most=most))


def _taken() -> NameTaken:
    return NameTaken(
        _(
            "There is already something of this name here. To put yours in its place, choose «Replace files "
            "of the same name» and upload it again."
        )
    )


def safe_name(given: str) -> str:
    """Return a file's name as it is kept; raises FileRefused for an odd one."""
    name = _plain_name(given)
    if not format_of(name):
        raise FileRefused(
            _(
                "Jobs read files that end in .csv, .tsv, .txt, .json, .jsonl, .ndjson, .parquet or .pq; "
                "behind those of CSV and JSON .gz may stand."
            )
        )
    # A job that reads a whole folder looks for small letters.
    ending = next(end for end in sorted(ENDINGS, key=len, reverse=True) if name.casefold().endswith(end))
    return name[: -len(ending)] + ending


def keep(*, incoming: Incoming, name: str, replace: bool, by: Actor) -> str:
    """Keep what came in under this name, and return its path; raises FileRefused, leaving nothing."""
    try:
        name = safe_name(name)
        if not incoming.size:
            raise FileRefused(_("It is empty."))
        path = f"{incoming.folder}/{name}".lstrip("/")
        with transaction.atomic():
            record(
                "source_file.added",
                by=by,
                about=("source_file", path, path),
                size=incoming.size,
                replace=replace,
            )
            # Last: what the database refuses to record has not come.
            incoming.keep(name, replace=replace)
        return path
    finally:
        incoming.close()


def make_folder(*, folder: str, name: str, by: Actor) -> str:
    """Make a folder in a folder, and return its path; raises FileRefused."""
    name = _plain_name(name)
    path = f"{folder}/{name}".lstrip("/")
    with open_folder(folder, make=True) as place, transaction.atomic(), _in_words():
        record("source_file.folder_made", by=by, about=("source_file", path, path))
        try:
            os.mkdir(name, 0o755, dir_fd=place)
        except FileExistsError:
            raise FileRefused(_("There is already something of this name here.")) from None
        os.fsync(place)
    return path


def delete(*, path: str, by: Actor) -> None:
    """Delete a file for good; raises FileRefused, and Http404 for what is none."""
    folder, name = split(path)
    with open_folder(folder) as place, transaction.atomic(), _in_words():
        _require_file(place, name, missing=False)
        record("source_file.deleted", by=by, about=("source_file", path, path))
        os.unlink(name, dir_fd=place)
        os.fsync(place)


def _plain_name(given: str) -> str:
    name = unicodedata.normalize("NFC", given).strip()
    if not name:
        raise FileRefused(_("It needs a name."))
    if _UNSEEN.search(name):
        raise FileRefused(_("Its name holds signs that nobody sees. Rename it, then upload it again."))
    if name.startswith("."):
        raise FileRefused(_("Names with a dot in front are hidden, and no job finds them. Rename it."))
    if "/" in name or "\\" in name:
        raise FileRefused(_("A name holds neither «/» nor «\\». Open the folder, then upload the file."))
    if _OF_PATTERNS.search(name):
        raise FileRefused(
            _("In paths «*», «?», «[», «]» and «{partition}» stand for something else. Rename it.")
        )
    if len(name.encode()) > _LONGEST_NAME:
        raise FileRefused(_("Its name is too long: at most 200 bytes, fewer in Korean letters."))
    return name


def _require_file(place: int, name: str, *, missing: bool = True) -> None:
    """Refuse what is there and no plain file: links and folders are neither replaced nor deleted."""
    try:
        told = os.stat(name, dir_fd=place, follow_symlinks=False)
    except FileNotFoundError as error:
        if missing:
            return
        raise Http404 from error
    if not stat.S_ISREG(told.st_mode):
        raise FileRefused(_("A folder or a link of this name is in its place."))


def _remove_litter(place: int) -> None:
    """Remove what a process that died has left of its uploads in this folder."""
    before = time.time() - _LITTER_SECONDS
    with os.scandir(place) as entries:
        for each in entries:
            if _TEMPORARY.fullmatch(each.name) and each.stat(follow_symlinks=False).st_mtime < before:
                with contextlib.suppress(OSError):
                    os.unlink(each.name, dir_fd=place)


@contextlib.contextmanager
def _in_words() -> Iterator[None]:
    """Say in words what the file system says in numbers."""
    try:
        yield
    except OSError as error:
        if is_full(error):
            message = _("The disk is full. Tell whoever looks after the portal.")
        elif error.errno in _DENIED:
            message = _("The portal may not write into this folder. Tell whoever looks after it.")
        else:
            message = _("The disk refuses: {why}.").format(why=os.strerror(error.errno or 0))
        raise FileRefused(message) from error
