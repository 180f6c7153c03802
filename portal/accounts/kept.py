"""What was computed for somebody a few seconds ago, so that pages asked again and again stay fast.

Only for figures that may be that old. Roles, teams, language and time zone are part of the name: who loses a
right or chooses another language gets a new answer at once.
"""

from collections.abc import Callable
from typing import Final, TypeVar

from django.core.cache import cache
from django.utils.crypto import salted_hmac
from django.utils.translation import get_language

from portal.accounts.models import User

T = TypeVar("T")
_MISSING: Final = object()


def kept(user: User, name: str, seconds: int, make: Callable[[], T]) -> T:
    """Return what ``make`` gave this person at most so many seconds ago, else what it gives now.

    The cache takes whatever can be pickled; without a cache the value is made each time.
    """
    who = (sorted(user.roles), sorted(user.team_ids), get_language(), user.time_zone)
    key = f"kept:{name}:{user.pk}:{salted_hmac(name, repr(who)).hexdigest()}"
    found = cache.get(key, _MISSING)
    value: T = make() if found is _MISSING else found
    if found is _MISSING:
        cache.set(key, value, seconds)
    return value
