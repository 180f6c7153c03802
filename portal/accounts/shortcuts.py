"""One's saved views as every page's rail reads them: asked for by each page, hardly ever changed."""

from typing import Final

from django.core.cache import cache

from portal.accounts.models import SavedView, User

_SECONDS: Final = 600


def saved_views_of(user: User) -> list[tuple[int, str, str, str]]:
    """Return pk, name, path and query of each of this person's views, by name."""
    found = cache.get(_key(user))
    if found is None:
        found = list(SavedView.objects.filter(user=user).values_list("pk", "name", "path", "query"))
        cache.set(_key(user), found, _SECONDS)
    views: list[tuple[int, str, str, str]] = found
    return views


def forget_views_of(user: User) -> None:
    """Let the rail read this person's views anew; call it after the change."""
    cache.delete(_key(user))


def _key(user: User) -> str:
    return f"views:{user.pk}"
