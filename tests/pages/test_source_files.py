"""/files/: what lies below SOURCE_FOLDER, brought in, looked into and deleted by whoever makes jobs."""

import os
import resource
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from jobs import source_files
from jobs.actions.peeks import look
from jobs.actions.source_files import Incoming, keep, safe_name
from jobs.choices import RunState
from jobs.exceptions import FileRefused, NameTaken
from jobs.models import Job, Run
from jobs.runners.load_config import Files
from portal.accounts.models import User
from portal.audit.actions import Actor
from portal.audit.models import AuditEvent
from tests.conftest import Cast
from tests.factories.jobs import make_job

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture
def dan(client: Client, cast: Cast, files: Path) -> Client:
    client.force_login(cast.dan)
    return client


def text(client: Client, address: str = "/files/", **headers: str) -> str:
    response = client.get(address, headers=headers)
    assert response.status_code == 200
    return response.content.decode()


def csv(name: str, content: bytes = b"a\n1\n") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


def left(folder: Path) -> list[str]:
    """Everything below, hidden files too."""
    return sorted(each.relative_to(folder).as_posix() for each in folder.rglob("*"))


def loading(key: str, path: str, **fields: Any) -> Job:
    source = {"type": "files", "path": path, "format": "csv"}
    return make_job(key, kind="extract_load", config={"source": source, "target": "a.b"}, **fields)


# --- what is shown


@pytest.mark.parametrize("person", ["ada", "ben", "eun", "finn"])
def test_it_is_for_who_makes_jobs(client: Client, cast: Cast, files: Path, person: str) -> None:
    client.force_login(getattr(cast, person))
    (files / "a.csv").write_text("a\n")
    assert client.get("/files/").status_code == 403
    assert client.get("/files/delete/?path=a.csv").status_code == 403
    assert client.post("/files/upload/", {"file": csv("b.csv")}).status_code == 403
    assert client.post("/files/folder/", {"name": "b"}).status_code == 403
    assert client.post("/files/delete/", {"path": "a.csv"}).status_code == 403
    assert client.post("/files/look/", {"path": "a.csv"}).status_code == 403
    assert left(files) == ["a.csv"]
    assert Run.objects.count() == 0


def test_the_jobs_page_leads_there(dan: Client, cast: Cast) -> None:
    assert 'href="/files/"' in text(dan, "/jobs/")
    other = Client()
    other.force_login(cast.ben)
    assert 'href="/files/"' not in text(other, "/jobs/")


def test_an_empty_folder_and_one_that_nobody_made_say_what_to_do(dan: Client, files: Path) -> None:
    assert "No files yet" in text(dan)
    files.rmdir()
    assert "No files yet" in text(dan)
    assert dan.get("/files/?folder=none").status_code == 404


def test_folders_sizes_formats_and_crumbs(dan: Client, files: Path) -> None:
    (files / "shop" / "2026").mkdir(parents=True)
    (files / "shop" / "orders.csv").write_bytes(b"x" * 4200)
    (files / "shop" / "notes.pdf").write_bytes(b"x")
    assert 'href="?folder=shop"' in text(dan)
    page = text(dan, "/files/?folder=shop")
    assert "4.2\xa0kB" in page
    assert page.index(">2026<") < page.index(">notes.pdf<") < page.index(">orders.csv<")
    assert "Not read by jobs" in page
    assert 'href="/jobs/new/extract_load/?source=shop/orders.csv"' in page.replace("%2F", "/")
    deep = text(dan, "/files/?folder=shop/2026")
    assert "This folder is empty" in deep
    assert '<a href="?folder=shop">shop</a>' in deep


def test_links_hidden_files_and_what_is_outside_are_never_shown(
    dan: Client, files: Path, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "keys.csv").write_text("hush")
    (files / "to-folder").symlink_to(secret)
    (files / "to-file.csv").symlink_to(secret / "keys.csv")
    (files / ".hidden.csv").write_text("a")
    (files / ".git").mkdir()
    os.mkfifo(files / "pipe.csv")
    (files / "real.csv").write_text("a")
    page = text(dan)
    assert "real.csv" in page
    for name in ("to-folder", "to-file", ".hidden", ".git", "pipe"):
        assert name not in page
    assert "No file of this name" in text(dan, "/files/?q=keys")
    for folder in ("to-folder", ".git", "..", "../secret", "/etc", str(secret), "a\\b", "real.csv", "%00"):
        assert dan.get("/files/", {"folder": folder}).status_code == 404, folder
    for path in ("to-file.csv", "to-folder/keys.csv", "../secret/keys.csv", ".hidden.csv", "pipe.csv", ""):
        assert dan.get("/files/delete/", {"path": path}).status_code == 404, path
        assert dan.post("/files/delete/", {"path": path}).status_code == 404, path
    assert (secret / "keys.csv").exists()


def test_names_are_only_text(dan: Client, files: Path) -> None:
    (files / "<img src=x onerror=alert(1)>.csv").write_text("a\n")
    (files / "a[1].csv").write_text("a\n")
    os.close(os.open(os.fsencode(str(files)) + b"/\xff.csv", os.O_CREAT | os.O_WRONLY))
    page = text(dan)
    assert "<img" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;.csv" in page
    # In a path of a job the brackets would be a pattern.
    assert "source=a%5B%5B%5D1%5D.csv" in page


def test_a_folder_of_thousands_comes_in_pages(
    dan: Client, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(250):
        (files / f"f{number:03}.csv").touch()
    (files / "zz").mkdir()
    names: list[str] = []
    after = ""
    pages = 0
    while pages == 0 or after:
        listing = source_files.listing("", after=after)
        names += [entry.name for entry in listing.entries]
        after, pages = listing.after, pages + 1
    assert (names[0], names[1:], pages) == ("zz", [f"f{number:03}.csv" for number in range(250)], 3)
    first = text(dan)
    assert "f098.csv" in first
    assert "f099.csv" not in first
    assert 'rel="next" href="?after=1f098.csv"' in first
    assert "f099.csv" in text(dan, "/files/?after=1f098.csv")
    monkeypatch.setattr(source_files, "MOST_LOOKED_AT", 50)
    assert "more here than is looked through" in text(dan)


def test_the_search_looks_at_names_here_and_below(dan: Client, files: Path) -> None:
    (files / "shop" / "old").mkdir(parents=True)
    (files / "shop" / "old" / "Orders-1.csv").touch()
    (files / "orders-2.csv").touch()
    (files / "other.csv").touch()
    page = text(dan, "/files/?q=orders")
    assert "shop/old/Orders-1.csv" in page
    assert "orders-2.csv" in page
    assert "other.csv" not in page
    assert "orders-2.csv" not in text(dan, "/files/?folder=shop&q=orders")
    assert "No file of this name" in text(dan, "/files/?q=none")


def test_it_names_the_jobs_that_read_a_file(dan: Client, cast: Cast, files: Path) -> None:
    (files / "shop").mkdir()
    for name in ("orders-1.csv", "orders-1.json", "stock.csv"):
        (files / "shop" / name).touch()
    loading("pattern", "shop/orders-*.csv", name_en="By pattern")
    loading("partition", "shop/orders-{partition}.csv", name_en="By day")
    loading("whole", "shop", name_en="The folder")
    make_job("api", kind="extract_load", config={"source": {"type": "http", "path": "shop/*"}})
    entries = source_files.listing("shop").entries
    source_files.with_jobs(entries, cast.dan)
    assert {entry.name: [job.key for job in entry.jobs] for entry in entries} == {
        "orders-1.csv": ["partition", "pattern", "whole"],
        "orders-1.json": [],
        "stock.csv": ["whole"],
    }
    (folder,) = source_files.listing("").entries
    source_files.with_jobs([folder], cast.dan)
    assert [job.key for job in folder.jobs] == ["partition", "pattern", "whole"]
    assert 'href="/jobs/pattern/"' in text(dan, "/files/?folder=shop")
    Job.objects.filter(key="pattern").update(private=True)
    source_files.with_jobs([folder], cast.ada)
    assert [job.key for job in folder.jobs] == ["partition", "whole"]


# --- what is brought in


def test_files_come_into_the_folder_shown(dan: Client, files: Path) -> None:
    (files / "shop").mkdir()
    sent = [csv("orders.csv", b"id\n1\n"), csv("한글 이름.JSON", b"[]")]
    response = dan.post("/files/upload/?folder=shop", {"file": sent})
    assert (response.status_code, response["Location"]) == (302, "/files/?folder=shop")
    # A job that reads the whole folder looks for small letters.
    assert left(files) == ["shop", "shop/orders.csv", "shop/한글 이름.json"]
    assert (files / "shop" / "orders.csv").read_bytes() == b"id\n1\n"
    assert "2 files are in their places." in text(dan, "/files/?folder=shop")
    event = AuditEvent.objects.filter(action="source_file.added").latest("pk")
    assert (event.actor_label, event.object_id, event.data) == (
        "Dan Seo",
        "shop/한글 이름.json",
        {"size": 2, "replace": False},
    )


def test_the_page_s_script_gets_what_came_and_what_did_not(dan: Client, files: Path) -> None:
    good = dan.post("/files/upload/", {"file": csv("a.csv")}, headers=HTMX)
    assert (good.status_code, "a.csv" in good.content.decode()) == (201, True)
    bad = dan.post("/files/upload/", {"file": csv("<b>.exe")}, headers=HTMX)
    assert bad.status_code == 422
    assert "&lt;b&gt;.exe" in bad.content.decode()
    assert "end in .csv" in bad.content.decode()
    none = dan.post("/files/upload/", headers=HTMX)
    assert (none.status_code, "No file came with it." in none.content.decode()) == (422, True)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        (".hidden.csv", "a dot in front"),
        ("program.exe", "end in .csv"),
        ("noending", "end in .csv"),
        ("a*.csv", "stand for something else"),
        ("a[1].csv", "stand for something else"),
        ("{partition}.csv", "stand for something else"),
        ("가" * 70 + ".csv", "too long"),
    ],
)
def test_odd_names_are_refused_in_words(dan: Client, files: Path, name: str, why: str) -> None:
    response = dan.post("/files/upload/", {"file": csv(name)}, headers=HTMX)
    assert response.status_code == 422
    assert why in response.content.decode()
    assert left(files) == []
    assert not AuditEvent.objects.filter(action="source_file.added").exists()


def test_signs_that_nobody_sees_are_refused_by_whichever_way_they_come(files: Path) -> None:
    for name in ("a\u202egnp.csv", "a\x00.csv", "a\n.csv", "a\udcff.csv", "\u200b.csv", "a\x7f.csv"):
        with pytest.raises(FileRefused, match="nobody sees"):
            safe_name(name)
    for name in ("a/b.csv", "a\\b.csv"):
        with pytest.raises(FileRefused, match="neither"):
            safe_name(name)
    assert safe_name(" \u1112\u1161\u11ab.CSV.GZ ") == "한.csv.gz"


@pytest.mark.parametrize(
    "name", ["../evil.csv", "..\\evil.csv", "/etc/evil.csv", "%2e%2e%2fevil.csv", "..%2fevil.csv"]
)
def test_a_path_in_a_name_leads_nowhere(dan: Client, files: Path, name: str) -> None:
    (files / "in").mkdir()
    boundary = "x" * 20
    body = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        f"Content-Type: text/csv\r\n\r\na\n1\n\r\n--{boundary}--\r\n"
    )
    dan.post("/files/upload/?folder=in", body, content_type=f"multipart/form-data; boundary={boundary}")
    assert all(each == "in" or each.startswith("in/") for each in left(files))
    assert not (files.parent / "evil.csv").exists()


def test_uploads_into_links_and_missing_folders_are_refused(dan: Client, files: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (files / "link").symlink_to(tmp_path / "elsewhere")
    for folder in ("link", "none", "..", "../elsewhere", ".git"):
        assert dan.post(f"/files/upload/?folder={folder}", {"file": csv("a.csv")}).status_code == 404
        assert dan.post("/files/folder/", {"folder": folder, "name": "a"}).status_code == 404
    assert left(tmp_path / "elsewhere") == []


def test_a_link_planted_while_a_file_comes_in_leads_it_nowhere(
    cast: Cast, files: Path, tmp_path: Path
) -> None:
    (files / "shop").mkdir()
    (tmp_path / "elsewhere").mkdir()
    incoming = Incoming("shop")
    incoming.write(b"a\n")
    (files / "shop").rename(files / "moved")
    (files / "shop").symlink_to(tmp_path / "elsewhere")
    keep(incoming=incoming, name="a.csv", replace=False, by=Actor.person(cast.dan))
    assert left(tmp_path / "elsewhere") == []
    assert left(files) == ["moved", "moved/a.csv", "shop"]


def test_of_two_that_bring_one_name_at_once_one_succeeds(cast: Cast, files: Path) -> None:
    both = [Incoming(""), Incoming("")]
    for number, each in enumerate(both):
        each.write(f"{number}\n".encode())
    keep(incoming=both[1], name="a.csv", replace=False, by=Actor.person(cast.dan))
    with pytest.raises(NameTaken):
        keep(incoming=both[0], name="a.csv", replace=False, by=Actor.person(cast.dan))
    assert left(files) == ["a.csv"]
    assert (files / "a.csv").read_text() == "1\n"
    assert AuditEvent.objects.filter(action="source_file.added").count() == 1


def test_a_taken_name_is_replaced_only_where_that_is_chosen(dan: Client, files: Path, tmp_path: Path) -> None:
    (files / "a.csv").write_text("old")
    refused = dan.post("/files/upload/", {"file": csv("a.csv", b"new")}, headers=HTMX)
    assert "data-replace" in refused.content.decode()
    plain = dan.post("/files/upload/", {"file": csv("a.csv", b"new")}, follow=True)
    assert "choose «Replace files of the same name» and upload it again" in plain.content.decode()
    assert (files / "a.csv").read_text() == "old"
    dan.post("/files/upload/", {"file": csv("a.csv", b"new"), "replace": "on"})
    assert (files / "a.csv").read_text() == "new"
    # A link is no file to replace, nor is a folder.
    (tmp_path / "target.csv").write_text("kept")
    (files / "link.csv").symlink_to(tmp_path / "target.csv")
    (files / "folder.csv").mkdir()
    for name in ("link.csv", "folder.csv"):
        for replace in ({}, {"replace": "on"}):
            answer = dan.post("/files/upload/", {"file": csv(name), **replace}, headers=HTMX)
            assert answer.status_code == 422
            assert ("data-replace" in answer.content.decode()) is (not replace)
    assert (tmp_path / "target.csv").read_text() == "kept"
    assert left(files) == ["a.csv", "folder.csv", "link.csv"]


def test_a_file_that_is_too_large_or_empty_leaves_nothing(dan: Client, files: Path, settings: Any) -> None:
    settings.SOURCE_FILE_MB = 1
    large = csv("large.csv", b"x" * (1024 * 1024 + 1))
    answer = dan.post("/files/upload/", {"file": [large, csv("b.csv")]}, headers=HTMX)
    assert answer.status_code == 422
    assert "larger than 1 MB" in answer.content.decode()
    assert (
        "It is empty."
        in dan.post("/files/upload/", {"file": csv("none.csv", b"")}, headers=HTMX).content.decode()
    )
    # What came beside it is kept.
    assert left(files) == ["b.csv"]


def test_a_full_disk_is_said_and_leaves_nothing(dan: Client, files: Path, full_disk: Path) -> None:
    answer = dan.post("/files/upload/", {"file": csv("a.csv", b"x" * 200_000)}, headers=HTMX)
    assert answer.status_code == 422
    assert "The disk is full" in answer.content.decode()
    assert left(full_disk) == []
    assert not AuditEvent.objects.filter(action="source_file.added").exists()


def test_a_file_larger_than_the_system_lets_one_be_is_no_full_disk(dan: Client, files: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        answer = dan.post("/files/upload/", {"file": csv("a.csv", b"x" * 200_000)}, headers=HTMX)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert answer.status_code == 422
    assert "The disk refuses: File too large." in answer.content.decode()
    assert left(files) == []


@pytest.fixture
def full_disk(files: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder on a disk that takes 100 kB: real machines that run tests rarely let one mount it."""
    written = 0
    write = os.write

    def until_full(handle: int, data: Any) -> int:
        nonlocal written
        written += len(data)
        if written > 100_000:
            raise OSError(28, "No space left on device")
        return write(handle, data)

    monkeypatch.setattr("jobs.actions.source_files.os.write", until_full)
    return files


def test_a_folder_that_may_not_be_written_is_said(
    dan: Client, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: Any, **_kwargs: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("jobs.actions.source_files._remove_litter", refuse)
    answer = dan.post("/files/upload/", {"file": csv("a.csv")}, headers=HTMX)
    assert "may not write into this folder" in answer.content.decode()
    assert left(files) == []


def test_without_its_token_nothing_stays(cast: Cast, files: Path) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.dan)
    assert client.post("/files/upload/", {"file": csv("a.csv")}).status_code == 403
    assert left(files) == []


def test_a_broken_upload_leaves_nothing(dan: Client, files: Path) -> None:
    body = '--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\nhalf of it'
    dan.post("/files/upload/", body, content_type="multipart/form-data; boundary=x", headers=HTMX)
    assert [name for name in left(files) if name.startswith(".")] == []


def test_what_a_dead_process_left_goes_with_a_later_upload(dan: Client, files: Path) -> None:
    old, young = files / f".{'a' * 32}.upload", files / f".{'b' * 32}.upload"
    for each in (old, young):
        each.write_text("half")
    os.utime(old, (1, 1))
    dan.post("/files/upload/", {"file": csv("a.csv")})
    assert left(files) == [young.name, "a.csv"]


# --- folders made, files deleted


def test_a_folder_is_made(dan: Client, files: Path) -> None:
    response = dan.post("/files/folder/", {"folder": "", "name": " shop "})
    assert response["Location"] == "/files/?folder=shop"
    assert left(files) == ["shop"]
    assert AuditEvent.objects.get(action="source_file.folder_made").object_id == "shop"
    for name in ("shop", ".git", "a/b", "..", "", "a*"):
        assert dan.post("/files/folder/", {"folder": "", "name": name}).status_code == 302
    assert left(files) == ["shop"]


def test_a_file_is_deleted_after_it_was_said_who_reads_it(dan: Client, files: Path) -> None:
    (files / "shop").mkdir()
    (files / "shop" / "a.csv").touch()
    loading("loads-shop", "shop/*.csv", name_en="Load the shop")
    page = text(dan, "/files/delete/?path=shop/a.csv")
    assert "Load the shop" in page
    assert (files / "shop" / "a.csv").exists()
    response = dan.post("/files/delete/", {"path": "shop/a.csv"})
    assert response["Location"] == "/files/?folder=shop"
    assert left(files) == ["shop"]
    assert AuditEvent.objects.get(action="source_file.deleted").object_id == "shop/a.csv"
    # Folders stay.
    assert dan.post("/files/delete/", {"path": "shop"}).status_code == 404


# --- looks and jobs


def test_a_look_is_queued_and_its_page_asks_until_it_has_ended(dan: Client, cast: Cast, files: Path) -> None:
    (files / "a.tsv").write_text("a\tb\n")
    response = dan.post("/files/look/", {"path": "a.tsv"})
    run = Run.objects.get()
    assert response["Location"] == f"/files/look/{run.number}/"
    assert (run.params["path"], run.params["format"], run.params["delimiter"]) == ("a.tsv", "csv", "\t")
    page = text(dan, f"/files/look/{run.number}/")
    assert f'hx-get="/files/look/{run.number}/?part=look"' in page
    outputs = {
        "file": "a.tsv",
        "files": 1,
        "columns": [{"name": "<b>", "type": "BIGINT"}],
        "column_count": 1,
        "rows": [[1], [None]],
        "notes": [],
        "whole": True,
        "problem": {"message": "a.tsv, line 9: odd", "said": None},
    }
    Run.objects.filter(pk=run.pk).update(
        state=RunState.SUCCEEDED, finished_at=run.created_at, outputs=outputs
    )
    part = dan.get(f"/files/look/{run.number}/?part=look", headers=HTMX).content.decode()
    assert "hx-get" not in part
    assert "&lt;b&gt;" in part
    assert "a.tsv, line 9: odd" in part
    assert "choose its encoding and delimiter" in part
    assert "<html" not in part
    # The engine may refuse the whole file, as one in UTF-16: then nothing was seen, and the hint stands too.
    Run.objects.filter(pk=run.pk).update(
        state=RunState.FAILED, outputs={}, error={"class": "user_code", "message": "odd"}
    )
    assert "choose its encoding and delimiter" in text(dan, f"/files/look/{run.number}/")
    other = Client()
    other.force_login(cast.cleo)
    assert other.get(f"/files/look/{run.number}/").status_code == 404
    assert other.get(f"/runs/{run.number}/").status_code == 404


def test_the_form_of_a_job_looks_with_what_stands_in_it(dan: Client, files: Path) -> None:
    (files / "shop").mkdir()
    (files / "shop" / "a.csv").write_text("a;b\n")
    page = text(dan, "/jobs/new/extract_load/?source=shop/a.csv&delimiter=%3B&encoding=cp949&header=no")
    assert 'value="shop/a.csv"' in page
    assert '<option value="shop/a.csv"></option>' in page
    assert 'hx-post="/files/look/"' in page
    assert 'href="/files/"' in page
    sent = {
        "config.source:choice": "files",
        "config.source.files.path": "shop/*.csv",
        "config.source.files.format": "csv",
        "config.source.files.delimiter": ";",
        "config.source.files.quote": '"',
        "config.source.files.nulls": "없음",
        "config.source.files.encoding": "cp949",
        "config.target": "",
    }
    answer = dan.post("/files/look/", sent, headers=HTMX)
    assert 'id="look"' in answer.content.decode()
    params = Run.objects.get().params
    assert params == {
        "type": "files",
        "path": "shop/*.csv",
        "format": "csv",
        "delimiter": ";",
        "quote": '"',
        "header": False,
        "nulls": ["없음"],
        "encoding": "cp949",
    }
    empty = dan.post("/files/look/", {**sent, "config.source.files.path": ""}, headers=HTMX)
    assert "Name the path first" in empty.content.decode()
    outside = dan.post("/files/look/", {**sent, "config.source.files.path": "../x"}, headers=HTMX)
    assert "below the folder of source files" in outside.content.decode()
    assert Run.objects.count() == 1


def test_who_edits_one_job_only_gets_no_list_of_files(client: Client, cast: Cast, files: Path) -> None:
    (files / "hush.csv").touch()
    job = loading("loads", "a.csv")
    job.editors.add(cast.ben)
    client.force_login(cast.ben)
    page = text(client, "/jobs/loads/edit/")
    assert "hush" not in page
    assert "/files/look/" not in page


# --- the columns of a look, in a job's form

COLUMNS = [{"name": "Zip", "type": "BIGINT"}, {"name": "day", "type": "DATE"}]
DECLARED = {
    "config.source:choice": "files",
    "config.source.files.path": "a.csv",
    "config.source.files.format": "csv",
    "config.target": "shop.orders",
    "config.columns:list": "2",
    "config.columns.0.name": "gone",
    "config.columns.0.type": "DATE",
    "config.columns.1.name": "Zip",
    "config.columns.1.type": "VARCHAR",
    "config.columns.1.description_en": "Where it went",
    "name_en": "Orders",
}


def ended(person: User, *, columns: list[dict[str, str]] = COLUMNS, **outputs: Any) -> Run:
    run = look(source=Files(path="a.csv"), by=Actor.person(person), requested_by=person)
    run.state, run.started_at, run.finished_at = RunState.SUCCEEDED, run.created_at, run.created_at
    run.outputs = {"file": "a.csv", "columns": columns, "rows": [], "column_count": len(columns), **outputs}
    run.save()
    return run


def shown_of(client: Client, run: Run, query: str = "&for=form") -> str:
    return client.get(f"/files/look/{run.number}/?part=look{query}", headers=HTMX).content.decode()


def test_what_a_look_has_seen_is_taken_into_the_form(dan: Client, cast: Cast, files: Path) -> None:
    (files / "a.csv").write_text("Zip,day\n1,2026-01-02\n")
    started = dan.post("/files/look/", DECLARED, headers=HTMX).content.decode()
    assert "part=look&amp;for=form" in started
    Run.objects.all().delete()
    run = ended(cast.dan)
    assert f'value="take config.columns {run.number}"' in shown_of(dan, run)
    assert "take config.columns" not in shown_of(dan, run, ""), "its own page has no form to take them into"
    page = dan.post("/jobs/new/extract_load/", {**DECLARED, "do": f"take config.columns {run.number}"})
    form = page.context["form"]
    assert page.status_code == 200
    assert Job.objects.filter(kind="extract_load").count() == 0
    columns = {name: form.config.data[name] for name in form.config.data if name.startswith("config.columns")}
    assert columns == {
        "config.columns:list": "2",
        "config.columns.0.name": "Zip",
        "config.columns.0.type": "VARCHAR",
        "config.columns.0.description_en": "Where it went",
        "config.columns.1.name": "day",
        "config.columns.1.type": "DATE",
    }
    assert 'value="Orders"' in page.content.decode(), "the rest of the form stays"


def test_only_a_look_of_ones_own_is_taken(dan: Client, cast: Cast, files: Path) -> None:
    theirs = ended(cast.dan)
    theirs.requested_by = cast.ada
    theirs.save()
    for number in (theirs.number, theirs.number + 1, "9" * 30, "9" * 5000, "x", ""):
        sent = {**DECLARED, "do": f"take config.columns {number}"}
        assert dan.post("/jobs/new/extract_load/", sent).status_code == 404


@pytest.mark.parametrize(
    ("columns", "outputs"),
    [
        ([{"name": "a", "type": "STRUCT(b BIGINT)"}], {}),
        (COLUMNS, {"column_count": 3}),
        ([{"name": f"c{number}", "type": "DATE"} for number in range(201)], {}),
    ],
    ids=["a type that no form takes", "not all columns were kept", "more than a form has"],
)
def test_columns_that_cannot_be_declared_are_not_offered(
    dan: Client, cast: Cast, files: Path, columns: list[dict[str, str]], outputs: dict[str, Any]
) -> None:
    run = ended(cast.dan, columns=columns, **outputs)
    assert "take config.columns" not in shown_of(dan, run)
    page = dan.post("/jobs/new/extract_load/", {**DECLARED, "do": f"take config.columns {run.number}"})
    assert page.context["form"].config.data["config.columns.0.name"] == "gone", "nothing has changed"
