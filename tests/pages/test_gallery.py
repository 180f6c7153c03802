"""/ui/ shows every component."""

import re

import pytest

from portal.configuration import ROOT

COMPONENTS = sorted(path.name for path in (ROOT / "portal/templates/components").glob("*.html"))


def test_a_stranger_is_sent_to_sign_in(client, db):
    response = client.get("/ui/")
    assert response.status_code == 302
    assert response.url == "/account/login/?next=/ui/"


def test_it_rejects_post(client, cast):
    client.force_login(cast.dan)
    assert client.post("/ui/").status_code == 405


@pytest.mark.parametrize("language", ["en", "ko"])
def test_it_draws_in_both_languages(client, cast, language):
    cast.dan.language = language
    cast.dan.save()
    client.force_login(cast.dan)
    page = client.get("/ui/").content.decode()
    assert f'<html lang="{language}"' in page
    assert {"en": "1 min 12 s", "ko": "1분 12초"}[language] in page.replace("\u00a0", " ")
    assert "style=" not in page


@pytest.mark.parametrize("name", COMPONENTS)
def test_every_component_stands_in_it(client, cast, name):
    client.force_login(cast.dan)
    drawn = {template.name for template in client.get("/ui/").templates}
    assert f"components/{name}" in drawn


def test_its_icons_are_in_the_sprite(client, cast):
    client.force_login(cast.dan)
    page = client.get("/ui/").content.decode()
    used = set(re.findall(r'<use href="#([\w-]+)"', page))
    known = set(re.findall(r'<symbol id="([\w-]+)"', page))
    assert used <= known


def test_ids_are_given_once(client, cast):
    client.force_login(cast.dan)
    page = client.get("/ui/").content.decode()
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_it_needs_few_queries(client, cast, django_assert_max_num_queries):
    client.force_login(cast.dan)
    client.get("/ui/")
    with django_assert_max_num_queries(3):
        client.get("/ui/")


def test_people_see_the_entries_that_they_may_use(client, cast):
    client.force_login(cast.ada)
    assert 'href="/people/"' not in client.get("/ui/").content.decode()
    client.force_login(cast.cleo)
    assert 'href="/people/"' in client.get("/ui/").content.decode()
