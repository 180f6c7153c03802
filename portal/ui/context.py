"""What every template knows: theme, language, navigation."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject
from django.utils.translation import get_language

from portal.ui import navigation

THEMES = ("light", "dark")


def page(request: HttpRequest) -> dict[str, Any]:
    """Return the names that base.html uses; nothing here touches the database."""
    language = (get_language() or settings.LANGUAGE_CODE)[:2]
    saved_views = SimpleLazyObject(lambda: list(navigation.saved_views(request)))
    match = request.resolver_match
    return {
        "language": language,
        "theme": theme_of(request),
        # Lazy: a partial of an htmx request shows no rail.
        "navigation": SimpleLazyObject(lambda: list(navigation.items(request))),
        "saved_views": saved_views,
        "saved_view": SimpleLazyObject(lambda: next((view for view in saved_views if view.current), None)),
        "sought": request.GET.get("q", "") if match and match.url_name == "find" else "",
        "other_language": "en" if language == "ko" else "ko",
        "here": request.get_full_path(),
    }


def theme_of(request: HttpRequest) -> str:
    """Return the chosen theme, "" when the reader follows the system."""
    chosen = request.COOKIES.get(settings.THEME_COOKIE_NAME, "")
    return chosen if chosen in THEMES else ""
