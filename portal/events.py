"""How apps learn of each other without importing upward: the registry of lineage nodes.

An app that owns things which others may name by (kind, key) registers a resolver. Whoever shows such
references asks here, on behalf of a reader, and gets back only what that reader may know of.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

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
