"""Every template keeps to the policy: no inline style, no handler, nothing that htmx would evaluate."""

import re
from pathlib import Path

import pytest
from django.template import Context, Template
from django.utils import translation

from portal.configuration import ROOT

TEMPLATES = sorted(
    path
    for folder in ("portal", "catalog", "jobs", "requests_app")
    for path in (ROOT / folder).rglob("templates/**/*.html")
)
FORBIDDEN = {
    "an inline style": re.compile(r"\sstyle\s*=", re.IGNORECASE),
    "a style element": re.compile(r"<style", re.IGNORECASE),
    "an inline handler": re.compile(r"\son[a-z]+\s*=", re.IGNORECASE),
    "hx-on": re.compile(r"\shx-on", re.IGNORECASE),
    "js: or javascript:": re.compile(r"""["'](js|javascript):""", re.IGNORECASE),
    "an htmx filter": re.compile(r"""hx-trigger\s*=\s*("[^"]*\[|'[^']*\[)"""),
    "hx-vals that are evaluated": re.compile(r"hx-(vars|eval)"),
    "a script without src": re.compile(r"<script(?![^>]*\ssrc=)", re.IGNORECASE),
}


def of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", TEMPLATES, ids=of)
def test_a_template_holds_nothing_that_the_policy_forbids(path):
    # Arguments of tags are no attributes: {% include … with one=… %}.
    text = re.sub(r"{%.*?%}", "", path.read_text())
    found = [name for name, pattern in FORBIDDEN.items() if pattern.search(text)]
    assert not found


@pytest.mark.parametrize("path", TEMPLATES, ids=of)
def test_a_template_is_short(path):
    assert len(path.read_text().splitlines()) <= 150


@pytest.mark.parametrize("path", TEMPLATES, ids=of)
def test_a_comment_ends_on_its_line(path):
    """Django's {# #} spans one line only; a longer one would be shown to readers."""
    for line in path.read_text().splitlines():
        assert line.count("{#") == line.count("#}")


@pytest.mark.parametrize("path", [path for path in TEMPLATES if path.parent.name == "components"], ids=of)
def test_a_component_says_on_top_what_it_is_and_takes(path):
    assert path.read_text().startswith(("{#", "{% comment %}"))


def test_the_patterns_find_what_they_look_for():
    bad = (
        '<p style="x">', "<style>", '<p onclick="x">', '<p hx-on:click="x">', '<a href="javascript:x">',
        '<p hx-trigger="click[ctrlKey]">', '<p hx-vars="x">', "<script>",
    )  # fmt: skip
    assert all(pattern.search(text) for pattern, text in zip(FORBIDDEN.values(), bad, strict=True))


SAME = sorted({part for path in TEMPLATES for part in re.findall(r'{% same "([^"]+)" %}', path.read_text())})


@pytest.mark.parametrize("part", SAME)
def test_a_part_that_is_the_same_on_every_page_uses_nothing_of_the_page(part):
    text = (ROOT / "portal" / "templates" / part).read_text()
    used = re.findall(r"{{|{% (?:if|for|with|include|csrf_token|csrf_field|query)\b", text)
    assert not used, "it is drawn once for everybody who reads this language"


def test_a_part_that_is_the_same_on_every_page_is_drawn_in_the_readers_language():
    template = Template('{% same "parts/keys.html" %}')
    with translation.override("en"):
        english = template.render(Context())
        assert ">Keyboard<" in english
    with translation.override("ko"):
        assert ">Keyboard<" not in template.render(Context())
    with translation.override("en"):
        assert template.render(Context()) == english
