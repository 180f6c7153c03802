"""How somebody wants to see the portal: language, time zone, theme."""

import zoneinfo
from collections.abc import Callable
from typing import Final

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone, translation
from django.utils.cache import patch_vary_headers
from django.utils.translation import get_language_from_request

GetResponse = Callable[[HttpRequest], HttpResponseBase]

LANGUAGES: Final = tuple(code for code, _ in settings.LANGUAGES)
API: Final = "/api/v"


def language_of(request: HttpRequest) -> str:
    """Return the language of a reader whom we do not know: the cookie's, else Accept-Language's."""
    return get_language_from_request(request)[:2]


class PreferencesMiddleware:
    """Show the page in the reader's language and time zone; both are put back after the answer."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer the request in the reader's language."""
        with translation.override(language_of(request)):
            # API answers are the same for everybody, and its tokens are not sessions: read no user here.
            if not request.path.startswith(API):
                self._follow_user(request)
            language = translation.get_language()
            try:
                response = self.get_response(request)
            finally:
                timezone.deactivate()
            response.headers.setdefault("Content-Language", language)
            patch_vary_headers(response, ("Accept-Language", "Cookie"))
            return response

    def _follow_user(self, request: HttpRequest) -> None:
        user = request.user
        if not user.is_authenticated:
            return
        if user.language in LANGUAGES:
            translation.activate(user.language)
        try:
            timezone.activate(zoneinfo.ZoneInfo(user.time_zone))
        except (zoneinfo.ZoneInfoNotFoundError, ValueError):
            # A zone that this machine no longer knows must not lock somebody out: they see UTC.
            timezone.deactivate()
