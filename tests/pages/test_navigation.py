"""Where the rail becomes tabs, everything else stands in the person's menu: no page is out of reach."""

import re

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("who", ["ada", "ben", "cleo", "dan"])
def test_every_entry_of_the_rail_is_a_tab_or_stands_in_the_menu(client, cast, who):
    client.force_login(getattr(cast, who))
    page = client.get("/").content.decode()
    rail = page[page.index('<nav class="rail"') : page.index("</nav>")]
    tabs = set(re.findall(r'class="item" href="([^"]+)"', rail))
    hidden = set(re.findall(r'class="item more" href="([^"]+)"', rail))
    menu = page[page.index('id="person"') :]
    menu = menu[: menu.index('href="/account/"')]
    assert "/reports/" in tabs
    assert hidden == set(re.findall(r'class="menu-item" href="([^"]+)"', menu))


def test_rail_and_bar_are_the_readers_own(client, cast):
    for who in (cast.ada, cast.ben, cast.ada):
        client.force_login(who)
        page = client.get("/").content.decode()
        assert re.findall(r'class="menu-head"><b>([^<]+)</b><span class="small muted">([^<]+)<', page) == [
            (who.name, who.email)
        ]


def test_they_follow_what_changes(client, cast, django_capture_on_commit_callbacks):
    client.force_login(cast.dan)
    before = client.get("/jobs/").content.decode()
    cast.dan.name, cast.dan.language = "<Dan> Seo-Park", "ko"
    cast.dan.save()
    with django_capture_on_commit_callbacks(execute=True):
        client.post("/account/views/add/", {"name": "My <own>", "here": "/jobs/?state=failed"})
    client.cookies["desk-theme"] = "dark"
    page = client.get("/jobs/?state=failed").content.decode()
    assert "&lt;Dan&gt; Seo-Park" in page
    assert "<Dan>" not in page
    assert page.count('<span class="cut">My &lt;own&gt;</span>') == 2
    assert 'value="dark" aria-pressed="true"' in page
    assert 'value="dark" aria-pressed="true"' not in before
    assert ">작업<" in page
    assert ">작업<" not in before
    assert 'aria-current="page"><svg' not in client.get("/account/").content.decode()


def test_the_search_field_holds_what_was_sought_on_the_search_page_alone(client, cast):
    client.force_login(cast.dan)
    field = "data-search>"
    for path, value in (
        ("/find/?q=%22%3E%3Cb%3E", 'value="&quot;&gt;&lt;b&gt;"'),
        ("/jobs/?q=x", 'value=""'),
    ):
        page = client.get(path).content.decode()
        assert value in page[: page.index(field)][-200:]


@pytest.mark.parametrize("signed_in", [True, False])
def test_the_switches_of_a_page_carry_its_token(cast, signed_in):
    strict = Client(enforce_csrf_checks=True)
    if signed_in:
        strict.force_login(cast.dan)
    page = strict.get("/" if signed_in else "/account/login/").content.decode()
    forms = dict(re.findall(r'<form id="(\w+)" method="post" action="([^"]+)" hidden>', page))
    assert set(forms) == ({"switches", "leave"} if signed_in else {"switches"})
    assert set(re.findall(r'form="(\w+)"', page)) == set(forms)
    token = re.search(r'<form id="switches".*?name="csrfmiddlewaretoken" value="(\w+)"', page)
    assert token
    given = {"csrfmiddlewaretoken": token[1], "language": "ko", "next": "/jobs/"}
    answer = strict.post("/language/", given)
    assert (answer.status_code, answer["Location"]) == (302, "/jobs/")
    if signed_in:
        strict.post(forms["leave"], {"csrfmiddlewaretoken": token[1]})
        assert strict.get("/").status_code == 302
