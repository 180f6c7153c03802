"""The cache: Redis, and when Redis is down or slow every read is a miss and every write is dropped.

What is read must be what a process of ours has written: values are pickled and signed, since whoever reaches
Redis could else have the web run code, or show a page of theirs. A value with another signature is a miss.
"""

import hmac
import logging
import pickle
import time
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any, Final, TypeVar

from django.conf import settings
from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

REST: Final = 5.0
LOG_EVERY: Final = 60.0

T = TypeVar("T")
_DIGEST: Final = "sha256"
_LENGTH: Final = 32
# Redis counts with 64 bits: nineteen digits and a sign.
_LONGEST_NUMBER: Final = 20


class Forged(Exception):
    """A value in Redis that no process of this portal has written."""


class SignedSerializer:
    """Pickles with a signature by SECRET_KEY; whole numbers stay bare, as Redis counts with them."""

    def dumps(self, value: Any) -> bytes | int:
        """Return what is stored."""
        if type(value) is int:
            return value
        pickled = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
        return _signature(pickled) + pickled

    def loads(self, stored: bytes) -> Any:
        """Return the value; raises Forged."""
        if len(stored) <= _LONGEST_NUMBER and stored.removeprefix(b"-").isdigit():
            return int(stored)
        pickled = stored[_LENGTH:]
        if not hmac.compare_digest(stored[:_LENGTH], _signature(pickled)):
            raise Forged
        return pickle.loads(pickled)  # noqa: S301 - the signature says that we have pickled it


def _signature(pickled: bytes) -> bytes:
    return hmac.digest(b"cache:" + settings.SECRET_KEY.encode(), pickled, _DIGEST)


class _Breaker:
    """What this process knows about Redis; shared, since Django makes a cache for each thread."""

    resting_until = 0.0
    logged_at = -LOG_EVERY


class _KeptClient(RedisCacheClient):
    """Django's client makes its Redis object anew for each call; this one keeps it. Pools are for threads."""

    def get_client(self, key: Any = None, *, write: bool = False) -> Any:
        """Return the object for the one server there is."""
        return self._redis

    @cached_property
    def _redis(self) -> Any:
        return super().get_client(write=True)


class ForgivingRedisCache(RedisCache):
    """Never let the cache take a page down.

    After a failure Redis is left alone for a few seconds: a page that reads the cache ten times must not
    wait for ten timeouts.
    """

    def __init__(self, server: Any, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = _KeptClient

    def _forgive(self, call: Callable[[], T], otherwise: T) -> T:
        now = time.monotonic()
        if now < _Breaker.resting_until:
            return otherwise
        try:
            return call()
        except (RedisError, OSError) as error:
            _Breaker.resting_until = time.monotonic() + REST
            if now - _Breaker.logged_at >= LOG_EVERY:
                _Breaker.logged_at = now
                logger.warning("cache_unavailable: going on without it (%s)", error)
            return otherwise

    def add(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Store a value unless the key is there; True when Redis does not answer.

        allauth's limits take their lock by it: with False nobody could sign in while Redis is down.
        """
        return self._forgive(lambda: super(ForgivingRedisCache, self).add(key, value, timeout, version), True)

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        """Return the value, or the default when it is missing or Redis does not answer."""
        try:
            return self._forgive(lambda: super(ForgivingRedisCache, self).get(key, default, version), default)
        except Forged:
            return default

    def set(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        """Store a value, if Redis answers."""
        self._forgive(lambda: super(ForgivingRedisCache, self).set(key, value, timeout, version), None)

    def touch(self, key: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Give a key a new lifetime; False when it is missing or Redis does not answer."""
        return self._forgive(lambda: super(ForgivingRedisCache, self).touch(key, timeout, version), False)

    def delete(self, key: Any, version: int | None = None) -> bool:
        """Remove a key; False when it is missing or Redis does not answer."""
        return self._forgive(lambda: super(ForgivingRedisCache, self).delete(key, version), False)

    def get_many(self, keys: Iterable[Any], version: int | None = None) -> dict[Any, Any]:
        """Return the values that are there; none when Redis does not answer."""
        wanted = list(keys)
        try:
            return self._forgive(lambda: super(ForgivingRedisCache, self).get_many(wanted, version), {})
        except Forged:
            # Asked for one by one, only those that are forged are missing.
            missing = object()
            found = {key: self.get(key, missing, version) for key in wanted}
            return {key: value for key, value in found.items() if value is not missing}

    def has_key(self, key: Any, version: int | None = None) -> bool:
        """Say whether the key is there; False when Redis does not answer."""
        return self._forgive(lambda: super(ForgivingRedisCache, self).has_key(key, version), False)

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        """Add to a number; ValueError when it is missing (the cache's contract) or Redis does not answer."""
        result = self._forgive(lambda: super(ForgivingRedisCache, self).incr(key, delta, version), None)
        if result is None:
            message = f"Key '{key}' not found"
            raise ValueError(message)
        return result

    def count(self, key: str, timeout: int) -> int | None:
        """Add one to a number that begins at nought and lasts so many seconds; None without an answer.

        One way to Redis and back, where the cache's own ``add`` and ``incr`` take three.
        """
        return self._forgive(lambda: self._count(self.make_and_validate_key(key), timeout), None)

    def _count(self, key: str, timeout: int) -> int:
        pipeline = self._cache.get_client(key, write=True).pipeline(transaction=False)
        pipeline.incr(key)
        pipeline.expire(key, timeout, nx=True)
        return int(pipeline.execute()[0])

    def set_many(
        self, data: dict[Any, Any], timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> list[Any]:
        """Store several values; returns the keys that were not stored."""
        return self._forgive(
            lambda: super(ForgivingRedisCache, self).set_many(data, timeout, version), list(data)
        )

    def delete_many(self, keys: Iterable[Any], version: int | None = None) -> None:
        """Remove several keys, if Redis answers."""
        wanted = list(keys)
        self._forgive(lambda: super(ForgivingRedisCache, self).delete_many(wanted, version), None)

    def clear(self) -> None:
        """Remove what caches of this prefix hold, if Redis answers.

        Django's own empties the whole database: wake-ups and what others keep there would go too.
        """
        self._forgive(self._remove_ours, None)

    def _remove_ours(self) -> None:
        client = self._cache.get_client(None, write=True)
        for key in client.scan_iter(f"{self.key_prefix}:*", count=1000):
            client.delete(key)
