"""The way in: /account/login/, /account/logout/, passwords."""

import pytest
from django.core.cache import cache

PASSWORD = "four words in a row"


@pytest.fixture
def finn(cast):
    cache.clear()
    cast.finn.set_password(PASSWORD)
    cast.finn.save()
    return cast.finn


def test_a_visitor_is_led_to_the_sign_in_and_back(client, finn):
    response = client.get("/account/tokens/?x=1")
    assert response["Location"] == "/account/login/?next=/account/tokens/%3Fx%3D1"
    page = client.get(response["Location"])
    assert b'name="next" value="/account/tokens/?x=1"' in page.content
    data = {"login": "finn@example.com", "password": PASSWORD, "next": "/account/tokens/?x=1"}
    assert client.post("/account/login/", data)["Location"] == "/account/tokens/?x=1"


def test_a_form_sent_after_the_session_ended_leads_home_not_to_its_own_address(client, db):
    assert client.post("/account/sign-out-everywhere/")["Location"] == "/account/login/?next=/"


def test_a_fragment_makes_the_whole_page_go_to_the_sign_in(client, db):
    headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/people/?q=a"}
    response = client.get("/people/", headers=headers)
    assert response.status_code == 204
    assert response["HX-Redirect"] == "/account/login/?next=/people/%3Fq%3Da"


def test_a_fragment_never_leads_to_another_host(client, db):
    headers = {"HX-Request": "true", "HX-Current-URL": "https://evil.example//evil.example/x"}
    response = client.get("/people/", headers=headers)
    assert response["HX-Redirect"].startswith("/account/login/?next=")


def test_a_wrong_password_keeps_the_e_mail_and_says_so(client, finn):
    response = client.post("/account/login/", {"login": "finn@example.com", "password": "wrong"})
    assert response.status_code == 200
    assert b'value="finn@example.com"' in response.content
    assert b'class="note t-bad"' in response.content
    assert b"wrong" not in response.content


def test_the_e_mail_is_taken_in_any_case(client, finn):
    data = {"login": "Finn@Example.com", "password": PASSWORD}
    assert client.post("/account/login/", data)["Location"] == "/"


def test_it_shows_the_page_in_korean(client, db):
    page = client.get("/account/login/", headers={"Accept-Language": "ko"}).content.decode()
    assert 'lang="ko"' in page


def test_signing_out_asks_first(client, finn):
    client.force_login(finn)
    assert b"<form" in client.get("/account/logout/").content
    assert client.post("/account/logout/")["Location"] == "/account/login/"


def test_the_password_page_changes_the_password(client, finn):
    client.force_login(finn)
    new = "seven brave otters swim"
    data = {"oldpassword": PASSWORD, "password1": new, "password2": new}
    assert client.get("/account/password/change/").status_code == 200
    assert client.post("/account/password/change/", data).status_code == 302
    cache.clear()
    assert client.post("/account/login/", {"login": "finn@example.com", "password": new})["Location"] == "/"


def test_a_weak_password_is_refused_with_a_reason(client, finn):
    client.force_login(finn)
    data = {"oldpassword": PASSWORD, "password1": "short", "password2": "short"}
    response = client.post("/account/password/change/", data)
    assert response.status_code == 200
    assert b"12" in response.content


@pytest.mark.parametrize(
    "path",
    [
        "/account/password/reset/",
        "/account/password/reset/done/",
        "/account/password/reset/key/zzz-nothing/",
        "/account/password/reset/key/done/",
        "/account/inactive/",
    ],
)
def test_each_page_of_a_forgotten_password_has_one_heading_and_a_way_on(client, db, path):
    page = client.get(path).content.decode()
    assert page.count("<h1") == 1
    assert 'class="btn' in page


def test_too_many_tries_get_a_page_of_ours(client, db):
    cache.clear()
    for number in range(40):
        data = {"login": f"n{number}@example.com", "password": "x"}
        response = client.post("/account/login/", data)
        if response.status_code == 429:
            break
    assert response.status_code == 429
    assert b"Too many tries" in response.content
