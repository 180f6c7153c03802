"""The cache never takes a page down."""

import logging
import time

import pytest

from portal.ui import cache
from portal.ui.cache import ForgivingRedisCache


@pytest.fixture
def dead(monkeypatch):
    """A cache whose Redis is not there, with a clock of our own."""
    monkeypatch.setattr(cache._Breaker, "resting_until", 0.0)
    monkeypatch.setattr(cache._Breaker, "logged_at", -cache.LOG_EVERY)
    return ForgivingRedisCache("redis://127.0.0.1:1/0", {"OPTIONS": {"socket_connect_timeout": 0.2}})


@pytest.fixture
def now(monkeypatch):
    """The time, to be moved by hand."""
    moment = {"now": 1000.0}
    monkeypatch.setattr("portal.ui.cache.time.monotonic", lambda: moment["now"])
    return moment


def test_every_operation_goes_on_without_redis(dead):
    assert dead.get("a", "nothing") == "nothing"
    dead.set("a", 1)
    assert dead.add("a", 1) is True, "a lock in the cache is free"
    assert dead.touch("a") is False
    assert dead.delete("a") is False
    assert dead.get_many(["a", "b"]) == {}
    assert dead.has_key("a") is False
    assert dead.set_many({"a": 1}) == ["a"]
    dead.delete_many(["a"])
    dead.clear()
    assert dead.get_or_set("a", lambda: 7) == 7
    with pytest.raises(ValueError, match="not found"):
        dead.incr("a")
    assert dead.count("a", 5) is None


def test_after_a_failure_redis_is_left_alone_for_a_while(dead, now, monkeypatch):
    calls = []

    def fail(*args, **kwargs):
        calls.append(1)
        raise OSError

    monkeypatch.setattr("django.core.cache.backends.redis.RedisCache.get", fail)
    dead.get("a")
    dead.get("a")
    assert len(calls) == 1
    now["now"] += cache.REST + 0.1
    dead.get("a")
    assert len(calls) == 2


def test_the_log_hears_of_it_once_a_minute(dead, now, caplog):
    with caplog.at_level(logging.WARNING, logger="portal.ui.cache"):
        for _ in range(3):
            dead.get("a")
            now["now"] += cache.REST + 1
        assert len(caplog.records) == 1
        now["now"] += cache.LOG_EVERY
        dead.get("a")
    assert len(caplog.records) == 2


def test_a_redis_that_answers_keeps_values(settings):
    alive = ForgivingRedisCache(settings.REDIS_URL, {"OPTIONS": settings.CACHES["default"]["OPTIONS"]})
    cache._Breaker.resting_until = 0.0
    alive.set("desk-test", {"a": 1}, 5)
    assert alive.get("desk-test") == {"a": 1}
    assert alive.delete("desk-test") is True


def test_a_count_begins_at_one_and_ends_when_its_time_is_over(settings):
    alive = ForgivingRedisCache(settings.REDIS_URL, {"OPTIONS": settings.CACHES["default"]["OPTIONS"]})
    cache._Breaker.resting_until = 0.0
    alive.delete("desk-test-count")
    assert [alive.count("desk-test-count", 5) for _ in range(3)] == [1, 2, 3]
    client = alive._cache.get_client()
    first = client.pttl(alive.make_key("desk-test-count"))
    time.sleep(0.05)
    alive.count("desk-test-count", 5)
    assert 0 < client.pttl(alive.make_key("desk-test-count")) < first, "counting on does not prolong it"
    assert alive.delete("desk-test-count") is True


def test_emptying_it_leaves_what_others_keep_there(settings):
    options = {"KEY_PREFIX": "desk-test:cache", "OPTIONS": settings.CACHES["default"]["OPTIONS"]}
    ours = ForgivingRedisCache(settings.REDIS_URL, options)
    others = ForgivingRedisCache(settings.REDIS_URL, {**options, "KEY_PREFIX": "desk-test"})
    cache._Breaker.resting_until = 0.0
    ours.set_many({"a": 1, "b": 2}, 5)
    others.set("a", 3, 5)
    ours.clear()
    assert ours.get_many(["a", "b"]) == {}
    assert others.get("a") == 3
    assert others.delete("a") is True
