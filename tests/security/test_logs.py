"""A40, A44: what the log says of a request, and what it must not say."""

import json
import logging

import pytest
from django.conf import settings
from structlog.stdlib import ProcessorFormatter

from portal.accounts.actions import bootstrap, people, tokens
from portal.audit.actions import Actor

TESTER = Actor.system("test")
PASSWORD = "canary words in a row"


def test_a40_no_secret_reaches_the_log(client, cast, caplog):
    caplog.set_level("DEBUG")
    secret = tokens.create(owner=cast.dan, name="t", scopes=["jobs:read"], days=7, by=TESTER).secret
    client.get("/api/v1/jobs", headers={"Authorization": f"Bearer {secret}"})
    client.get(f"/api/v1/jobs?token={secret}")
    client.post("/account/login/", {"login": "dan@example.com", "password": PASSWORD})
    link = people.set_password_link(user=cast.dan, by=TESTER).removeprefix(settings.PUBLIC_URL)
    client.get(link)
    client.force_login(cast.dan)
    client.get("/catalog/?q=what-somebody-typed")
    assert "request_finished" in caplog.text
    for canary in (
        secret,
        PASSWORD,
        link.split("-", 1)[1].strip("/"),
        client.cookies[settings.SESSION_COOKIE_NAME].value,
    ):
        assert canary not in caplog.text
    assert "what-somebody-typed" not in caplog.text


def test_a40_the_first_administrators_link_is_not_in_the_log(client, db, caplog):
    caplog.set_level("DEBUG")
    link = bootstrap.first_administrator_link()
    assert link is not None
    assert client.get(link.removeprefix(settings.PUBLIC_URL)).status_code == 200
    assert "/first-administrator/…" in caplog.text
    assert link.rstrip("/").rpartition("/")[2] not in caplog.text


def test_a44_the_log_and_the_answer_name_the_same_request(client, db, caplog):
    caplog.set_level("INFO")
    assert client.get("/livez")["X-Request-ID"] in caplog.text


@pytest.mark.parametrize("path", ["/x%0d%0aINFO forged", "/x%1b[31mred", '/x","level":"forged"'])
def test_a44_an_address_cannot_forge_a_line(client, db, caplog, path):
    caplog.set_level("INFO")
    client.get(path)
    formatters = [handler.formatter for handler in logging.getLogger().handlers]
    json_lines = next(one for one in formatters if isinstance(one, ProcessorFormatter))
    lines = [json_lines.format(record) for record in caplog.records]
    assert any("request_finished" in line for line in lines)
    for line in lines:
        assert "\n" not in line
        assert "\r" not in line
        assert "\x1b" not in line
        assert json.loads(line)["level"] != "forged"
