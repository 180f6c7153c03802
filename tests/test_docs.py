"""What README and docs show is run or resolved."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import get_commands
from django.urls import get_resolver

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(r"^```(?:sh|bash|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)(?:#[^)]*)?\)")


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def commands(page: Path) -> Iterator[str]:
    for block in FENCE.findall(page.read_text()):
        for line in block.splitlines():
            text = line.strip().removeprefix("$ ")
            if text and not text.startswith("#"):
                yield text


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_each_link_to_a_file_leads_somewhere(page: Path) -> None:
    broken = [target for target in LINK.findall(page.read_text()) if not (page.parent / target).exists()]
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_each_command_that_is_shown_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    known = get_commands()
    for command in commands(page):
        if made := re.search(r"(?:^|\s)make ((?:[a-z-]+)(?:\s[a-z-]+)*)", command):
            assert set(made.group(1).split()) <= targets, command
        if managed := re.search(r"manage\.py (\w+)", command):
            assert managed.group(1) in known, command


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_each_path_in_code_letters_exists(page: Path) -> None:
    paths = re.findall(r"`((?:portal|catalog|jobs|requests_app|tests|docs)/[\w./*-]+)`", page.read_text())
    missing = [path for path in paths if not list(ROOT.glob(path.rstrip("/")))]
    assert missing == []


def test_each_api_route_in_the_docs_is_served() -> None:
    text = (ROOT / "docs" / "api.md").read_text()
    shown = set(re.findall(r"`(?:GET|POST) (/api/[^`?]*)", text))
    assert shown
    for route in shown:
        example = re.sub(
            r"\{id\}", "019ab0f2-0000-7000-8000-000000000000", re.sub(r"\{key\}", "load-flights", route)
        )
        get_resolver().resolve(
            example.replace("{kind}", "dataset").replace("{number}", "2043").replace("{name}", "reply")
        )


def test_each_setting_is_documented_and_each_documented_setting_is_read() -> None:
    readers = re.compile(r"(?:conf\.)?\b(?:text|integer|word|hosts|packages|git_address)\(\s*\"([A-Z_]+)\"")
    code = [path.read_text() for path in (ROOT / "portal").rglob("*.py")]
    read = {found for text in code for found in readers.findall(text)}
    table = (ROOT / "docs" / "configuration.md").read_text()
    documented = set(re.findall(r"^\| `([A-Z_]+)`", table, re.MULTILINE))
    assert documented == read


def test_the_picture_in_the_readme_is_there() -> None:
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", (ROOT / "README.md").read_text())
    assert pictures
    assert all((ROOT / picture).stat().st_size > 10_000 for picture in pictures)
