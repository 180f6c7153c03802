"""The entries of the left rail; a later part of the portal adds its own line here."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from django.core.cache import cache
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from portal.accounts.models import User
from portal.accounts.permissions import Permission
from portal.accounts.shortcuts import saved_views_of

_BADGE_SECONDS: Final = 5


@dataclass(frozen=True, slots=True)
class Entry:
    """One way to go; shown to those who hold the permission (None: to everybody who is signed in).

    ``paths`` are the beginnings of the addresses that belong to it; ``phone`` entries are the tabs at the
    bottom of a small screen, the others stand in the person's menu there.
    """

    label: str | Promise
    route: str
    icon: str
    paths: tuple[str, ...]
    permission: Permission | None = None
    phone: bool = False


@dataclass(frozen=True, slots=True)
class Item:
    """An entry as one person sees it on one page; its label follows from its address and the language."""

    label: str | Promise = field(compare=False)
    url: str
    icon: str
    current: bool
    phone: bool
    count: int = 0


@dataclass(frozen=True, slots=True)
class View:
    """A saved view as the rail shows it."""

    pk: int
    label: str
    url: str
    current: bool


Badge = Callable[[User], int]
# How many things wait behind an entry; the app that knows registers it under the entry's route.
badges: Final[dict[str, Badge]] = {}

ENTRIES: Final[tuple[Entry, ...]] = (
    Entry(_("Today"), "today", "today", ("/",), phone=True),
    Entry(_("Requests"), "requests", "inbox", ("/requests/",), Permission.ASK_QUESTIONS, phone=True),
    Entry(_("Catalog"), "catalog", "book", ("/catalog/",), Permission.VIEW_CATALOG, phone=True),
    Entry(_("Query"), "queries", "terminal", ("/queries/",), Permission.RUN_SQL),
    Entry(
        _("Jobs"),
        "jobs",
        "play",
        ("/jobs/", "/runs/", "/queues/", "/backfills/", "/secrets/", "/files/", "/webhooks/"),
        Permission.VIEW_JOBS,
        phone=True,
    ),
    Entry(_("Reports"), "reports", "file", ("/reports/",), Permission.VIEW_JOBS, phone=True),
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
        count = _count(request, entry.route)
        yield Item(entry.label, reverse(entry.route), entry.icon, current, entry.phone, count)


def saved_views(request: HttpRequest) -> Iterator[View]:
    """Yield this person's saved views, the one on the screen marked."""
    if not isinstance(request.user, User):
        return
    query = request.GET.copy()
    query.pop("cursor", None)
    here = (request.path, query.urlencode())
    for pk, name, path, sought in saved_views_of(request.user):
        yield View(pk, name, f"{path}?{sought}" if sought else path, (path, sought) == here)


def _count(request: HttpRequest, route: str) -> int:
    """Return what waits behind an entry, asked at most every few seconds for each person."""
    badge = badges.get(route)
    if badge is None or not isinstance(request.user, User):
        return 0
    key = f"badge:{route}:{request.user.pk}"
    count = cache.get(key)
    if count is None:
        count = badge(request.user)
        cache.set(key, count, _BADGE_SECONDS)
    return int(count)


def _is_current(entry: Entry, path: str) -> bool:
    return any(path == start if start == "/" else path.startswith(start) for start in entry.paths)
