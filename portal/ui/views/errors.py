"""Pages that say what went wrong, whose turn it is, and what to do."""

import sys
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _

from portal.database import is_away
from portal.ui.context import theme_of
from portal.ui.preferences import language_of


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 400: the address or form holds something that cannot be."""
    return _alone(request, HTTPStatus.BAD_REQUEST)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 403: they may not do this; say who may."""
    return _framed(request, HTTPStatus.FORBIDDEN)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 404, the same for what is missing and for what they may not know of."""
    return _framed(request, HTTPStatus.NOT_FOUND)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer 403 to a form that was open too long or came from elsewhere."""
    return _alone(request, HTTPStatus.FORBIDDEN, template="errors/csrf.html")


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 500, or 503 when the database is away; reads neither session nor database."""
    error = sys.exc_info()[1]
    if is_away(error):
        response = _alone(request, HTTPStatus.SERVICE_UNAVAILABLE)
        response["Retry-After"] = "10"
        return response
    return _alone(request, HTTPStatus.INTERNAL_SERVER_ERROR)


def _framed(request: HttpRequest, status: HTTPStatus) -> HttpResponse:
    """Keep the rail for people who are signed in, so that an error is no dead end."""
    if _is_api(request):
        return _problem(status)
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated or not hasattr(request, "htmx"):
        return _alone(request, status)
    return render(request, f"errors/{status.value}.html", {"frame": "base.html"}, status=status.value)


def _alone(request: HttpRequest, status: HTTPStatus, template: str = "") -> HttpResponse:
    """Draw the page without context processors: they would ask for the user, and so for the database."""
    if _is_api(request):
        return _problem(status)
    with translation.override(language_of(request)):
        context: dict[str, Any] = {
            "frame": "base_bare.html",
            "language": translation.get_language(),
            "theme": theme_of(request),
            "request_id": request.headers.get("x-request-id", ""),
        }
        text = render_to_string(template or f"errors/{status.value}.html", context)
    return HttpResponse(text, status=status.value)


def _is_api(request: HttpRequest) -> bool:
    return request.path.startswith("/api/v")


def _problem(status: HTTPStatus) -> HttpResponse:
    titles = {
        HTTPStatus.BAD_REQUEST: _("The request cannot be read."),
        HTTPStatus.FORBIDDEN: _("You may not do this."),
        HTTPStatus.NOT_FOUND: _("There is nothing here for you."),
        HTTPStatus.SERVICE_UNAVAILABLE: _("The database does not answer. Try again in a moment."),
    }
    title = titles.get(status, _("Something broke on our side."))
    body = {"type": "about:blank", "title": title, "status": status.value}
    return JsonResponse(body, status=status.value, content_type="application/problem+json")
