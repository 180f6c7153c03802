"""Sessions, tokens, the first administrator and deactivation."""

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.core.cache.backends.redis import RedisCacheClient
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from redis.exceptions import RedisError

from portal.accounts.actions import bootstrap, people, tokens
from portal.accounts.actions import sessions as actions
from portal.accounts.exceptions import LinkGone, ScopeTooWide, UnknownScope
from portal.accounts.models import ApiToken, FirstAdministratorLink, User
from portal.accounts.permissions import Role
from portal.audit.actions import Actor
from portal.audit.models import AuditEvent
from portal.ui.cache import _Breaker
from tests.factories.jobs import make_job

TESTER = Actor.system("test")
PASSWORD = "four words in a row"
COOKIE = settings.SESSION_COOKIE_NAME


@pytest.fixture(autouse=True)
def _limits_from_zero():
    cache.clear()


@pytest.fixture
def dan(cast):
    cast.dan.set_password(PASSWORD)
    cast.dan.save()
    return cast.dan


def sign_in(client, user, password=PASSWORD, **data):
    return client.post("/account/login/", {"login": user.email, "password": password, **data})


def issue(owner, *scopes, days=7):
    return tokens.create(owner=owner, name="t", scopes=scopes or ["jobs:read"], days=days, by=TESTER)


def call(secret, path="/api/v1/jobs", **kwargs):
    return Client().get(path, headers={"Authorization": f"Bearer {secret}"}, **kwargs)


# A53: sessions


def test_a53_sign_in_changes_the_session_key(client, dan):
    client.get("/account/login/")
    session = client.session
    session["planted"] = "by an attacker"
    session.save()
    client.cookies[COOKIE] = session.session_key
    before = session.session_key
    assert sign_in(client, dan).status_code == 302
    assert client.cookies[COOKIE].value != before
    assert not Session.objects.filter(session_key=before).exists()


def test_a53_sign_out_kills_the_session_on_the_server(client, dan):
    sign_in(client, dan)
    stolen = client.cookies[COOKIE].value
    client.post("/account/logout/")
    thief = Client()
    thief.cookies[COOKIE] = stolen
    assert thief.get("/account/").status_code == 302


def test_a53_get_does_not_sign_out(client, dan):
    sign_in(client, dan)
    assert client.get("/account/logout/").status_code == 200
    assert client.get("/account/").status_code == 200


def test_a53_the_cookie_is_out_of_reach_of_scripts_and_other_sites(client, dan):
    sign_in(client, dan)
    cookie = client.cookies[COOKIE]
    assert cookie["httponly"] is True
    assert cookie["samesite"] == "Lax"
    assert cookie["path"] == "/"
    assert cookie["domain"] == ""


@pytest.mark.parametrize(
    ("age", "idle"),
    [
        (settings.SESSION_COOKIE_AGE + 1, 0),
        (settings.SESSION_IDLE_SECONDS + 10, settings.SESSION_IDLE_SECONDS + 1),
    ],
)
def test_a53_a_session_ends_when_it_is_old_or_idle(client, dan, monkeypatch, age, idle):
    sign_in(client, dan)
    client.get("/account/")
    session = client.session
    session["signed_in_at"] -= age
    session["seen_at"] = session["seen_at"] - idle
    session.save()
    assert client.get("/account/")["Location"].startswith("/account/login/")
    assert COOKIE not in client.cookies or client.cookies[COOKIE].value == ""


def test_a53_a_session_in_use_goes_on(client, dan):
    sign_in(client, dan)
    client.get("/account/")
    session = client.session
    session["signed_in_at"] -= settings.SESSION_IDLE_SECONDS * 2
    session["seen_at"] -= settings.SESSION_IDLE_SECONDS - 60
    session.save()
    assert client.get("/account/").status_code == 200


def test_a53_signing_out_everywhere_spares_this_machine_only(client, dan):
    other = Client()
    sign_in(client, dan)
    sign_in(other, dan)
    assert client.post("/account/sign-out-everywhere/").status_code == 302
    assert client.get("/account/").status_code == 200
    assert other.get("/account/").status_code == 302


def test_a53_signing_in_goes_on_while_the_cache_is_down(client, dan, monkeypatch):
    def refuse(self, key, *, write=False):
        raise RedisError("connection refused")

    monkeypatch.setattr(RedisCacheClient, "get_client", refuse)
    monkeypatch.setattr(_Breaker, "resting_until", 0.0)
    assert sign_in(Client(), dan, "wrong").status_code == 200
    assert sign_in(client, dan)["Location"] == "/"


def test_a53_one_session_is_ended_from_another_at_once(client, dan):
    other = Client()
    sign_in(client, dan)
    sign_in(other, dan)
    stolen = other.cookies[COOKIE].value
    row = UserSession.objects.get(session_key=stolen)
    assert client.post(f"/account/sessions/{row.pk}/end/").status_code == 302
    assert other.get("/account/")["Location"].startswith("/account/login/")
    assert not Session.objects.filter(session_key=stolen).exists()
    assert client.get("/account/").status_code == 200
    event = AuditEvent.objects.get(action="session.ended")
    assert (event.actor_id, event.data["owner"]) == (str(dan.pk), dan.pk)


def test_a53_nobody_ends_somebody_elses_session(client, dan, cast):
    mine = Client()
    sign_in(mine, dan)
    row = UserSession.objects.get(user=dan)
    for stranger in (cast.ada, cast.cleo):
        client.force_login(stranger)
        assert client.post(f"/account/sessions/{row.pk}/end/").status_code == 404
    assert mine.get("/account/").status_code == 200
    assert not AuditEvent.objects.filter(action="session.ended").exists()


def test_a53_a_get_ends_no_session(client, dan):
    sign_in(client, dan)
    row = UserSession.objects.get(user=dan)
    assert client.get(f"/account/sessions/{row.pk}/end/").status_code == 405
    assert client.get("/account/").status_code == 200


def test_a53_a_request_under_way_does_not_bring_an_ended_session_back(client, dan):
    sign_in(client, dan)
    client.get("/account/")
    under_way = client.session
    assert under_way["seen_at"], "it is read before the session ends"
    actions.end(session=UserSession.objects.get(user=dan), by=TESTER)
    under_way["late"] = "write"
    with pytest.raises(UpdateError):
        under_way.save()
    assert client.get("/account/").status_code == 302


def test_a53_a_new_password_ends_all_other_sessions(client, dan):
    other = Client()
    sign_in(client, dan)
    sign_in(other, dan)
    new = "four other words in a row"
    client.post("/account/password/change/", {"oldpassword": PASSWORD, "password1": new, "password2": new})
    assert other.get("/account/").status_code == 302


# A38: where a sign-in leads


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "https:evil",
        "/\t/evil.example",
    ],
)
def test_a38_next_leads_only_into_the_portal(client, dan, target):
    response = sign_in(client, dan, next=target)
    assert response.status_code == 302
    assert response["Location"] == "/"


def test_a38_next_leads_back_to_the_page(client, dan):
    assert sign_in(client, dan, next="/account/tokens/")["Location"] == "/account/tokens/"


# A52: deactivation


def test_a52_deactivation_ends_sessions_and_tokens_at_once_and_for_good(client, dan):
    sign_in(client, dan)
    secret = issue(dan).secret
    assert call(secret).status_code == 200
    people.deactivate(user=dan, by=TESTER)
    assert client.get("/account/").status_code == 302
    assert call(secret).status_code == 401
    people.activate(user=dan, by=TESTER)
    assert client.get("/account/").status_code == 302, "the old session came back to life"
    assert call(secret).status_code == 401, "the old token came back to life"


def test_a52_somebody_deactivated_cannot_sign_in(client, dan):
    people.deactivate(user=dan, by=TESTER)
    assert sign_in(client, dan)["Location"] != "/" if sign_in(client, dan).status_code == 302 else True
    assert client.get("/account/").status_code == 302


def test_a52_a_role_taken_away_narrows_the_token_at_once(cast):
    make_job("load-flights")
    secret = issue(cast.eun, "jobs:run").secret
    people.change(user=cast.eun, name="Eun Park", roles=[], teams=[], by=TESTER)
    response = Client().post(
        "/api/v1/jobs/load-flights/runs",
        "{}",
        "application/json",
        headers={"Authorization": f"Bearer {secret}"},
    )
    assert response.status_code == 403


def test_a52_a_role_taken_away_closes_its_pages_at_once(client, cast):
    client.force_login(cast.cleo)
    assert client.get("/people/").status_code == 200
    cast.dan.roles = [Role.ADMINISTRATOR]
    cast.dan.save()
    people.change(user=cast.cleo, name="Cleo Han", roles=[Role.LEAD], teams=[], by=TESTER)
    assert client.get("/people/").status_code == 403


# A54: API tokens


def test_a54_a_token_is_long_and_its_prefix_tells_what_it_is(cast):
    secret = issue(cast.dan).secret
    assert secret.startswith("ddesk_")
    assert len(secret) >= len("ddesk_") + 43
    assert len({ApiToken.new_secret() for _ in range(100)}) == 100


def test_a54_only_the_hash_is_stored(cast):
    issued = issue(cast.dan)
    assert issued.token.digest == hashlib.sha256(issued.secret.encode()).hexdigest()
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(t)::text FROM accounts_apitoken t")
        row = cursor.fetchone()[0]
        cursor.execute("SELECT coalesce(json_agg(t)::text, '') FROM audit_auditevent t")
        trail = cursor.fetchone()[0]
    assert issued.secret not in row + trail
    assert issued.secret[12:] not in row + trail


def test_a54_a_token_is_shown_once(client, cast):
    client.force_login(cast.dan)
    response = client.post("/account/tokens/add/", {"name": "ci", "scopes": ["jobs:read"], "days": "30"})
    secret = response.content.decode().partition(">ddesk_")[2].partition("<")[0]
    assert call(f"ddesk_{secret}").status_code == 200
    for path in ("/account/tokens/", "/account/", "/account/tokens/add/"):
        assert secret not in client.get(path).content.decode()


@pytest.mark.parametrize("place", ["query", "body", "cookie", "basic", "bare"])
def test_a54_a_token_counts_only_as_a_bearer_header(cast, place):
    secret = issue(cast.dan).secret
    client = Client()
    if place == "cookie":
        client.cookies["token"] = secret
        client.cookies[COOKIE] = secret
    headers = {"basic": {"Authorization": f"Basic {secret}"}, "bare": {"Authorization": secret}}.get(
        place, {}
    )
    query = f"?token={secret}&access_token={secret}&authorization=Bearer+{secret}" if place == "query" else ""
    body = {"access_token": secret} if place == "body" else {}
    assert (
        client.get(f"/api/v1/jobs{query}", body if place == "body" else None, headers=headers).status_code
        == 401
    )


def test_a54_a_token_opens_no_page(cast):
    response = call(issue(cast.cleo, "jobs:read").secret, "/people/")
    assert response["Location"].startswith("/account/login/")


def test_a54_an_expired_or_revoked_token_opens_nothing(cast):
    old, taken = issue(cast.dan), issue(cast.dan)
    assert call(old.secret).status_code == call(taken.secret).status_code == 200
    ApiToken.objects.filter(pk=old.token.pk).update(expires_at=timezone.now())
    tokens.revoke(token=taken.token, by=TESTER)
    assert call(old.secret).status_code == call(taken.secret).status_code == 401


@pytest.mark.parametrize(
    "secret", ["", "ddesk_", "ddesk_" + "a" * 43, "x" * 10_000, "ddesk_한글", "ddesk_a b"]
)
def test_a54_a_guess_gets_the_same_problem_as_any_other(db, secret):
    response = Client().get("/api/v1/jobs", headers={"Authorization": f"Bearer {secret}"})
    assert response.status_code == 401
    assert response["Content-Type"] == "application/problem+json"
    assert response["WWW-Authenticate"].startswith("Bearer")


def test_a54_use_is_noted_once_a_minute(cast, django_assert_num_queries):
    issued = issue(cast.dan)
    call(issued.secret)
    first = ApiToken.objects.get(pk=issued.token.pk).last_used_at
    assert first is not None
    call(issued.secret)
    assert ApiToken.objects.get(pk=issued.token.pk).last_used_at == first
    ApiToken.objects.filter(pk=issued.token.pk).update(last_used_at=first - timedelta(minutes=2))
    call(issued.secret)
    assert ApiToken.objects.filter(pk=issued.token.pk, last_used_at__gt=first).exists()


def test_a54_no_token_is_wider_than_its_owner(cast):
    with pytest.raises(ScopeTooWide):
        issue(cast.ada, "queries:run")
    with pytest.raises(ScopeTooWide):
        issue(cast.ada, "webhooks:write")
    with pytest.raises(UnknownScope):
        issue(cast.cleo, "everything:write")


def test_a54_a_token_runs_only_jobs_that_its_owner_may(cast):
    job, other = make_job("load-flights"), make_job("load-weather")
    job.runners.add(cast.ada)
    secret = issue(cast.ada, "jobs:run").secret
    answers = [
        Client()
        .post(
            f"/api/v1/jobs/{each.key}/runs",
            "{}",
            "application/json",
            headers={"Authorization": f"Bearer {secret}"},
        )
        .status_code
        for each in (job, other)
    ]
    assert answers == [201, 403]


def test_a54_the_form_offers_and_takes_only_what_the_owner_may(client, cast):
    client.force_login(cast.ada)
    assert b"queries:run" not in client.get("/account/tokens/add/").content
    for scope in ("queries:run", "webhooks:write"):
        client.post("/account/tokens/add/", {"name": "x", "days": "30", "scopes": [scope]})
    assert not ApiToken.objects.filter(owner=cast.ada).exists()


def test_a54_the_command_prints_the_secret_and_nothing_else(cast, capsys):
    call_command("create_token", "dan@example.com", "--name", "ci", "--scope", "jobs:read")
    assert call(capsys.readouterr().out.strip()).status_code == 200


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nobody@example.com", "--name", "x", "--scope", "jobs:read"], "Nobody active"),
        (["ada@example.com", "--name", "x", "--scope", "queries:run"], "may not do"),
        (["dan@example.com", "--name", "x", "--scope", "jobs:all"], "is not a scope"),
        (["dan@example.com", "--name", "x", "--scope", "jobs:read", "--days", "0"], "1 to 366"),
    ],
)
def test_a54_the_command_says_what_is_wrong(cast, arguments, words):
    with pytest.raises(CommandError, match=words):
        call_command("create_token", *arguments)


def test_a54_making_and_revoking_leaves_a_trace(cast):
    issued = issue(cast.dan)
    tokens.revoke(token=issued.token, by=Actor.person(cast.dan))
    tokens.revoke(token=issued.token, by=Actor.person(cast.dan))
    events = AuditEvent.objects.filter(object_kind="token").order_by("id")
    assert [event.action for event in events] == ["token.created", "token.revoked"]


# A51: the first administrator


def make_link() -> str:
    link = bootstrap.first_administrator_link()
    assert link is not None
    return link


def claim(client, link, email="root@example.com"):
    data = {"name": "Root", "email": email, "password": PASSWORD}
    return client.post(link.removeprefix(settings.PUBLIC_URL), data)


def test_a51_the_link_makes_one_administrator_and_signs_them_in(client, db):
    link = make_link()
    assert client.get(link.removeprefix(settings.PUBLIC_URL)).status_code == 200
    assert claim(client, link)["Location"] == "/"
    assert client.get("/people/").status_code == 200
    assert User.objects.administrators().get().email == "root@example.com"


def test_a51_a_used_link_is_gone(client, db):
    link = make_link()
    claim(client, link)
    again = Client()
    assert again.get(link.removeprefix(settings.PUBLIC_URL)).status_code == 404
    assert claim(again, link, "other@example.com").status_code == 404
    assert User.objects.count() == 1


def test_a51_there_is_no_link_once_somebody_is_administrator(cast):
    assert bootstrap.first_administrator_link() is None
    with pytest.raises(CommandError, match="administrator already"):
        call_command("first_administrator")


def test_a51_an_open_link_dies_when_an_administrator_appears(client, db):
    link = make_link()
    User.objects.create_user("cleo@example.com", name="Cleo", roles=[Role.ADMINISTRATOR])
    assert claim(client, link).status_code == 404


def test_a51_a_link_lasts_a_day(client, db):
    link = make_link()
    FirstAdministratorLink.objects.update(expires_at=timezone.now())
    assert claim(client, link).status_code == 404


def test_a51_a_new_link_replaces_the_old_one(client, db):
    old = make_link()
    bootstrap.first_administrator_link()
    assert claim(client, old).status_code == 404


def test_a51_the_link_is_not_stored(db):
    link = make_link()
    secret = link.rstrip("/").rpartition("/")[2]
    assert FirstAdministratorLink.objects.get().digest == hashlib.sha256(secret.encode()).hexdigest()


def test_a51_a_weak_password_is_refused_and_the_link_lives(client, db):
    link = make_link()
    path = link.removeprefix(settings.PUBLIC_URL)
    response = client.post(path, {"name": "Root", "email": "root@example.com", "password": "short"})
    assert response.status_code == 200
    assert claim(client, link).status_code == 302


@pytest.mark.django_db(transaction=True)
def test_a51_of_two_claims_at_once_one_wins():
    secret = make_link().rstrip("/").rpartition("/")[2]
    together = threading.Barrier(4)

    def race(number):
        together.wait()
        try:
            bootstrap.claim(secret=secret, email=f"r{number}@example.com", name="R", password=PASSWORD)
        except LinkGone:
            return "gone"
        finally:
            connection.close()
        return "won"

    with ThreadPoolExecutor(4) as pool:
        results = sorted(pool.map(race, range(4)))
    assert results == ["gone", "gone", "gone", "won"]
    assert User.objects.administrators().count() == 1


# A56: passwords


def test_a56_a_password_mail_names_our_own_host(client, dan, mailoutbox):
    client.post("/account/password/reset/", {"email": dan.email}, headers={"Host": "localhost"})
    assert f"{settings.PUBLIC_URL}{reverse('account_reset_password')}key/" in mailoutbox[0].body


def test_a56_a_stranger_and_a_known_person_get_the_same_answer(client, dan, mailoutbox):
    known = client.post("/account/password/reset/", {"email": dan.email})
    stranger = client.post("/account/password/reset/", {"email": "stranger@example.com"})
    assert (known.status_code, known["Location"]) == (stranger.status_code, stranger["Location"])
    assert len(mailoutbox) == 1


def test_a56_a_password_link_works_once(client, dan):
    link = people.set_password_link(user=dan, by=TESTER).removeprefix(settings.PUBLIC_URL)
    page = client.get(link)["Location"]
    new = "seven brave otters swim"
    assert client.post(page, {"password1": new, "password2": new}).status_code == 302
    assert sign_in(Client(), dan, new)["Location"] == "/"
    assert b"does not work any more" in Client().get(link, follow=True).content


def test_a56_there_is_no_sign_up(client, db):
    for path in ("/account/signup/", "/accounts/signup/", "/account/email/"):
        assert client.get(path).status_code == 404


# A59: guessing passwords


def test_a59_a_guesser_is_stopped_after_five_tries(client, dan):
    for _ in range(5):
        sign_in(client, dan, "wrong words entirely")
    response = sign_in(client, dan)
    assert response.status_code in {200, 429}
    assert client.get("/account/").status_code == 302


def test_a59_a_forged_forwarded_address_does_not_help_the_guesser(client, dan):
    for number in range(12):
        data = {"login": f"nobody{number}@example.com", "password": "x"}
        client.post("/account/login/", data, headers={"X-Forwarded-For": f"10.0.0.{number}"})
    data = {"login": "somebody@example.com", "password": "x"}
    answer = client.post("/account/login/", data, headers={"X-Forwarded-For": "10.9.9.9"})
    assert answer.status_code == 429 or b"Too many" in answer.content


# A67: hosts


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost@evil.example"])
def test_a67_a_foreign_host_is_refused(client, db, host):
    assert client.get("/account/login/", headers={"Host": host}).status_code == 400


def test_a67_forwarded_headers_change_nothing(client, db):
    headers = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"}
    response = client.get("/account/", headers=headers)
    assert response["Location"] == "/account/login/?next=/account/"


# The demonstration's sign-in


def test_a53_the_demo_signs_in_the_cast_on_this_machine(client, cast, settings):
    settings.DEMO_SIGN_IN = True
    assert b"Finn Oh" in client.get("/account/login/", headers={"Host": "localhost"}).content
    assert client.post("/demo/sign-in/", {"person": "finn"}, headers={"Host": "localhost"})["Location"] == "/"
    assert client.get("/account/").status_code == 200


@pytest.mark.parametrize(
    "request_of",
    [
        {"REMOTE_ADDR": "10.1.2.3"},
        {"REMOTE_ADDR": ""},
        {"HTTP_X_FORWARDED_FOR": "127.0.0.1"},
        {"HTTP_HOST": "desk.example"},
        {"HTTP_X_REAL_IP": "1.2.3.4"},
    ],
)
def test_a53_the_demo_sign_in_is_for_this_machine_only(client, cast, settings, request_of):
    settings.DEMO_SIGN_IN = True
    settings.ALLOWED_HOSTS = ["*"]
    given = {"HTTP_HOST": "localhost", **request_of}
    assert b"Finn Oh" not in client.get("/account/login/", **given).content
    assert client.post("/demo/sign-in/", {"person": "finn"}, **given).status_code == 404


def test_a53_there_is_no_demo_sign_in_outside_demo_mode(client, cast, settings):
    settings.DEMO_SIGN_IN = False
    assert b"Finn Oh" not in client.get("/account/login/").content
    assert client.post("/demo/sign-in/", {"person": "finn"}, headers={"Host": "localhost"}).status_code == 404


def test_a53_the_demo_sign_in_needs_its_form(cast, settings):
    settings.DEMO_SIGN_IN = True
    client = Client(enforce_csrf_checks=True)
    assert client.post("/demo/sign-in/", {"person": "finn"}, headers={"Host": "localhost"}).status_code == 403
