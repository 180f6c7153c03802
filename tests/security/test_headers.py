"""A61, A58, A62: what every answer carries."""

import json

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.test import Client, override_settings

from portal.ui.middleware import CONTENT_SECURITY_POLICY, SANDBOX
from tests.security.policy import routes
from tests.security.test_policy import send

# What people or runs made may do nothing at all, wherever it is opened.
FILES = {"artifact", "attachment", "api_run_artifact", "api_report_file"}
EXPECTED = {
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def check(response, *, cached=False, policy=CONTENT_SECURITY_POLICY):
    for name, value in EXPECTED.items():
        assert response[name] == value, name
    assert response["Content-Security-Policy"] == policy
    assert "camera=()" in response["Permissions-Policy"]
    assert response["X-Request-ID"]
    if not cached:
        assert response["Cache-Control"] == "private, no-store"
        assert {"Cookie", "Authorization"} <= {part.strip() for part in response["Vary"].split(",")}


@pytest.mark.parametrize("name", list(routes()))
def test_a61_every_route_carries_the_headers(world, name):
    route = routes()[name]
    for principal in ("anonymous", "cleo", "token_read"):
        for kind in route.kinds:
            for method in ("GET", "POST"):
                response = send(world, principal, method, route, kind)
                file = name in FILES and response.status_code == 200
                check(response, policy=SANDBOX if file else CONTENT_SECURITY_POLICY)
                b"".join(response)


@pytest.mark.parametrize(
    "path",
    ["/no-such-page", "/api/v1/no-such-thing", "/static/no-such-file.css", "/api/", "/%00", "/jobs/../x"],
)
def test_a61_errors_carry_the_headers(client, db, path):
    response = client.get(path)
    assert response.status_code in {302, 404}
    check(response)


def test_a61_a_refused_host_gets_the_headers(client, db):
    check(client.get("/account/login/", headers={"Host": "evil.example"}))


def test_a61_a_refused_form_gets_the_headers(db):
    response = Client(enforce_csrf_checks=True).post("/account/login/", {})
    assert response.status_code == 403
    check(response)


@pytest.mark.parametrize("path", ["/account/", "/api/v1/jobs"])
def test_a61_a_crash_gets_the_headers_and_tells_nothing(client, cast, monkeypatch, path):
    client.raise_request_exception = False

    def crash(*args, **kwargs):
        raise RuntimeError("the database password is hunter2")

    monkeypatch.setattr("portal.accounts.middleware.SessionAgeMiddleware._check", crash)
    monkeypatch.setattr("portal.api.authentication.TokenAuthentication._find", crash)
    client.force_login(cast.dan)
    response = client.get(path, headers={"Authorization": "Bearer ddesk_x"})
    assert response.status_code == 500
    assert b"hunter2" not in response.content
    assert response["X-Request-ID"].encode() in response.content
    check(response)


def test_a61_static_files_carry_the_headers_and_may_be_cached(client, db):
    assert finders.find("css/base.css")
    with override_settings(WHITENOISE_USE_FINDERS=True, WHITENOISE_AUTOREFRESH=True):
        response = Client().get("/static/css/base.css")
    assert response.status_code == 200
    check(response, cached=True)
    assert "no-store" not in response["Cache-Control"]
    response.close()


def test_a61_https_answers_ask_for_https(client, db):
    assert "max-age=" in client.get("/livez", secure=True)["Strict-Transport-Security"]
    assert "Strict-Transport-Security" not in client.get("/livez")


def test_a62_the_policy_allows_nothing_inline_and_nobody_else():
    assert CONTENT_SECURITY_POLICY.startswith("default-src 'none'; ")
    for word in ("unsafe", "*", "http:", "https:", "nonce", "blob:"):
        assert word not in CONTENT_SECURITY_POLICY
    assert "report-uri /csp-report" in CONTENT_SECURITY_POLICY


def test_a62_a_report_is_logged_without_what_somebody_typed(client, caplog):
    body = {
        "csp-report": {"document-uri": "http://desk/catalog/?q=secret", "blocked-uri": "inline", "extra": "x"}
    }
    response = client.generic("POST", "/csp-report", json.dumps(body), "application/csp-report")
    assert response.status_code == 204
    assert "csp_violation" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"x" * 20_000, 413),
        (b"{", 400),
        (b"[]", 400),
        (b'{"csp-report": 1}', 400),
        (b"[" * 9_000, 400),
        (b"\xff\xfe", 400),
    ],
)
def test_a62_a_broken_report_is_refused(client, body, status):
    assert client.generic("POST", "/csp-report", body, "application/csp-report").status_code == status


@pytest.mark.parametrize(
    "given", ["short", "a b c d e f g h", "x" * 100, "id\r\nSet-Cookie: a=b", "<script>1</script>"]
)
def test_a44_a_strange_request_id_is_replaced(client, given):
    assert client.get("/livez", headers={"X-Request-ID": given})["X-Request-ID"] != given


def test_a44_a_proxys_request_id_is_kept(client):
    assert (
        client.get("/livez", headers={"X-Request-ID": "edge-0123456789"})["X-Request-ID"] == "edge-0123456789"
    )


def test_a61_sessions_and_forms_are_safe_behind_https():
    assert settings.SESSION_COOKIE_HTTPONLY
    assert settings.SESSION_COOKIE_SAMESITE == "Lax"
