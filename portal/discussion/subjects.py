"""What can be discussed: the app that owns a kind of thing says here what one person may do there.

``find(key, user)`` is asked for the reader of a page, and again for each person who would be told of a
comment: it returns None for whoever may not see the thing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from portal.accounts.models import User
from portal.audit.actions import Actor
from portal.events import Reference

if TYPE_CHECKING:
    from portal.discussion.models import Comment


@dataclass(frozen=True, slots=True)
class Subject:
    """What a thing allows one person in its discussion.

    ``people`` are the ids of those who hear of each comment without watching: asker, assignee, owner.
    ``first`` is the id of the one whose name the send button says, if any: usually the asker. ``page`` is the
    address of the page that holds the whole thread; "" where that is the thread's own page.
    """

    reference: Reference
    label: str
    url: str
    may_comment: bool
    may_see_internal: bool
    people: frozenset[int] = frozenset()
    first: int | None = None
    page: str = ""


Find = Callable[[str, User], Subject | None]
Commented = Callable[["Comment", Actor], None]


class SubjectRegistry:
    """The kinds of things that can be discussed."""

    def __init__(self) -> None:
        self._finds: dict[str, Find] = {}
        self._commented: dict[str, Commented] = {}

    def register(self, kind: str, find: Find, *, commented: Commented | None = None) -> None:
        """Let things of a kind be discussed; ``commented`` runs in the transaction of each new comment."""
        self._finds[kind] = find
        if commented is not None:
            self._commented[kind] = commented

    def find(self, reference: Reference, user: User) -> Subject | None:
        """Return what this person may do there; None where the thing does not exist for them."""
        kind, key = reference
        find = self._finds.get(kind)
        return find(key, user) if find is not None and user.is_active else None

    def commented(self, comment: "Comment", by: Actor) -> None:
        """Tell the owner of the thing that a comment was added."""
        react = self._commented.get(comment.about_kind)
        if react is not None:
            react(comment, by)


subjects = SubjectRegistry()
register = subjects.register
find = subjects.find
