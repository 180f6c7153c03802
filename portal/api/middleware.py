"""Guard the API's door: bodies of bounded size, and every error a problem, whoever made it."""

from collections.abc import Callable, Mapping
from typing import Final

from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from rest_framework.response import Response

from portal.api.file_bodies import file_bodies
from portal.api.problems import CONTENT_TYPE, problem

PREFIX: Final = "/api/"
LARGEST_BODY: Final = 1_000_000
# What an error says beside its body: which methods there are, and when to come back.
KEPT_HEADERS: Final = ("Allow", "Retry-After")


class ApiMiddleware:
    """Stand before everything else under /api/: routing, sessions and the views themselves.

    So a wrong address, a refused host and a crash get the same form of answer as a view's own errors,
    and a body is judged before a byte of it is read.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Refuse a body that is too large, endless or packed; make every error a problem."""
        if not request.path_info.startswith(PREFIX):
            return self.get_response(request)
        status, detail = _objection(request)
        if status:
            return _problem(request, status, detail)
        response = self.get_response(request)
        # Only a view's own problem is kept: what the router, a handler or a crash answered is said anew.
        own = isinstance(response, Response) and response.get("Content-Type", "") == CONTENT_TYPE
        if response.status_code >= 400 and not own:
            kept = {name: response[name] for name in KEPT_HEADERS if name in response}
            return _problem(request, response.status_code, "", headers=kept)
        return response


def _objection(request: HttpRequest) -> tuple[int, str]:
    if request.headers.get("transfer-encoding"):
        # A chunked body has no end that can be judged beforehand.
        return 411, "Send the body with Content-Length, not in chunks."
    if request.headers.get("content-encoding", "identity") != "identity":
        return 415, "Send the body as it is, without Content-Encoding."
    length = request.headers.get("content-length") or "0"
    if not length.isdigit():
        return 400, "Content-Length is not a number."
    most = _most(request)
    if int(length) > most:
        return 413, f"The body is {length} bytes; this address takes {most} at most."
    return 0, ""


def _most(request: HttpRequest) -> int:
    if request.method == "PUT":
        for beginning, most in file_bodies.items():
            if request.path_info.startswith(beginning):
                return most()
    return LARGEST_BODY


def _problem(
    request: HttpRequest, status: int, detail: str, *, headers: Mapping[str, str] | None = None
) -> JsonResponse:
    body = problem(status, detail=detail, request_id=request.headers.get("x-request-id", ""))
    return JsonResponse(body, status=status, content_type=CONTENT_TYPE, headers=headers)
