"""The entries of the left rail; a later part of the portal adds its own line here."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from portal.accounts.permissions import Permission


@dataclass(frozen=True, slots=True)
class Entry:
    """One way to go; shown to those who hold the permission (None: to everybody who is signed in).

    ``paths`` are the beginnings of the addresses that belong to it; ``phone`` entries are the tabs at the
    bottom of a small screen.
    """

    label: str | Promise
    route: str
    icon: str
    paths: tuple[str, ...]
    permission: Permission | None = None
    phone: bool = False


@dataclass(frozen=True, slots=True)
class Item:
    """An entry as one person sees it on one page."""

    label: str | Promise
    url: str
    icon: str
    current: bool
    phone: bool


ENTRIES: Final[tuple[Entry, ...]] = (
    Entry(_("Today"), "today", "today", ("/",), phone=True),
    Entry(_("Catalog"), "catalog", "book", ("/catalog/",), Permission.VIEW_CATALOG, phone=True),
    Entry(_("Jobs"), "jobs", "play", ("/jobs/", "/runs/"), Permission.VIEW_JOBS, phone=True),
    Entry(_("People"), "people", "people", ("/people/",), Permission.MANAGE_PEOPLE, phone=True),
    Entry(_("Audit"), "audit", "shield", ("/audit/",), Permission.VIEW_AUDIT, phone=True),
    Entry(_("API"), "api-docs", "code", ("/api/docs/",), Permission.USE_TOKENS),
)


def items(request: HttpRequest) -> Iterator[Item]:
    """Yield what this person may go to, the place where they are marked."""
    granted = request.user.permissions if request.user.is_authenticated else frozenset()
    for entry in ENTRIES:
        if entry.permission and entry.permission not in granted:
            continue
        current = _is_current(entry, request.path)
        yield Item(entry.label, reverse(entry.route), entry.icon, current, entry.phone)


def _is_current(entry: Entry, path: str) -> bool:
    return any(path == start if start == "/" else path.startswith(start) for start in entry.paths)
