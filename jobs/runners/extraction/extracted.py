"""What an extraction leaves behind, and how it fails."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, AnyStr, Final, Generic, Literal

from django.conf import settings

from jobs.choices import ErrorClass
from jobs.runners.base import Context
from portal.outgoing import Mistyped, OutgoingError, Refused, UnknownName
from portal.said import said, said_of

# Stands for no value in the copies; a text of the data is never this one.
NULL: Final = "\\N:4f1d0c8e-no-value"
# Seconds until a database has to answer the connection.
CONNECT: Final = 10


@dataclass(frozen=True, slots=True)
class Extracted:
    """A copy of the source's rows in one file; ``columns`` are their types as far as it tells them."""

    path: Path
    format: Literal["csv", "json"]
    rows: int
    columns: Mapping[str, str] = field(default_factory=dict)


class ExtractError(Exception):
    """The source could not be read to its end; says where and whose fault it is."""

    def __init__(self, place: str, reason: str, error_class: ErrorClass) -> None:
        super().__init__(said("%(place)s: %(why)s", place=place, why=reason))
        self.error_class = error_class


def not_reached(place: str, error: OutgoingError) -> ExtractError:
    """Return why the source was not reached: an address that no call may go to is the job's own fault."""
    if isinstance(error, Mistyped | Refused) or (isinstance(error, UnknownName) and error.surely):
        kind = ErrorClass.SETTINGS
    else:
        kind = ErrorClass.ELSEWHERE if error.may_heal else ErrorClass.REFUSED
    return ExtractError(place, said_of(error), kind)


class TooLarge(Exception):
    """The source has more than a run may copy to its disk."""

    def __init__(self) -> None:
        super().__init__(
            said(
                "these are more than %(most)s MB (EXTRACT_MB); read less at once, for example by partition",
                most=f"{settings.EXTRACT_MB:,}",
            )
        )


class Counted(Generic[AnyStr]):
    """A file in UTF-8 that tells the run how much has been written to it, and takes EXTRACT_MB at most."""

    def __init__(self, file: IO[AnyStr], context: Context) -> None:
        self._file: IO[AnyStr] = file
        self._context, self._size = context, 0
        self._most = settings.EXTRACT_MB * 1_000_000

    def write(self, text: AnyStr) -> int:
        """Write a piece; raises TooLarge."""
        self._size += _bytes_of(text)
        if self._size > self._most:
            raise TooLarge
        self._context.progress(None, f"{self._size / 1e6:,.1f} MB")
        return self._file.write(text)


def _bytes_of(text: str | bytes) -> int:
    return len(text) if isinstance(text, bytes) or text.isascii() else len(text.encode())


def write_rows(
    file: Counted[str] | IO[str], names: Sequence[str], rows: Iterable[Sequence[str | None]]
) -> int:
    """Write rows of texts as CSV and return how many they are."""
    # Everything is quoted: what a lone carriage return means is then no question.
    writer = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(names)
    count = 0
    for row in rows:
        writer.writerow([NULL if value is None else value for value in row])
        count += 1
    return count


def first_line(error: BaseException) -> str:
    """Return the beginning of what a driver says."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)[:300]
