"""Take the files that a body made out of its scratch folder and keep them with its run.

The body only announces what it wrote. Its supervisor, which outlives it and holds the lease, reads each file
through a folder it holds open, so a link or a path of the body's choice leads nowhere, and writes it into the
store; the rows follow in the transaction that ends the run.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from django.conf import settings
from django.utils.functional import cached_property

from jobs.artifacts import ARTIFACTS
from jobs.choices import ErrorClass
from jobs.engine.claim import Claim
from jobs.engine.work import folder_of
from jobs.models import Artifact
from jobs.runners.base import MADE
from portal.said import said
from portal.storage import FileTooLarge, Stored, is_full, plain_file

MOST_FILES: Final = 100
_CHUNK: Final = 1024 * 1024


class NotKept(Exception):
    """A file that was announced cannot be kept; the message says which and why."""

    def __init__(self, message: str, error_class: ErrorClass = ErrorClass.USER_CODE) -> None:
        super().__init__(message)
        self.error_class = error_class


@dataclass(frozen=True, slots=True)
class Announced:
    """A file in the scratch folder: its number there, and how people shall know it."""

    number: int
    name: str
    media_type: str


class Taken:
    """The files of one attempt, moved into the store once, whatever happens to the end of the run."""

    def __init__(self, claim: Claim, announced: list[Announced], alive: Callable[[], object]) -> None:
        self._claim = claim
        self._announced = announced
        self._alive = alive
        self._stored: list[Stored] = []

    @cached_property
    def rows(self) -> list[Artifact]:
        """Return the rows to write, their files stored; raises NotKept and leaves nothing behind."""
        try:
            return [self._row(each) for each in self._announced]
        except OSError as error:
            self.drop()
            if is_full(error):
                message = said("There is no space left to keep the run's files.")
                raise NotKept(message, ErrorClass.STORAGE) from error
            message = said("A file of the run could not be kept: %(why)s.", why=error.strerror)
            raise NotKept(message) from error
        except BaseException:
            self.drop()
            raise

    def drop(self) -> None:
        """Remove what was stored: no row is going to name it."""
        while self._stored:
            ARTIFACTS.remove(self._stored.pop().name)

    def _row(self, announced: Announced) -> Artifact:
        name = announced.name
        most = settings.ARTIFACT_MB * 1024 * 1024
        try:
            with _opened(folder_of(self._claim) / MADE, announced.number) as file:
                stored = ARTIFACTS.write(self._chunks(file), most=most)
        except FileNotFoundError:
            message = said("The file %(name)s was announced but never written.", name=name)
            raise NotKept(message) from None
        except FileTooLarge:
            message = said(
                "The file %(name)s is larger than %(most)s MB.", name=name, most=settings.ARTIFACT_MB
            )
            raise NotKept(message) from None
        self._stored.append(stored)
        return Artifact(
            run_id=self._claim.run_id,
            fence=self._claim.fence,
            name=name,
            media_type=announced.media_type,
            stored=stored.name,
            size=stored.size,
            sha256=stored.sha256,
        )

    def _chunks(self, file: IO[bytes]) -> Iterator[bytes]:
        while chunk := file.read(_CHUNK):
            # A large file takes longer than a lease.
            self._alive()
            yield chunk


def _opened(folder: Path, number: int) -> IO[bytes]:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        # Non-blocking: a named pipe in the file's place must not hold the supervisor.
        inside = os.open(str(number), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=handle)
    finally:
        os.close(handle)
    return plain_file(inside, str(number))
