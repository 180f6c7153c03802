"""/account/sessions/: where one is signed in."""

from datetime import timedelta

import pytest
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from portal.accounts.devices import device_of
from portal.audit.models import AuditEvent

FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:150.0) Gecko/20100101 Firefox/150.0"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.0 Mobile/15E148 Safari/604.1"
)


def sign_in(user, agent, address):
    """Return a browser of this person, as it is after its first page."""
    browser = Client(headers={"User-Agent": agent}, REMOTE_ADDR=address)
    browser.force_login(user)
    assert browser.get("/account/").status_code == 200
    return browser


@pytest.fixture
def office(cast):
    return sign_in(cast.dan, FIREFOX, "192.0.2.1")


@pytest.fixture
def phone(cast):
    return sign_in(cast.dan, IPHONE, "192.0.2.2")


def key_of(browser):
    return browser.cookies[settings.SESSION_COOKIE_NAME].value


def row_of(browser):
    return UserSession.objects.get(session_key=key_of(browser))


def listed(browser):
    return browser.get("/account/sessions/").context["sessions"]


def test_it_shows_device_address_and_which_one_this_is(office, phone):
    page = office.get("/account/sessions/").content.decode()
    assert page.index("Firefox, Windows") < page.index("Safari, iPhone"), "this one stands first"
    assert "192.0.2.1" in page
    assert "192.0.2.2" in page
    assert page.count("This one") == 1
    assert [session.current for session in listed(office)] == [True, False]
    assert [session.device for session in listed(phone)] == ["Safari, iPhone", "Firefox, Windows"]


def test_this_one_has_no_button(office, phone):
    page = office.get("/account/sessions/").content.decode()
    assert f'action="/account/sessions/{row_of(phone).pk}/end/"' in page
    assert f'action="/account/sessions/{row_of(office).pk}/end/"' not in page


def test_who_is_signed_in_nowhere_else_is_told_so(office):
    page = office.get("/account/sessions/").content.decode()
    assert "You are signed in nowhere else." in page
    assert "Sign out everywhere else" not in page


def test_others_do_not_see_them(office, client, cast):
    client.force_login(cast.cleo)
    assert "192.0.2.1" not in client.get("/account/sessions/").content.decode()


def test_no_session_key_stands_in_the_page(office, phone):
    page = office.get("/account/sessions/").content.decode()
    assert key_of(office) not in page
    assert key_of(phone) not in page


def test_ending_one_leads_back_and_is_recorded(office, phone):
    row = row_of(phone)
    answer = office.post(f"/account/sessions/{row.pk}/end/", follow=True)
    assert answer.redirect_chain == [("/account/sessions/", 302)]
    assert "Safari, iPhone is signed out." in answer.content.decode()
    event = AuditEvent.objects.get(action="session.ended")
    assert (event.object_id, event.object_label) == (str(row.pk), "Safari, iPhone")
    assert event.data["address"] == "192.0.2.2"
    assert phone.get("/account/")["Location"] == "/account/login/?next=/account/"


def test_ending_twice_is_a_404_and_recorded_once(office, phone):
    address = f"/account/sessions/{row_of(phone).pk}/end/"
    assert office.post(address).status_code == 302
    assert office.post(address).status_code == 404
    assert AuditEvent.objects.filter(action="session.ended").count() == 1


def test_ending_this_very_one_leads_to_the_sign_in(office):
    answer = office.post(f"/account/sessions/{row_of(office).pk}/end/")
    assert answer["Location"] == "/account/login/"
    assert office.get("/account/").status_code == 302


def test_an_id_that_cannot_be_is_a_404(office):
    assert office.post("/account/sessions/99999999999999999999/end/").status_code == 404


def test_signing_out_everywhere_else_keeps_this_one_in_the_list(office, phone, cast):
    before = row_of(office)
    assert office.post("/account/sign-out-everywhere/")["Location"] == "/account/sessions/"
    assert [(session.pk, session.current) for session in listed(office)] == [(before.pk, True)]
    assert listed(office)[0].since == before.created_at
    assert phone.get("/account/").status_code == 302
    assert Session.objects.count() == 1


@pytest.mark.parametrize(
    ("name", "value"), [("seen_at", 0), ("signed_in_at", 0), ("_auth_user_hash", "of another password")]
)
def test_dead_sessions_are_not_listed(office, phone, name, value):
    session = phone.session
    session[name] = value
    session.save()
    assert [session.device for session in listed(office)] == ["Firefox, Windows"]


def test_an_expired_session_is_not_listed(office, phone):
    Session.objects.filter(session_key=key_of(phone)).update(
        expire_date=timezone.now() - timedelta(seconds=1)
    )
    assert [session.device for session in listed(office)] == ["Firefox, Windows"]


def test_being_seen_is_written_once_a_minute_at_most(office, django_assert_num_queries):
    long_ago = timezone.now() - timedelta(hours=1)
    UserSession.objects.update(last_seen_at=long_ago)
    # Session, person, teams, tokens: the queries of the page, no write among them.
    with django_assert_num_queries(4) as seen:
        office.get("/account/")
    assert not [query for query in seen if not query["sql"].startswith("SELECT")]
    assert row_of(office).last_seen_at == long_ago
    session = office.session
    session["seen_at"] -= 61
    session.save()
    office.get("/account/", REMOTE_ADDR="192.0.2.9")
    assert row_of(office).last_seen_at > long_ago
    assert row_of(office).ip == "192.0.2.9"


def test_the_number_of_queries_does_not_grow(office, phone, cast, django_assert_num_queries):
    with django_assert_num_queries(4):
        office.get("/account/sessions/")
    for number in range(5):
        sign_in(cast.dan, FIREFOX, f"192.0.2.{10 + number}")
    with django_assert_num_queries(4):
        assert len(listed(office)) == 7


def test_signing_in_as_one_of_the_cast_is_listed_at_once(client, cast, settings):
    settings.DEMO_SIGN_IN = True
    headers = {"User-Agent": FIREFOX, "Host": "localhost"}
    assert client.post("/demo/sign-in/", {"person": "dan"}, headers=headers)["Location"] == "/"
    assert UserSession.objects.get(user=cast.dan).user_agent == FIREFOX


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (FIREFOX, "Firefox, Windows"),
        (IPHONE, "Safari, iPhone"),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36", "Chrome, Linux"),
        (
            "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0",
            "Edge, Windows",
        ),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Chrome/140.0 Whale/4.3 Safari/537.36",
            "Whale, macOS",
        ),
        (
            "Mozilla/5.0 (Linux; Android 15; SM-S921N) SamsungBrowser/27.0 Chrome/125.0",
            "Samsung Internet, Android",
        ),
        ("curl/8.7.1", "curl"),
        ("", "Unknown device"),
        ("<script>alert(1)</script>", "Unknown device"),
    ],
)
def test_a_device_is_named_in_short(agent, words):
    assert device_of(agent) == words


@pytest.mark.parametrize(("proxies", "address"), [(0, "192.0.2.1"), (1, "198.51.100.7")])
def test_the_address_is_the_one_our_own_proxy_saw(cast, settings, proxies, address):
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = proxies
    browser = Client(headers={"X-Forwarded-For": "203.0.113.66, 198.51.100.7"}, REMOTE_ADDR="192.0.2.1")
    browser.force_login(cast.dan)
    assert [session.address for session in listed(browser)] == [address]
