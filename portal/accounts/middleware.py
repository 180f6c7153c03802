"""End old sessions, and show signed-out visitors the way in."""

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import auth
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import resolve_url

from portal.accounts.sessions import SEEN_AT, SIGNED_IN_AT, is_over

GetResponse = Callable[[HttpRequest], HttpResponseBase]

# The session and what its owner reads of it are written when this much is gone, not on every page.
# (allauth's own middleware, which this one stands for, writes on every request.)
_NOTE_EVERY = 60


class SessionAgeMiddleware:
    """End a session that was idle for SESSION_IDLE_SECONDS or is older than SESSION_COOKIE_AGE."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Sign out whose session is too old; else note that it was used."""
        # Without the cookie there is no session to look up: probes and API calls cost no query here.
        if settings.SESSION_COOKIE_NAME in request.COOKIES and request.user.is_authenticated:
            self._check(request, now=int(time.time()))
        return self.get_response(request)

    @staticmethod
    def _check(request: HttpRequest, *, now: int) -> None:
        session = request.session
        session.setdefault(SIGNED_IN_AT, now)
        if is_over(session, now=now):
            auth.logout(request)
        elif now - session.get(SEEN_AT, 0) >= _NOTE_EVERY:
            session[SEEN_AT] = now
            UserSession.objects.create_from_request(request)


class SignInMiddleware(LoginRequiredMiddleware):
    """Lead signed-out visitors to the sign-in page and, after it, back to where they were."""

    def handle_no_permission(  # type: ignore[override]
        self, request: HttpRequest, view_func: Any
    ) -> HttpResponseBase:
        """Redirect; a fragment asked for by htmx makes the whole page go there instead."""
        if request.headers.get("HX-Request") != "true":
            # An unsafe request cannot be repeated after the sign-in: its address is often POST only.
            if request.method not in {"GET", "HEAD"}:
                return redirect_to_login("/", resolve_url(self.get_login_url(view_func)))
            return super().handle_no_permission(request, view_func)
        page = urlsplit(request.headers.get("HX-Current-URL", ""))
        back = f"{page.path or '/'}?{page.query}" if page.query else page.path or "/"
        login = redirect_to_login(back, resolve_url(self.get_login_url(view_func)))
        return HttpResponse(status=204, headers={"HX-Redirect": login["Location"]})
