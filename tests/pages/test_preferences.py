"""POST /language/ and /theme/: how somebody wants to see the portal."""

import pytest
from django.conf import settings
from django.test import Client


def test_the_language_follows_accept_language_until_somebody_chooses(client, db):
    page = client.get("/account/login/", HTTP_ACCEPT_LANGUAGE="ko-KR,ko;q=0.9")
    assert '<html lang="ko"' in page.content.decode()
    assert page["Content-Language"] == "ko"
    client.post("/language/", {"language": "en"})
    page = client.get("/account/login/", HTTP_ACCEPT_LANGUAGE="ko-KR,ko;q=0.9")
    assert '<html lang="en"' in page.content.decode()


def test_the_language_of_somebody_signed_in_is_kept_on_their_account(client, cast):
    client.force_login(cast.dan)
    response = client.post("/language/", {"language": "ko", "next": "/ui/"})
    assert (response.status_code, response.url) == (302, "/ui/")
    cast.dan.refresh_from_db()
    assert cast.dan.language == "ko"
    elsewhere = Client()
    elsewhere.force_login(cast.dan)
    assert '<html lang="ko"' in elsewhere.get("/ui/").content.decode()


def test_the_accounts_language_wins_over_the_cookie(client, cast):
    cast.dan.language = "ko"
    cast.dan.save()
    client.force_login(cast.dan)
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = "en"
    assert '<html lang="ko"' in client.get("/ui/").content.decode()


def test_an_unknown_language_changes_nothing(client, cast):
    client.force_login(cast.dan)
    assert client.post("/language/", {"language": "xx"}).status_code == 400
    cast.dan.refresh_from_db()
    assert cast.dan.language == ""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_theme_is_in_the_page_from_the_first_byte(client, cast, theme):
    client.force_login(cast.dan)
    assert "data-theme" not in client.get("/ui/").content.decode().split("<head>")[0]
    response = client.post("/theme/", {"theme": theme, "next": "/ui/"})
    assert (response.status_code, response.url) == (302, "/ui/")
    assert f'data-theme="{theme}"' in client.get("/ui/").content.decode().split("<head>")[0]


def test_the_system_decides_again(client, cast):
    client.force_login(cast.dan)
    client.post("/theme/", {"theme": "dark"})
    client.post("/theme/", {"theme": "system"})
    assert "data-theme" not in client.get("/ui/").content.decode().split("<head>")[0]


def test_a_theme_from_a_forged_cookie_reaches_no_page(client, cast):
    client.force_login(cast.dan)
    client.cookies[settings.THEME_COOKIE_NAME] = "dark onload=x"
    assert "onload" not in client.get("/ui/").content.decode()


@pytest.mark.parametrize("path", ["/language/", "/theme/"])
@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", ""])
def test_the_way_back_never_leads_to_another_host(client, db, path, target):
    response = client.post(path, {"language": "ko", "theme": "dark", "next": target})
    assert response.url == "/"


@pytest.mark.parametrize("path", ["/language/", "/theme/"])
def test_it_rejects_get(client, db, path):
    assert client.get(path).status_code == 405


@pytest.mark.parametrize("path", ["/language/", "/theme/"])
def test_a_foreign_form_is_refused(db, path):
    strict = Client(enforce_csrf_checks=True)
    response = strict.post(path, {"language": "ko", "theme": "dark"})
    assert response.status_code == 403
    assert "open too long" in response.content.decode()


def test_times_are_shown_in_the_readers_zone(client, cast):
    cast.dan.time_zone = "Nowhere/Atlantis"
    cast.dan.save()
    client.force_login(cast.dan)
    assert client.get("/ui/").status_code == 200
