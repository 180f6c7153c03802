"""Who hears of a comment: whom the thing concerns, who watches, who is named; each only if they see it."""

from portal.accounts.models import User
from portal.audit.actions import Actor
from portal.discussion.models import Comment, Watch
from portal.discussion.subjects import Subject, subjects
from portal.notifications.actions import notify


def may_read(comment: Comment, user: User) -> bool:
    """Say whether somebody sees this very comment: the thing, and internal notes where it is one."""
    subject = subjects.find(comment.reference, user)
    return subject is not None and (subject.may_see_internal or not comment.internal)


def hearers(
    comment: Comment, subject: Subject, *, only_mentioned: bool = False
) -> tuple[list[User], list[User]]:
    """Return who is told that they were named, and who else is told; never the author, nobody twice."""
    named = set(comment.mentions.filter(told=False).values_list("user_id", flat=True))
    others: set[int] = set()
    if not only_mentioned:
        kind, key = comment.reference
        watching = Watch.objects.filter(about_kind=kind, about_key=key)
        others = set(subject.people).union(watching.values_list("user_id", flat=True))
    wanted = (named | others) - {comment.author_id}
    seeing = [
        user
        for user in User.objects.filter(pk__in=wanted, is_active=True).order_by("pk")
        if may_read(comment, user)
    ]
    return [user for user in seeing if user.pk in named], [user for user in seeing if user.pk not in named]


def tell(comment: Comment, subject: Subject, by: Actor, *, only_mentioned: bool = False) -> None:
    """Tell everybody concerned of a comment, in its transaction.

    The words do not go with it: whoever loses the right to read them must not find them in an inbox.
    """
    named, others = hearers(comment, subject, only_mentioned=only_mentioned)
    comment.mentions.filter(user__in=named).update(told=True)
    about, data = comment.reference, {"comment": comment.pk}
    notify(to=named, kind="comment.mentioned", about=about, by=by, data=data, once=f"named:{comment.pk}")
    kind = "note.added" if comment.internal else "comment.added"
    notify(to=others, kind=kind, about=about, by=by, data=data, once=f"comment:{comment.pk}")
