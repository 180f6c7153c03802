"""What people write and send: A34 (scripts), A35 (links), A36 (files), A46 (names), A48 (bombs)."""

import gzip
import io
import resource
import time
import zipfile
from html.parser import HTMLParser

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from portal.discussion.choices import MediaType
from portal.discussion.files import ATTACHMENTS
from portal.discussion.models import Attachment
from portal.discussion.sniffing import sniff
from portal.storage import FileTooLarge, shown_name
from portal.ui import markdown
from tests.conftest import Cast
from tests.factories import catalog
from tests.factories.discussion import PNG
from tests.security.xss import ADDRESSES, corpus

URL = "/discussion/dataset/flights/"
ALLOWED = {
    "a": {"href", "rel", "title"},
    "img": {"src", "alt", "loading"},
    "code": {"class"},
    "ol": {"start"},
}
TAGS = {
    *(
        "p",
        "br",
        "hr",
        "strong",
        "em",
        "s",
        "mark",
        "code",
        "pre",
        "blockquote",
        "a",
        "img",
        "ul",
        "ol",
        "li",
    ),
    *("h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td"),
}


class Shape(HTMLParser):
    """The tags of a page with the names of their attributes, and where its links lead."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, frozenset[str]]] = []
        self.addresses: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, frozenset(name for name, _value in attrs)))
        self.addresses += [value or "" for name, value in attrs if name in {"href", "src", "action"}]


def test_a34_the_corpus_is_large_enough() -> None:
    assert len(corpus()) >= 200


@pytest.mark.parametrize("text", corpus())
def test_a34_markdown_lets_no_script_through(text: str) -> None:
    shape = Shape(markdown.render(text))
    for tag, names in shape.tags:
        assert tag in TAGS
        assert names <= ALLOWED.get(tag, set())
    assert all(markdown.safe_address(address) for address in shape.addresses)


@pytest.mark.parametrize("address", ADDRESSES)
def test_a35_a_bad_address_is_no_link(address: str) -> None:
    for text in (f"[x]({address})", f"![x]({address})", f"<{address}>", f"see {address}"):
        for found in Shape(markdown.render(text)).addresses:
            assert found.startswith(("https://x.example", "/%09/", "/%5C")), found


def test_a35_a_foreign_picture_becomes_a_link_and_our_own_stays() -> None:
    own = "/discussion/attachments/01939f6e-5e7a-7c3a-9b1d-3f0f7f2f8a10/"
    assert "<img" not in markdown.render("![x](https://evil.example/pixel.png)")
    assert "<img" not in markdown.render("![x](/account/logout/)")
    assert f'<img src="{own}"' in markdown.render(f"![x]({own})")
    assert 'rel="noopener noreferrer nofollow"' in markdown.render("https://x.example")


@pytest.fixture
def ben(client: Client, cast: Cast) -> Client:
    client.force_login(cast.ben)
    return client


@pytest.mark.django_db
def test_a34_names_and_words_change_nothing_in_the_page(client: Client, cast: Cast) -> None:
    """The page has the same tags and attributes whatever people, things and files are called."""
    asset = catalog.dataset("flights", owner=cast.cleo).asset
    client.force_login(cast.ada)
    file = SimpleUploadedFile("name.txt", b"words")
    client.post(URL, {"body": "words", "once": "1", "files": file})
    plain = Shape(client.get(URL).content.decode()).tags
    for text in corpus()[::7]:
        named = text[:150].replace("\x00", "")
        Attachment.objects.update(name=named)
        type(cast.cleo).objects.filter(pk=cast.cleo.pk).update(name=named)
        type(asset).objects.filter(pk=asset.pk).update(name_en=named)
        page = client.get(URL).content.decode()
        assert Shape(page).tags == plain, text


def send(client: Client, name: str, body: bytes) -> Attachment:
    answer = client.post(f"{URL}files/", {"file": SimpleUploadedFile(name, body, content_type="text/html")})
    assert answer.status_code == 201, answer.content
    return Attachment.objects.latest("created_at")


INERT = {
    "page.html": b"<script>alert(1)</script>",
    "drawing.svg": b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
    "paper.pdf": b"%PDF-1.7 /JS (app.alert(1))",
    "looks-like.png": b"<html><script>alert(1)</script>",
    "torn.png": PNG[:14],
    "script.js": b"alert(1)",
}


@pytest.mark.django_db
@pytest.mark.parametrize("name", INERT)
def test_a36_what_is_no_picture_is_only_saved(ben: Client, name: str) -> None:
    catalog.dataset("flights")
    answer = ben.get(send(ben, name, INERT[name]).url)
    assert answer.getvalue() == INERT[name]
    assert answer["Content-Disposition"].startswith("attachment;")
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert answer["Cross-Origin-Resource-Policy"] == "same-origin"


@pytest.mark.django_db
def test_a36_a_picture_is_shown_under_the_same_policy(ben: Client) -> None:
    catalog.dataset("flights")
    answer = ben.get(send(ben, "chart.html", PNG + b"<script>alert(1)</script>").url)
    assert answer["Content-Type"] == "image/png"
    assert answer["Content-Disposition"].startswith("inline;")
    assert answer["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert answer.getvalue().startswith(PNG)


NAMES = {
    "../../etc/passwd": "passwd",
    "..\\..\\windows\\win.ini": "win.ini",
    "/etc/shadow": "shadow",
    "C:\\boot.ini": "boot.ini",
    "a\x00.html": "a.html",
    "..": "file",
    ".": "file",
    "": "file",
    "\u202egnp.exe": "gnp.exe",
    "a\r\nSet-Cookie: x=1": "aSet-Cookie: x=1",
    "보고서 1월.pdf": "보고서 1월.pdf",
    "PASSWD": "PASSWD",
}


@pytest.mark.django_db
@pytest.mark.parametrize("name", NAMES)
def test_a46_a_name_is_only_ever_shown(ben: Client, cast: Cast, name: str) -> None:
    assert shown_name(name) == NAMES[name]
    catalog.dataset("flights")
    kept = send(ben, name if name.strip(".") else "x", b"words")
    assert len(kept.stored) == 32
    assert set(kept.stored) <= set("0123456789abcdef")
    answer = ben.get(kept.url)
    assert answer["Content-Disposition"].isascii()
    assert "\n" not in answer["Content-Disposition"]
    assert answer.getvalue() == b"words"


def test_a46_a_long_name_keeps_its_end() -> None:
    shown = shown_name("x" * 5000 + ".xlsx")
    assert len(shown) == 200
    assert shown.endswith(".xlsx")


def test_a46_files_are_ours_alone_and_links_are_not_followed(settings, tmp_path) -> None:
    settings.VAR = tmp_path
    stored = ATTACHMENTS.write([b"words"], most=10)
    path = tmp_path / "attachments" / stored.name[:2] / stored.name
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    (tmp_path / "secret").write_text("secret")
    path.unlink()
    path.symlink_to(tmp_path / "secret")
    with pytest.raises(OSError, match="symbolic"):
        ATTACHMENTS.open(stored.name)
    for name in ("../../secret", "/etc/passwd", "", "A" * 32, stored.name + "/", ".." + "0" * 30):
        with pytest.raises(ValueError, match="not a name"):
            ATTACHMENTS.open(name)


def test_a46_a_folder_that_is_a_link_is_refused(settings, tmp_path) -> None:
    settings.VAR = tmp_path / "var"
    settings.VAR.mkdir()
    (tmp_path / "elsewhere").mkdir()
    (settings.VAR / "attachments").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="link"):
        ATTACHMENTS.write([b"words"], most=10)


def test_a46_what_is_too_large_leaves_nothing(settings, tmp_path) -> None:
    settings.VAR = tmp_path
    with pytest.raises(FileTooLarge):
        ATTACHMENTS.write([b"x" * 6, b"x" * 6], most=10)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def _zip(entries: int, size: int) -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(entries):
            archive.writestr(f"../../xl/worksheets/{number}.xml", b"0" * size)
    return body.getvalue()


def _memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


BOMBS = {
    "bomb.gz": gzip.compress(b"0" * 50_000_000),
    "bomb.zip": _zip(20, 2_000_000),
    "bomb.xlsx": _zip(2000, 1000),
    "wide.csv": b",".join([b"a"] * 100_000) + b"\n",
}


@pytest.mark.django_db
@pytest.mark.parametrize("name", BOMBS)
def test_a48_archives_and_tables_are_bytes(ben: Client, name: str) -> None:
    catalog.dataset("flights")
    # Of this process, which unpacks nothing: the clock on the wall would measure the machine's other work.
    before, start = _memory(), time.process_time()
    kept = send(ben, name, BOMBS[name])
    assert time.process_time() - start < 1
    assert _memory() - before < 200
    assert kept.size == len(BOMBS[name])
    assert not kept.is_picture


@pytest.mark.django_db
def test_a48_a_huge_picture_is_refused_by_its_header(ben: Client) -> None:
    catalog.dataset("flights")
    huge = PNG[:16] + (50_000).to_bytes(4) + (50_000).to_bytes(4) + PNG[24:]
    assert sniff(huge).is_too_large
    answer = ben.post(f"{URL}files/", {"file": SimpleUploadedFile("huge.png", huge)})
    assert answer.status_code == 422
    assert "40 million pixels" in answer.content.decode()
    assert not Attachment.objects.exists()


DEEP = {
    "quotes": ">" * 10_000,
    "brackets": "[" * 10_000,
    "brackets in paragraphs": "\n\n".join(["[" * 1400] * 35),
    "emphasis": "*a **b _c " * 5000,
    "emphasis in paragraphs": "\n\n".join(["*a **b _c " * 250] * 20),
    "code": "".join("`" * number + " " for number in range(300)),
    "links": "[a](" * 12_000,
    "lists": "- " * 25_000,
    "lines": "- a\n" * 12_500,
    "cells": "\n".join(["|a" * 150, "|-" * 150] + ["|"] * 300),
    "references": "\n\n".join(f"[{number}]: /x\n[{number}]" for number in range(2500)),
    "entities": "&" * 50_000,
    "long": "a" * 5_000_000,
}


@pytest.mark.parametrize("name", DEEP)
def test_a48_deep_markdown_is_read_in_a_second(name: str) -> None:
    before, start = _memory(), time.process_time()
    markdown.render(DEEP[name])
    assert time.process_time() - start < 1
    assert _memory() - before < 200


HEADS = {
    MediaType.JPEG: b"\xff\xd8\xff\xe0\x00\x10"
    + b"\x00" * 14
    + b"\xff\xc0\x00\x11\x08\x00\x10\x00\x20"
    + b"\x00" * 20,
    MediaType.GIF: b"GIF89a\x20\x00\x10\x00" + b"\x00" * 10,
    MediaType.WEBP: b"RIFF\x00\x00\x00\x00WEBPVP8X\x00\x00\x00\x00\x00\x00\x00\x00\x1f\x00\x00\x0f\x00\x00",
}


@pytest.mark.parametrize("media_type", HEADS)
def test_a_picture_says_its_size(media_type: MediaType) -> None:
    found = sniff(HEADS[media_type])
    assert (found.media_type, found.width, found.height) == (media_type, 32, 16)
