"""A29: what somebody else writes into the cache's Redis is never run, shown or counted as ours."""

import os
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from django.conf import settings
from django.core.cache import cache
from django.test import Client, override_settings

from tests.conftest import Cast

pytestmark = pytest.mark.django_db


class Exploding:
    """Where it is unpickled, this runs a program."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self._file}",)


@pytest.fixture
def raw() -> Iterator[redis.Redis]:
    """The Redis below the cache, as somebody else reaches it."""
    cache.clear()
    client = redis.Redis.from_url(settings.REDIS_URL)
    yield client
    cache.clear()
    client.close()


def keys(raw: redis.Redis) -> list[bytes]:
    return list(raw.scan_iter(f"{cache.key_prefix}:*"))


def test_a29_a_forged_value_is_a_miss_and_never_unpickled(raw: redis.Redis, tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    cache.set_many({"a": ["ours"], "b": "too"})
    bomb = pickle.dumps(Exploding(touched))
    for forged in (bomb, b"x" * 32 + bomb, b"", b"x", b"--1", b"9" * 5000):
        raw.set(cache.make_key("a"), forged)
        assert cache.get("a", "missed") == "missed"
        assert cache.get_many(["a", "b", "c"]) == {"b": "too"}
    assert not touched.exists()


def test_a29_what_was_signed_by_another_portal_or_cut_is_a_miss(raw: redis.Redis) -> None:
    with override_settings(SECRET_KEY="y" * 60):
        cache.set("a", ["theirs"])
    assert cache.get("a") is None
    cache.set("a", ["ours", 1.5])
    assert cache.get("a") == ["ours", 1.5]
    stored = raw.get(cache.make_key("a"))
    assert isinstance(stored, bytes)
    raw.set(cache.make_key("a"), stored[:-1])
    assert cache.get("a") is None


@pytest.mark.parametrize("value", [0, -3, 7, True, None, 1.5, "7", "", [1, "a"], {"a": (1, 2)}, b"7"])
def test_what_is_ours_comes_back_as_it_was(raw: redis.Redis, value: Any) -> None:
    cache.set("a", value)
    found = cache.get("a", "missed")
    assert (found, type(found)) == (value, type(value))


def test_numbers_are_still_counted_with(raw: redis.Redis) -> None:
    cache.set("a", 1)
    assert cache.incr("a", 2) == cache.get("a") == 3


def test_a29_pages_go_on_over_a_poisoned_cache(
    raw: redis.Redis, client: Client, cast: Cast, tmp_path: Path
) -> None:
    client.force_login(cast.dan)
    pages = ("/", "/requests/", "/jobs/", "/account/login/")
    for page in pages:
        client.get(page)
    poisoned = keys(raw)
    assert len(poisoned) >= 3, "pages keep something"
    touched = tmp_path / "touched"
    for key in poisoned:
        raw.set(key, pickle.dumps(Exploding(touched)))
    assert [client.get(page).status_code for page in pages] == [200, 200, 200, 302]
    assert not touched.exists()
