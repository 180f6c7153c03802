"""Errors say what happened, whose turn it is and what to do, in our look."""

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.core.handlers.wsgi import WSGIRequest
from django.db import DatabaseError, DataError, InterfaceError, OperationalError
from django.http import HttpRequest
from django.test import Client, RequestFactory, override_settings

from portal.ui.views import errors


def test_a_missing_page_keeps_the_rail_for_people_who_are_signed_in(client, cast):
    client.force_login(cast.dan)
    response = client.get("/no-such-page/")
    page = response.content.decode()
    assert response.status_code == 404
    assert "There is nothing here for you" in page
    assert 'class="rail"' in page


def test_a_stranger_gets_the_same_words_without_the_rail(client, db):
    response = client.get("/no-such-page/", HTTP_ACCEPT_LANGUAGE="ko")
    page = response.content.decode()
    assert response.status_code == 404
    assert '<html lang="ko"' in page
    assert 'class="rail"' not in page


def test_the_api_answers_errors_as_problems(client, db):
    response = client.get("/api/v1/no-such-thing")
    assert response.status_code == 404
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["status"] == 404


def test_a_refused_host_gets_a_page(db):
    response = Client().get("/ui/", HTTP_HOST="evil.example")
    assert response.status_code == 400
    assert "This request cannot be read" in response.content.decode()


def test_forbidden_says_whom_to_ask(client, cast):
    client.force_login(cast.ada)
    response = client.get("/people/")
    assert response.status_code == 403
    assert "Ask the lead of the data team" in response.content.decode()


def raised(error: Exception, request: HttpRequest):
    """Answer as Django does: inside the handler of the error."""

    def view():
        raise error

    try:
        view()
    except Exception:
        return errors.server_error(request)


def touchy(path: str, **extra: Any) -> HttpRequest:
    """A request that breaks when its user or session is asked for, as when the database is away."""

    def away(_: object) -> None:
        raise OperationalError

    request = RequestFactory().get(path, **extra)
    request.__class__ = type("Touchy", (WSGIRequest,), {"user": property(away), "session": property(away)})
    return request


def test_the_error_page_reads_neither_session_nor_database():
    response = raised(ValueError("x"), touchy("/ui/", HTTP_X_REQUEST_ID="abc12345"))
    page = response.content.decode()
    assert response.status_code == 500
    assert "Something broke on our side" in page
    assert "abc12345" in page


@pytest.mark.parametrize("error", [OperationalError, InterfaceError, DatabaseError])
def test_a_database_that_is_away_is_told_as_such(error):
    response = raised(error("x"), touchy("/ui/"))
    assert response.status_code == 503
    assert response["Retry-After"] == "10"
    assert "The database does not answer" in response.content.decode()
    api = raised(error("x"), touchy("/api/v1/jobs"))
    assert api["Content-Type"] == "application/problem+json"


def test_a_statement_that_the_database_refuses_is_our_fault():
    assert raised(DataError("x"), touchy("/ui/")).status_code == 500


def test_a_whole_request_ends_in_that_page_when_the_session_cannot_be_read(monkeypatch, settings):
    def broken(*args, **kwargs):
        raise OperationalError("gone")

    monkeypatch.setattr("django.contrib.sessions.backends.db.SessionStore.load", broken)
    client = Client(raise_request_exception=False)
    client.cookies[settings.SESSION_COOKIE_NAME] = "x" * 32
    response = client.get("/ui/")
    assert response.status_code == 503


def test_the_api_says_when_to_come_back_to_a_database_that_is_away(monkeypatch):
    def broken(*args, **kwargs):
        raise OperationalError("gone")

    monkeypatch.setattr("portal.api.authentication.TokenAuthentication.authenticate", broken)
    response = Client(raise_request_exception=False).get("/api/v1/jobs")
    assert response.status_code == 503
    assert response["Content-Type"] == "application/problem+json"
    assert response["Retry-After"] == "10"


@pytest.mark.parametrize("error", [PermissionDenied(), ValueError()])
def test_a_request_that_never_met_our_middleware_gets_a_page_too(error):
    request = RequestFactory().get("/x/")
    assert errors.forbidden(request, error).status_code == 403
    assert errors.bad_request(request, error).status_code == 400


@override_settings(DEBUG=False)
def test_errors_carry_the_security_headers(client, db):
    assert "default-src 'none'" in client.get("/no-such-page/")["Content-Security-Policy"]


def test_a_stranger_is_shown_the_way_in(client, db):
    page = client.get("/no-such-page/").content.decode()
    assert 'href="/account/login/"' in page
    assert "team that you are not in" not in page
