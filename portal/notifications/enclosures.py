"""Files that go with a mail: the app that knows of a thing says which, at the moment of sending."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from django.conf import settings

from portal.accounts.models import User
from portal.notifications.mail import File, Line


@dataclass(frozen=True, slots=True)
class Enclosed:
    """The files for one reader, and a sentence where there are none though some were wanted."""

    files: tuple[File, ...] = ()
    note: str = ""


# From the thing's key, the reader and how many bytes are left; what the reader may not see is not enclosed.
Provider = Callable[[str, User, int], Enclosed]
_providers: Final[dict[str, Provider]] = {}


def register(kind: str, provider: Provider) -> None:
    """Let ``provider`` enclose files with the notifications of one kind."""
    _providers[kind] = provider


def with_files(lines: list[Line], user: User) -> list[Line]:
    """Return the lines with their files, MAIL_FILES_MB for all of them together."""
    left = settings.MAIL_FILES_MB * 1_000_000
    found = []
    for line in lines:
        provider = _providers.get(line.kind)
        if provider is None:
            found.append(line)
            continue
        enclosed = provider(line.about[1], user, left)
        left -= sum(len(file.body) for file in enclosed.files)
        found.append(replace(line, files=enclosed.files, note=enclosed.note))
    return found
