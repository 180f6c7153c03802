"""/api/docs/: the API's page."""

import html
import re
from pathlib import Path

import pytest

from portal.api import reference
from portal.api.schema import document


@pytest.fixture
def page(client, cast):
    client.force_login(cast.dan)
    return client.get("/api/docs/").content.decode()


def test_it_shows_every_call_with_an_example_to_copy(page):
    calls = [endpoint for group in reference.groups() for endpoint in group.endpoints]
    assert len(calls) >= 7
    for endpoint in calls:
        assert f'id="{endpoint.id}"' in page
        assert endpoint.path in page
        assert endpoint.scope in page
        assert endpoint.curl.startswith("curl")


def test_what_it_says_can_be_translated(client, cast, monkeypatch):
    client.force_login(cast.dan)
    said = {f"⟨{html.escape(text)}⟩" for text in reference.texts() if text}
    said = {re.sub("``(.+?)``", r"<code>\1</code>", text) for text in said}
    monkeypatch.setattr("django.utils.translation._trans.gettext", lambda text: f"⟨{text}⟩")
    page = client.get("/api/docs/").content.decode()
    assert {text for text in said if text not in page} == set()


def test_no_id_is_there_twice(page):
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_every_problem_is_explained_where_its_type_points(page):
    assert 'id="problem-404"' in page
    assert 'id="problem-validation"' in page
    kinds = set(re.findall(r'kind="(problem-[a-z]+)"', "".join(Path(path).read_text() for path in SOURCES)))
    for kind in kinds:
        assert f'id="{kind}"' in page, kind


SOURCES = [
    "jobs/api/views.py",
    "portal/api/pagination.py",
    "portal/api/idempotency.py",
    "portal/api/problems.py",
]


def test_it_needs_no_inline_script_or_style(page):
    assert not re.search(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)", page)
    assert "style=" not in page
    assert not re.search(r"\son[a-z]+=", page)


def test_the_example_of_a_trigger_is_json_that_the_api_takes():
    calls = {endpoint.path: endpoint for group in reference.groups() for endpoint in group.endpoints}
    assert "params" in calls["/api/v1/jobs/{key}/runs"].body


def test_the_page_and_the_description_name_the_same_addresses(page):
    for path in document()["paths"]:
        assert path in page
