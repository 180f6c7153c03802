"""/api/v1/files: source files listed, brought and deleted by whoever makes jobs."""

from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from portal.audit.models import AuditEvent
from tests.conftest import Cast
from tests.factories.jobs import make_job
from tests.factories.tokens import bearer

pytestmark = pytest.mark.django_db
SCOPES = ["jobs:write"]


@pytest.fixture
def headers(cast: Cast) -> dict[str, str]:
    return bearer(cast.dan, *SCOPES)


def put(client: Client, path: str, body: bytes, headers: dict[str, str], **more: Any) -> Any:
    more = {"content_type": "application/octet-stream", **more}
    return client.put(f"/api/v1/files/{path}", body, headers=headers, **more)


def test_a_file_is_brought_listed_and_deleted(client: Client, files: Path, headers: dict[str, str]) -> None:
    (files / "shop").mkdir()
    make_job("loads", kind="extract_load", config={"source": {"path": "shop/*.csv"}, "target": "a.b"})
    # More than the API takes otherwise, and in several pieces.
    body = b"a,b\n" + b"1,2\n" * 400_000
    answer = put(client, "shop/orders.csv", body, headers)
    assert answer.status_code == 201
    assert (files / "shop" / "orders.csv").read_bytes() == body
    listed = client.get("/api/v1/files?folder=shop", headers=headers).json()
    assert listed == {"results": [answer.json()], "after": None, "cut": False}
    assert answer.json() | {"changed_at": ""} == {
        "path": "shop/orders.csv",
        "kind": "file",
        "format": "csv",
        "size": len(body),
        "changed_at": "",
        "jobs": ["loads"],
    }
    (folder,) = client.get("/api/v1/files", headers=headers).json()["results"]
    assert (folder["path"], folder["kind"]) == ("shop", "folder")
    assert client.delete("/api/v1/files/shop/orders.csv", headers=headers).status_code == 204
    assert client.delete("/api/v1/files/shop/orders.csv", headers=headers).status_code == 404
    actions = AuditEvent.objects.filter(object_kind="source_file").order_by("pk")
    assert [(each.action, each.actor_kind) for each in actions] == [
        ("source_file.added", "token"),
        ("source_file.deleted", "token"),
    ]


def test_a_taken_name_is_a_conflict_unless_it_is_replaced(
    client: Client, files: Path, headers: dict[str, str]
) -> None:
    put(client, "a.csv", b"old", headers)
    assert put(client, "a.csv", b"new", headers).status_code == 409
    assert (files / "a.csv").read_bytes() == b"old"
    assert put(client, "a.csv?replace=true", b"new", headers).status_code == 201
    assert (files / "a.csv").read_bytes() == b"new"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("none/a.csv", 404),
        ("../a.csv", 404),
        ("%2e%2e/a.csv", 404),
        ("..%2fa.csv", 404),
        ("link/a.csv", 404),
        ("/a.csv", 404),
        (".hidden.csv", 422),
        ("a%0a.csv", 404),
        ("a%5cb.csv", 422),
        ("a.exe", 422),
        ("a*.csv", 422),
    ],
)
def test_odd_paths_are_refused(
    client: Client, files: Path, tmp_path: Path, headers: dict[str, str], path: str, status: int
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (files / "link").symlink_to(tmp_path / "elsewhere")
    answer = put(client, path, b"a\n", headers)
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
    assert sorted(each.name for each in files.iterdir()) == ["link"]
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert not (tmp_path / "a.csv").exists()


def test_sizes_and_forms_are_judged(
    client: Client, files: Path, headers: dict[str, str], settings: Any
) -> None:
    settings.SOURCE_FILE_MB = 1
    assert put(client, "a.csv", b"x" * (1024 * 1024 + 1), headers).status_code == 413
    assert put(client, "a.csv", b"", headers).status_code == 422
    form = put(client, "a.csv", b"a=1", headers, content_type="application/x-www-form-urlencoded")
    assert form.status_code == 415
    # Only this address takes more than the others.
    assert (
        client.post("/api/v1/files/a.csv", b"x" * 1_000_001, "text/csv", headers=headers).status_code == 413
    )
    assert list(files.iterdir()) == []


def test_it_needs_the_scope_and_the_role(client: Client, files: Path, cast: Cast) -> None:
    for person, scopes in ((cast.dan, ["jobs:read"]), (cast.ben, SCOPES), (cast.ada, SCOPES)):
        told = bearer(person, *scopes)
        assert client.get("/api/v1/files", headers=told).status_code == 403
        assert put(client, "a.csv", b"a\n", told).status_code == 403
        assert client.delete("/api/v1/files/a.csv", headers=told).status_code == 403
    assert put(client, "a.csv", b"a\n", {}).status_code == 401
    assert list(files.iterdir()) == []
