"""How often a token may call: counted in the cache, open when the cache is gone."""

import time
from typing import Any, ClassVar, cast

import structlog
from django.core.cache import cache
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from portal.accounts.models import ApiToken
from portal.ui.cache import ForgivingRedisCache

log = structlog.get_logger(__name__)


class WindowThrottle(BaseThrottle):
    """Allow ``calls`` in each window of ``seconds`` for each token, or for each address without one.

    The count is one atomic increment of a key that names the window; it expires with it. When the cache
    cannot be reached the call is let through and that is logged: a broken counter must not stop work.
    """

    calls: ClassVar[int]
    seconds: ClassVar[int]
    _left: float = 0.0

    def allow_request(self, request: Request, view: Any) -> bool:
        """Count the call and say whether it is within the limit."""
        now = time.time()
        window = int(now // self.seconds)
        key = f"throttle:{self.seconds}:{self._who(request)}:{window}"
        self._left = (window + 1) * self.seconds - now
        count = cast("ForgivingRedisCache", cache).count(key, timeout=self.seconds + 5)
        if count is None:
            log.warning("throttle_open", window=self.seconds)
            return True
        return count <= self.calls

    def wait(self) -> float:
        """Return the seconds until the window ends, for Retry-After."""
        return self._left

    @staticmethod
    def _who(request: Request) -> str:
        if isinstance(request.auth, ApiToken):
            return f"token:{request.auth.pk}"
        return f"address:{request.META.get('REMOTE_ADDR', '')}"


class BurstThrottle(WindowThrottle):
    """Keep one token from drowning everybody else: 120 calls in ten seconds."""

    calls = 120
    seconds = 10


class HourThrottle(WindowThrottle):
    """Keep a forgotten loop from running all night: 12,000 calls an hour."""

    calls = 12_000
    seconds = 3600
