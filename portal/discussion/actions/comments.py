"""Write, change, delete and bring back comments."""

from collections.abc import Iterable
from typing import NamedTuple
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from portal.accounts.models import User
from portal.audit.actions import Actor, record
from portal.discussion.actions.attachments import take
from portal.discussion.choices import WatchedBy
from portal.discussion.exceptions import (
    EditedMeanwhile,
    EmptyComment,
    NotAllowed,
    TokenReused,
    TooLate,
    TooLong,
)
from portal.discussion.mentions import named_in
from portal.discussion.models import CHANGEABLE, Comment, Mention
from portal.discussion.subjects import Subject, subjects
from portal.discussion.telling import may_read, tell
from portal.discussion.threads import may_moderate
from portal.discussion.watching import watch

LONGEST = 20_000


class Commented(NamedTuple):
    """A comment, whether this sending made it, and what its writer should know.

    ``unseen`` are people who were named but cannot see the thing, or this kind of comment; ``ambiguous``
    is what is written where several people bear the name. Neither hears of it.
    """

    comment: Comment
    created: bool
    unseen: list[str]
    ambiguous: list[str]


@transaction.atomic
def comment(
    *,
    subject: Subject,
    body: str,
    internal: bool,
    author: User,
    by: Actor,
    uploads: Iterable[UUID] = (),
    once: str = "",
) -> Commented:
    """Say something about a thing; the same ``once`` makes one comment, however often it is sent.

    ``subject`` is the thing as the author may discuss it. Raises NotAllowed, EmptyComment, TooLong,
    UnknownUpload, and TokenReused (the same ``once`` came with other words).
    """
    if not subject.may_comment or (internal and not subject.may_see_internal):
        raise NotAllowed
    wanted = list(dict.fromkeys(uploads))
    body = _checked(body, has_files=bool(wanted))
    kind, key = subject.reference
    made = Comment(about_kind=kind, about_key=key, author=author, body=body, internal=internal, once=once)
    try:
        # Of two equal sendings the second waits here for the first, and then finds its row.
        with transaction.atomic():
            made.save(force_insert=True)
    except IntegrityError:
        return _seen_before(Comment.objects.filter(author=author, once=once).get(), made)
    made.refresh_from_db()
    take(made, wanted, owner=author)
    unseen, ambiguous = _mention(made)
    record(
        "comment.noted" if internal else "comment.added",
        by=by,
        about=(kind, key, subject.label),
        comment=made.pk,
        files=len(wanted),
    )
    watch(reference=subject.reference, user=author, by=by, how=WatchedBy.COMMENT)
    subjects.commented(made, by)
    tell(made, subject, by)
    return Commented(made, True, unseen, ambiguous)


@transaction.atomic
def edit(
    *, comment: Comment, subject: Subject, body: str, version: int, editor: User, by: Actor
) -> Commented:
    """Change the words of one's own comment, within a day; who reads it never changes.

    Raises NotAllowed, TooLate, EditedMeanwhile (another ``version`` stands), EmptyComment, TooLong.
    """
    if comment.author_id != editor.pk or not subject.may_comment or comment.deleted_at is not None:
        raise NotAllowed
    if comment.created_at <= timezone.now() - CHANGEABLE:
        raise TooLate
    body = _checked(body, has_files=comment.attachments.exists())
    if body == comment.body and version == comment.version:
        return Commented(comment, False, [], [])
    standing = Comment.objects.filter(pk=comment.pk, version=version, deleted_at=None)
    if not standing.update(body=body, version=F("version") + 1, edited_at=Now()):
        raise EditedMeanwhile
    comment.refresh_from_db()
    unseen, ambiguous = _mention(comment)
    kind, key = subject.reference
    record("comment.edited", by=by, about=(kind, key, subject.label), comment=comment.pk)
    tell(comment, subject, by, only_mentioned=True)
    return Commented(comment, False, unseen, ambiguous)


@transaction.atomic
def delete(*, comment: Comment, subject: Subject, user: User, by: Actor) -> None:
    """Delete one's own comment, or as a lead anybody's; it can be brought back for a day."""
    if comment.author_id != user.pk and not may_moderate(user):
        raise NotAllowed
    standing = Comment.objects.filter(pk=comment.pk, deleted_at=None)
    if standing.update(deleted_at=Now(), deleted_by=user):
        kind, key = subject.reference
        record("comment.deleted", by=by, about=(kind, key, subject.label), comment=comment.pk)
    comment.refresh_from_db()


@transaction.atomic
def restore(*, comment: Comment, subject: Subject, user: User, by: Actor) -> None:
    """Bring back what one has deleted oneself; raises NotAllowed, or TooLate after a day."""
    if comment.deleted_at is None and (comment.author_id == user.pk or may_moderate(user)):
        return
    if comment.deleted_by_id != user.pk:
        raise NotAllowed
    since = timezone.now() - CHANGEABLE
    gone = Comment.objects.filter(pk=comment.pk, deleted_by=user, deleted_at__gt=since)
    if not gone.update(deleted_at=None, deleted_by=None):
        raise TooLate
    kind, key = subject.reference
    record("comment.restored", by=by, about=(kind, key, subject.label), comment=comment.pk)
    comment.refresh_from_db()


def _checked(body: str, *, has_files: bool) -> str:
    body = body.replace("\r\n", "\n").replace("\x00", "").strip()
    if not body and not has_files:
        raise EmptyComment
    if len(body) > LONGEST:
        raise TooLong(LONGEST)
    return body


def _seen_before(standing: Comment, sent: Comment) -> Commented:
    if standing.reference != sent.reference or standing.internal != sent.internal:
        raise TokenReused
    if standing.version == 1 and standing.deleted_at is None and standing.body != sent.body:
        raise TokenReused
    return Commented(standing, False, [], [])


def _mention(made: Comment) -> tuple[list[str], list[str]]:
    """Keep whom the comment names; return those who cannot see it, and the names that several bear."""
    named = named_in(made.body)
    meant = {each.user.pk: each for each in named.people}
    made.mentions.exclude(user__in=list(meant)).delete()
    known = set(made.mentions.values_list("user_id", flat=True))
    Mention.objects.bulk_create(
        Mention(comment=made, user=each.user, written=each.written)
        for pk, each in meant.items()
        if pk not in known
    )
    unseen = [each.user.name for each in meant.values() if not may_read(made, each.user)]
    return unseen, named.ambiguous
