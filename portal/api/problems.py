"""Errors of the API, all in one form: application/problem+json (RFC 9457)."""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.utils.translation import gettext as _
from rest_framework import exceptions, status
from rest_framework.response import Response

CONTENT_TYPE = "application/problem+json"
TYPE_ROOT = "/api/docs/#"


class Problem(exceptions.APIException):
    """Answer with this status, title and detail; ``errors`` is ``[{"field", "message"}]``.

    ``more`` is what this kind of problem says beside that, by name.
    """

    def __init__(
        self,
        status_code: int,
        title: str = "",
        detail: str = "",
        *,
        kind: str = "",
        errors: list[dict[str, str]] | None = None,
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status_code = status_code
        self.title = title
        self.kind = kind
        self.errors = errors
        self.headers = dict(headers or {})
        self.more = dict(more or {})


def problem(
    status_code: int,
    *,
    title: str = "",
    detail: str = "",
    kind: str = "",
    errors: list[dict[str, str]] | None = None,
    request_id: str = "",
) -> dict[str, Any]:
    """Return the body of a problem; ``kind`` names the section of the API's page that explains it."""
    phrase = HTTPStatus(status_code).phrase
    body: dict[str, Any] = {
        "type": TYPE_ROOT + (kind or f"problem-{status_code}"),
        "title": title or phrase,
        "status": status_code,
        "detail": detail or _DETAILS.get(status_code, phrase),
    }
    if errors:
        body["errors"] = errors
    if request_id:
        body["request_id"] = request_id
    return body


_DETAILS = {
    400: "The request could not be understood.",
    401: "Send a valid token: Authorization: Bearer ddesk_…",
    403: "This token or person may not do that.",
    404: "There is nothing here, or nothing that you may see.",
    405: "This address does not take that method.",
    413: "The body is larger than this API takes.",
    415: "Send JSON: Content-Type: application/json.",
    429: "Too many requests; wait as long as Retry-After says.",
    500: "Something broke on our side. The request id helps us to find it.",
    503: "Data Desk cannot answer now; try again in a moment.",
}


def handle(exc: Exception, context: dict[str, Any]) -> Response | None:
    """Turn an exception of an API view into a problem; None (a 500) for what nobody foresaw."""
    if isinstance(exc, Http404):
        # The reason is dropped on purpose: «no such key» and «not yours» must read the same.
        exc = exceptions.NotFound()
    elif isinstance(exc, PermissionDenied):
        exc = exceptions.PermissionDenied(*exc.args)
    if not isinstance(exc, exceptions.APIException):
        return None
    request_id = context["request"].META.get("HTTP_X_REQUEST_ID", "") if context.get("request") else ""
    body = _body(exc, request_id)
    headers = dict(getattr(exc, "headers", {}))
    if auth_header := getattr(exc, "auth_header", None):
        headers["WWW-Authenticate"] = auth_header
    if wait := getattr(exc, "wait", None):
        headers["Retry-After"] = str(max(1, int(wait)))
    return Response(body, status=exc.status_code, headers=headers, content_type=CONTENT_TYPE)


def _body(exc: exceptions.APIException, request_id: str) -> dict[str, Any]:
    if isinstance(exc, Problem):
        own = problem(
            exc.status_code,
            title=exc.title,
            detail=str(exc.detail),
            kind=exc.kind,
            errors=exc.errors,
            request_id=request_id,
        )
        return {**exc.more, **own}
    if isinstance(exc, exceptions.ValidationError):
        errors = [{"field": field, "message": message} for field, message in _flat(exc.detail)]
        return problem(
            status.HTTP_400_BAD_REQUEST,
            title=_("Some values are not right"),
            detail=_("Mend the fields named in errors and send the request again."),
            kind="problem-validation",
            errors=errors,
            request_id=request_id,
        )
    told = isinstance(
        exc, (exceptions.ParseError, exceptions.PermissionDenied, exceptions.AuthenticationFailed)
    )
    return problem(exc.status_code, detail=str(exc.detail) if told else "", request_id=request_id)


def _flat(detail: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Walk DRF's nested error detail; yield dotted field paths and messages."""
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            field = "" if name == "non_field_errors" else str(name)
            yield from _flat(inner, ".".join(part for part in (path, field) if part))
    elif isinstance(detail, list):
        for index, inner in enumerate(detail):
            nested = isinstance(inner, (Mapping, list))
            yield from _flat(inner, f"{path}.{index}".strip(".") if nested else path)
    else:
        yield path, str(detail)
