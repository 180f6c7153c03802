"""What every answer carries, whatever made it: a request id and the security headers."""

import re
import uuid
from collections.abc import Callable
from typing import Final

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers
from django_structlog.middlewares import RequestMiddleware

GetResponse = Callable[[HttpRequest], HttpResponseBase]

CONTENT_SECURITY_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "object-src 'none'",
        "report-uri /csp-report",
    )
)
SANDBOX: Final = "sandbox; default-src 'none'"
SECURITY_HEADERS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9_-]{8,64}")
# Whoever reads the log must not be able to open what these addresses open.
_SECRET_IN_PATH: Final = re.compile(r"(/first-administrator/|/password/reset/key/)[^/]+")
_YEAR: Final = 60 * 60 * 24 * 365


class SecurityHeadersMiddleware:
    """Put the request id and the security headers on every answer: pages, errors, files and the API.

    It stands first, so that answers made by other middleware (redirects, static files, refused hosts,
    crashes) pass through it too. Everything but static files is kept out of every cache.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer the request, then complete the answer."""
        # A proxy's id is taken only in a harmless form: it is written to logs, audit and error pages.
        given = request.headers.get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else str(uuid.uuid4())
        request.META["HTTP_X_REQUEST_ID"] = request_id
        # The reading above has cached the headers with the id as it was sent, which must reach no log.
        vars(request).pop("headers", None)
        response = self.get_response(request)
        response["X-Request-ID"] = request_id
        sandboxed = response.get("Content-Security-Policy") == SANDBOX
        for name, value in SECURITY_HEADERS.items():
            response[name] = value
        if sandboxed:
            # Files that people have sent: stricter than any page, and the only other policy there is.
            response["Content-Security-Policy"] = SANDBOX
        if request.is_secure():
            response["Strict-Transport-Security"] = f"max-age={settings.SECURE_HSTS_SECONDS or _YEAR}"
        if not _is_static_file(request, response):
            response["Cache-Control"] = "private, no-store"
            patch_vary_headers(response, ("Cookie", "Authorization"))
        return response


def _is_static_file(request: HttpRequest, response: HttpResponseBase) -> bool:
    return request.path.startswith(f"{settings.STATIC_URL}") and response.status_code in {200, 206, 304}


class RequestLogMiddleware(RequestMiddleware):
    """Log each request's start and end, under the id that the answer carries."""

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        """Return method and path, without the query (it holds what was typed) and without one-time keys."""
        path = _SECRET_IN_PATH.sub(r"\1…", request.path)
        return f"{request.method} {path}"
