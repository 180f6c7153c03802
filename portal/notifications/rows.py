"""Notifications as the inbox shows them: one row for what was said about one thing."""

from dataclasses import dataclass
from typing import Final

from django.utils.safestring import SafeString

from portal.accounts.models import User
from portal.events import Node, nodes
from portal.notifications.models import Notification
from portal.notifications.wording import html, wording_of

# What news of a failed run are about.
FAILURE: Final = "failure"


@dataclass(frozen=True, slots=True)
class Row:
    """The newest notification of its kind about a thing, and how many lie behind it."""

    newest: Notification
    node: Node
    text: SafeString
    icon: str
    count: int

    @property
    def cause(self) -> str:
        """What went wrong, of news about a failure."""
        return self.node.state if self.newest.about_kind == FAILURE else ""

    @property
    def is_unread(self) -> bool:
        """Say whether it was not read yet."""
        return self.newest.read_at is None


def rows_of(found: list[Notification], reader: User) -> list[Row]:
    """Group a page of notifications, newest first; what the reader may not see any more is left out."""
    seen = nodes.resolve([each.reference for each in found], reader)
    groups: dict[tuple[str, str, str, bool], list[Notification]] = {}
    for each in found:
        key = (each.kind, *each.reference, each.read_at is None)
        groups.setdefault(key, []).append(each)
    return [
        Row(
            newest=group[0],
            node=seen[group[0].reference],
            text=html(group[0], seen[group[0].reference].label, _others(group)),
            icon=wording_of(group[0].kind).icon,
            count=len(group),
        )
        for group in groups.values()
        if group[0].reference in seen
    ]


def _others(group: list[Notification]) -> int:
    return len({(each.actor_kind, each.actor_id, each.actor_label) for each in group}) - 1
