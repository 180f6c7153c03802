"""Who answers for a thing that shows evidence; the app that owns a kind of thing says so for it."""

from collections.abc import Callable, Iterable

from portal.accounts.models import User
from portal.events import Reference

Keepers = Callable[[str], Iterable[User]]


class CiterRegistry:
    """Find the people who should hear when the evidence of something no longer holds."""

    def __init__(self) -> None:
        self._keepers: dict[str, Keepers] = {}

    def register(self, kind: str, keepers: Keepers) -> None:
        """Let ``keepers(key)`` name the people who answer for one thing of a kind."""
        self._keepers[kind] = keepers

    def keepers_of(self, reference: Reference) -> list[User]:
        """Return the people who answer for a thing; none for kinds that nobody registered."""
        kind, key = reference
        keepers = self._keepers.get(kind)
        return list(keepers(key)) if keepers else []


citers = CiterRegistry()
