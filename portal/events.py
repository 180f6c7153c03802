"""How apps learn of each other without importing upward: the registries of nodes and of the clock's steps.

An app that owns things which others may name by (kind, key) registers a resolver. Whoever shows such
references asks here, on behalf of a reader, and gets back only what that reader may know of.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from django.db.models import QuerySet

from portal.accounts.models import User


@dataclass(frozen=True, slots=True)
class Node:
    """A thing as others show it: its name, where it lives ("" for nowhere), its symbol and its state.

    ``is_open`` says that its state is not its last one: whoever shows it may look again.
    """

    label: str
    url: str = ""
    icon: str = "file"
    tone: str = ""
    state: str = ""
    is_open: bool = False


Reference = tuple[str, str]
Resolver = Callable[[Iterable[str], User], Mapping[str, Node]]


class NodeRegistry:
    """Turn references into nodes, each kind by the app that owns it."""

    def __init__(self) -> None:
        self._resolvers: dict[str, Resolver] = {}

    def register(self, kind: str, resolver: Resolver) -> None:
        """Let ``resolver(keys, user)`` answer for a kind; it must leave out what the user may not see."""
        self._resolvers[kind] = resolver

    def resolve(self, references: Iterable[Reference], user: User) -> dict[Reference, Node]:
        """Return the nodes this person may know of; all others are missing, not even counted."""
        keys: dict[str, list[str]] = {}
        for kind, key in dict.fromkeys(references):
            keys.setdefault(kind, []).append(key)
        return {
            (kind, key): node
            for kind, wanted in keys.items()
            if kind in self._resolvers
            for key, node in self._resolvers[kind](wanted, user).items()
        }


nodes = NodeRegistry()


@dataclass(frozen=True, slots=True)
class Usage:
    """Something that uses a thing: its reference, how it looks to this reader, and its role."""

    reference: Reference
    node: Node
    role: str = ""


class UsageProvider(Protocol):
    """Name users of one kind, each once and the most telling first; on request only those that are open."""

    def __call__(
        self, references: Collection[Reference], user: User, most: int, *, open_only: bool
    ) -> Iterable[Usage]:
        """Return what uses one of these things at least, ``most`` at the most."""


class UsageRegistry:
    """Ask every app above what uses a thing; each leaves out what the reader may not see."""

    def __init__(self) -> None:
        self._providers: dict[str, UsageProvider] = {}

    def register(self, kind: str, provider: UsageProvider) -> None:
        """Let ``provider`` name users of one kind."""
        self._providers[kind] = provider

    def of(self, reference: Reference, user: User, *, most: int = 10) -> dict[str, list[Usage]]:
        """Return what this person may know of that uses the thing, by kind; empty kinds are missing."""
        return self._asked([reference], user, most, open_only=False)

    def open_of(self, references: Collection[Reference], user: User, *, most: int) -> dict[str, list[Usage]]:
        """Return what uses one of these things at least and is still open; each app is asked once for all."""
        return self._asked(references, user, most, open_only=True)

    def _asked(
        self, references: Collection[Reference], user: User, most: int, *, open_only: bool
    ) -> dict[str, list[Usage]]:
        found = {
            kind: list(provider(references, user, most, open_only=open_only))
            for kind, provider in self._providers.items()
        }
        return {kind: users for kind, users in found.items() if users}


usages = UsageRegistry()

Signs = Callable[[], Iterable[QuerySet[Any, Any]]]


@dataclass(frozen=True, slots=True)
class ClockStep:
    """One thing that the clock does, and the signs that there is something to do.

    A step opens transactions of its own and must be safe while other clocks do the same. Where none of its
    ``signs`` has a row it is left out of the tick; without signs it is done at each. Signs are written once a
    process and looked at together, so they compare times with the database's clock.
    """

    do: Callable[[], object]
    signs: Signs | None = None

    @property
    def name(self) -> str:
        """Return what the log calls it."""
        return self.do.__name__


class ClockSteps:
    """What the clock does for apps that stand above it, once a tick."""

    def __init__(self) -> None:
        self._steps: list[ClockStep] = []

    def register(self, do: Callable[[], object], *, signs: Signs | None = None) -> None:
        """Add a step; its name appears in the log when it fails."""
        if all(step.do != do for step in self._steps):
            self._steps.append(ClockStep(do, signs))

    def __iter__(self) -> Iterator[ClockStep]:
        """Yield the steps in the order of their registration."""
        return iter(self._steps)


clock_steps = ClockSteps()
