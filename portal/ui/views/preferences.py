"""Switches of language and theme: forms that work without JavaScript and come back to the same page."""

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from portal.ui.context import THEMES
from portal.ui.preferences import LANGUAGES

YEAR = 60 * 60 * 24 * 365


@login_not_required
@require_POST
def set_language(request: HttpRequest) -> HttpResponse:
    """Remember the language: in a cookie, and for somebody signed in also on their account."""
    language = request.POST.get("language", "")
    if language not in LANGUAGES:
        raise BadRequest("no such language")
    if request.user.is_authenticated and request.user.language != language:
        request.user.language = language
        request.user.save(update_fields=["language"])
    response = _back(request)
    _remember(response, settings.LANGUAGE_COOKIE_NAME, language)
    return response


@login_not_required
@require_POST
def set_theme(request: HttpRequest) -> HttpResponse:
    """Remember light or dark in a cookie; "system" forgets it."""
    theme = request.POST.get("theme", "")
    if theme not in {*THEMES, "system"}:
        raise BadRequest("no such theme")
    response = _back(request)
    if theme == "system":
        response.delete_cookie(settings.THEME_COOKIE_NAME, samesite="Lax")
    else:
        _remember(response, settings.THEME_COOKIE_NAME, theme)
    return response


def _back(request: HttpRequest) -> HttpResponse:
    """Return to the page that was open; never to another host."""
    target = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(
        target, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return HttpResponseRedirect(target if safe else "/")


def _remember(response: HttpResponse, name: str, value: str) -> None:
    response.set_cookie(
        name, value, max_age=YEAR, secure=settings.LANGUAGE_COOKIE_SECURE, httponly=True, samesite="Lax"
    )
