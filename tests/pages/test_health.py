"""/livez and /readyz: what they say, to whom, and what they cost."""

from pathlib import Path
from typing import Any

import pytest
import redis
from django.conf import settings
from django.db import OperationalError
from django.test import Client

from portal.launch import health
from tests.conftest import Cast

NOWHERE = "redis://127.0.0.1:1/0"


@pytest.fixture(autouse=True)
def lake_folder(settings: Any, tmp_path: Path) -> None:
    settings.LAKE_DATA = str(tmp_path)


def test_livez_asks_nobody(client: Client, settings: Any) -> None:
    # Without the db mark any query is an error.
    settings.REDIS_URL = NOWHERE
    answer = client.get("/livez")
    assert (answer.status_code, answer.content) == (200, b"ok\n")


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
@pytest.mark.django_db
def test_probes_only_read(client: Client, path: str) -> None:
    assert client.post(path).status_code == 405
    assert client.head(path).status_code == 200


@pytest.mark.django_db
def test_readyz_says_no_more_than_its_status_to_strangers(client: Client) -> None:
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok"}


def test_readyz_tells_details_to_administrators_only(client: Client, cast: Cast) -> None:
    client.force_login(cast.dan)
    assert "parts" not in client.get("/readyz").json()
    cast.dan.roles = ["administrator"]
    cast.dan.save()
    answer = client.get("/readyz").json()
    assert answer["wakeup_lag"] == 0
    parts = answer["parts"]
    assert {name: part["state"] for name, part in parts.items()} == {
        "process": "ok",
        "database": "ok",
        "migrations": "ok",
        "broker": "ok",
        "lake": "ok",
    }


@pytest.mark.django_db
def test_without_a_broker_it_is_degraded_and_still_ready(client: Client, settings: Any) -> None:
    """F10: runs start by the workers' own polling."""
    settings.REDIS_URL = NOWHERE
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"status": "degraded"})


@pytest.mark.django_db
def test_a_lake_that_cannot_be_written_is_down(client: Client, settings: Any, tmp_path: Path) -> None:
    settings.LAKE_DATA = str(tmp_path / "missing")
    assert client.get("/readyz").status_code == 503


@pytest.mark.django_db
def test_a_bucket_is_not_looked_for_on_the_disk(client: Client, settings: Any) -> None:
    settings.LAKE_DATA = "s3://bucket/lake"
    assert client.get("/readyz").status_code == 200


def test_a_database_that_is_away_is_down(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise OperationalError("connection refused")

    monkeypatch.setitem(health.CHECKS, "database", away)
    monkeypatch.setitem(health.CHECKS, "migrations", away)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"status": "down"})


@pytest.mark.django_db
def test_a_missing_migration_is_down(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    health._migrations.cache_clear()
    monkeypatch.setattr(
        "django.db.migrations.executor.MigrationExecutor.migration_plan", lambda *arguments: ["0002"]
    )
    assert client.get("/readyz").status_code == 503
    monkeypatch.undo()
    assert client.get("/readyz").status_code == 200


def test_the_broker_is_asked_by_the_address_in_use() -> None:
    with redis.Redis.from_url(settings.REDIS_URL) as broker:
        assert broker.ping()
