"""A57, A15, A14, A18, A49: forms, cookies and bodies."""

import json
import re

import pytest
from django.apps import apps
from django.conf import settings
from django.db import transaction
from django.test import Client

from portal.accounts.models import User
from portal.ui.cache import ForgivingRedisCache, _Breaker
from tests.security.policy import UNSAFE, routes
from tests.security.test_policy import send

LOGIN = "/account/login/"
WITHOUT_SIGN_IN = {
    "livez",
    "readyz",
    "account_login",
    "account_inactive",
    "account_reset_password",
    "account_reset_password_done",
    "account_reset_password_from_key",
    "account_reset_password_from_key_done",
}
# The session keeps when it was used, allauth when somebody signed in: bookkeeping, no effects.
BOOKKEEPING = {"sessions.session", "usersessions.usersession"}


# A15: the inventory


def test_a15_signed_out_visitors_see_the_entrance_and_nothing_else(world):
    shown = set()
    for name, route in routes().items():
        for kind in route.kinds:
            if send(world, "anonymous", "GET", route, kind).status_code in {200, 503}:
                shown.add(name)
    assert shown == WITHOUT_SIGN_IN


@pytest.mark.parametrize(
    "path",
    [
        "/admin/",
        "/django-admin/",
        "/metrics",
        "/debug/",
        "/__debug__/",
        "/silk/",
        "/.env",
        "/.git/HEAD",
        "/media/",
        "/flower/",
    ],
)
def test_a15_there_is_no_back_room(client, db, path):
    assert client.get(path).status_code == 404


def test_a15_the_probe_tells_a_stranger_one_word(client, db):
    assert set(client.get("/readyz").json()) == {"status"}


# A57: forms of other sites


@pytest.mark.parametrize("name", [name for name, route in routes().items() if not route.api])
def test_a57_every_unsafe_request_needs_the_forms_token(world, name):
    route = routes()[name]
    if name == "csp_report":
        pytest.skip("browsers report without a form, and nothing is changed")
    for kind in route.kinds:
        for method in UNSAFE:
            for headers in ({}, {"Origin": "https://evil.example"}, {"HX-Request": "true"}):
                client = world.client("cleo", csrf=True)
                response = client.generic(
                    method, world.url(route, kind), "a=b", "text/plain", headers=headers
                )
                assert response.status_code == 403, f"{method} {name}"


def rows():
    found = {}
    for model in apps.get_models():
        if model._meta.label_lower not in BOOKKEEPING and model._meta.managed:
            found[model._meta.label] = sorted(map(repr, model._default_manager.values_list()))
    return found


@pytest.mark.parametrize("name", [name for name, route in routes().items() if "GET" in route.rules])
def test_a57_get_changes_nothing(world, name):
    route = routes()[name]
    # A token notes its first use; that it was used is not an effect of the address.
    for secret in world.secrets:
        world.client(secret).get("/api/v1/jobs")
    before = rows()
    for principal in ("anonymous", "cleo", "token_read"):
        for kind in route.kinds:
            for method in ("GET", "HEAD"):
                # Read to its end, which closes what a file's answer holds open.
                text(world.client(principal).generic(method, world.url(route, kind)))
    assert rows() == before


@pytest.mark.parametrize(
    "name", [name for name, route in routes().items() if route.api and name != "api-schema"]
)
def test_a57_the_api_ignores_the_session(world, name):
    route = routes()[name]
    for kind in route.kinds:
        for method in ("GET", "POST"):
            response = send(world, "cleo", method, route, kind)
            assert response.status_code == 401, f"{method} {name}"
            assert response["Content-Type"] == "application/problem+json"


def test_a57_the_description_is_read_by_a_session_but_never_written(world):
    client = world.client("cleo", csrf=True)
    assert client.get("/api/schema/").status_code == 200
    assert client.post("/api/schema/").status_code in {403, 405}


# A14: what is never shown

SECRETS = re.compile(r'"(password|digest|secret|session_epoch|session_key)": |pbkdf2_|argon2|\$\d+\$')


@pytest.mark.parametrize("name", [name for name, route in routes().items() if "GET" in route.rules])
def test_a14_no_answer_shows_a_hash_or_a_secret(world, name):
    route = routes()[name]
    hidden = [token.digest for token in world.tokens.values()] + list(world.secrets.values())
    world.people["dan"].set_password("four words in a row")
    world.people["dan"].save()
    hidden.append(world.people["dan"].password)
    for principal in ("ada", "cleo", "token_read"):
        for kind in route.kinds:
            body = text(world.client(principal).get(world.url(route, kind)))
            for secret in hidden:
                assert secret not in body
            assert not SECRETS.search(body), SECRETS.search(body)


def text(response):
    return b"".join(response).decode(errors="replace")  # a picture may be among them


@pytest.mark.parametrize(
    "name", [n for n, r in routes().items() if r.api and "GET" in r.rules and n != "api-schema"]
)
def test_a14_the_api_shows_no_e_mail_to_whoever_does_not_manage_people(world, name):
    route = routes()[name]
    for kind in route.kinds:
        body = text(world.client("token_read").get(world.url(route, kind)))
        assert "@example.com" not in body or name.startswith("api_metric")


# A18: more fields than the form has


def test_a18_the_profile_takes_only_its_own_fields(world):
    ada = world.people["ada"]
    data = {
        "name": "Ada Yoon",
        "language": "ko",
        "time_zone": "Asia/Seoul",
        "email": "cleo@example.com",
        "roles": ["administrator"],
        "is_active": "",
        "password": "x",
        "session_epoch": "99",
        "teams": [world.teams["finance"].pk],
    }
    assert world.client("ada").post("/account/", data).status_code == 302
    after = User.objects.get(pk=ada.pk)
    assert (after.language, after.roles, after.email) == ("ko", ["business"], "ada@example.com")
    assert after.is_active
    assert after.session_epoch == ada.session_epoch
    assert {team.key for team in after.teams.all()} == {"marketing"}


def test_a18_a_trigger_takes_only_parameters(world):
    body = {"params": {}, "state": "succeeded", "fence": 99, "principal": "user:1", "priority": 1000}
    with transaction.atomic():
        response = world.client("token_run").post(
            "/api/v1/jobs/load-flights/runs", json.dumps(body), content_type="application/json"
        )
    assert response.status_code in {201, 400}
    if response.status_code == 201:
        run = world.jobs["company"].runs.latest("id")
        assert (run.state, run.fence, run.priority) == ("queued", 0, 0)
        assert run.principal.startswith("token:")


# A49: bodies

TRIGGER = "/api/v1/jobs/load-flights/runs"


def post(world, body, **extra):
    extra.setdefault("content_type", "application/json")
    return world.client("token_run").generic("POST", TRIGGER, body, **extra)


@pytest.mark.parametrize(
    ("body", "extra", "status"),
    [
        (b"{}" + b" " * 1_000_001, {}, 413),
        (b"{}", {"CONTENT_LENGTH": "99999999999"}, 413),
        (b"{}", {"CONTENT_LENGTH": "many"}, 400),
        (b"{}", {"HTTP_TRANSFER_ENCODING": "chunked"}, 411),
        (b"{}", {"HTTP_CONTENT_ENCODING": "gzip"}, 415),
        (b"[" * 100_000 + b"]" * 100_000, {}, 400),
        (b'{"params": ' + b"[" * 400_000, {}, 400),
        (b'{"params": {"a": NaN}}', {}, 400),
        (b"\xff\xfe\x00", {}, 400),
        (b"", {}, 400),
        (b"a=b", {"content_type": "application/x-www-form-urlencoded"}, 415),
        (b"{}", {"content_type": "multipart/form-data; boundary=x"}, 415),
        (b"<a/>", {"content_type": "application/xml"}, 415),
        (b"null", {}, 400),
        (b"[]", {}, 400),
        (b'"x"', {}, 400),
    ],
)
def test_a49_a_hostile_body_is_refused_as_a_problem(world, body, extra, status):
    response = post(world, body, **extra)
    if body == b"" and response.status_code == 201:
        pytest.skip("an empty body means no parameters")
    assert response.status_code == status
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["status"] == status


def test_a49_a_form_with_ten_thousand_fields_is_refused(world):
    data = {f"f{number}": "x" for number in range(settings.DATA_UPLOAD_MAX_NUMBER_FIELDS + 10)}
    assert world.client("ada").post("/account/", data).status_code == 400


@pytest.mark.parametrize("key", ["", "x" * 256, "한글", "a\tb"])
def test_a49_a_strange_idempotency_key_is_refused(world, key):
    response = Client().generic(
        "POST",
        TRIGGER,
        "{}",
        "application/json",
        HTTP_IDEMPOTENCY_KEY=key,
        HTTP_AUTHORIZATION=f"Bearer {world.secrets['token_run']}",
    )
    assert response.status_code == 400


# A65: too many calls


def test_a65_a_token_that_calls_too_often_is_told_to_wait(world, monkeypatch):
    monkeypatch.setattr("portal.api.throttling.BurstThrottle.calls", 3)
    client = world.client("token_read")
    answers = [client.get("/api/v1/jobs") for _ in range(5)]
    assert [answer.status_code for answer in answers].count(429) >= 1
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert 1 <= int(refused["Retry-After"]) <= 10
    assert refused["Content-Type"] == "application/problem+json"
    assert world.client("token_run").post(TRIGGER, "{}", "application/json").status_code != 429


def test_a65_calls_go_on_when_the_counter_is_gone(world, monkeypatch, caplog):
    monkeypatch.setattr("portal.api.throttling.BurstThrottle.calls", 0)
    monkeypatch.setattr(_Breaker, "resting_until", 0.0)
    monkeypatch.setattr("portal.api.throttling.cache", ForgivingRedisCache("redis://127.0.0.1:1/0", {}))
    assert world.client("token_read").get("/api/v1/jobs").status_code == 200
    assert "throttle_open" in caplog.text
