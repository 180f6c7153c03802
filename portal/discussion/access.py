"""The only way from a request to a discussion: what somebody may not see does not exist for them."""

from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404

from portal.accounts.models import User
from portal.discussion import subjects
from portal.discussion.models import Attachment, Comment
from portal.discussion.subjects import Subject
from portal.events import Reference


def access_subject(user: User, reference: Reference, *, to_comment: bool = False) -> Subject:
    """Return the thing as this person may discuss it; missing and invisible are both 404."""
    subject = subjects.find(reference, user) if "\x00" not in reference[1] else None
    if subject is None:
        raise Http404
    if to_comment and not subject.may_comment:
        raise PermissionDenied
    return subject


def access_comment(user: User, pk: int) -> tuple[Comment, Subject]:
    """Return a comment and its thing; an internal note is a 404 for whoever does not see those."""
    comments = Comment.objects.select_related("author", "deleted_by")
    comment = comments.filter(pk=pk).first() if pk < 2**63 else None
    if comment is None:
        raise Http404
    subject = access_subject(user, comment.reference)
    if comment.internal and not subject.may_see_internal:
        raise Http404
    return comment, subject


def access_attachment(user: User, pk: UUID) -> Attachment:
    """Return a file of a comment that this person reads, or their own waiting upload; else 404.

    The files of a deleted comment are gone for everybody.
    """
    attachment = Attachment.objects.select_related("comment").filter(pk=pk).first()
    if attachment is None:
        raise Http404
    if attachment.comment_id is None:
        if attachment.created_by_id != user.pk:
            raise Http404
        return attachment
    comment, _subject = access_comment(user, attachment.comment_id)
    if comment.deleted_at is not None:
        raise Http404
    attachment.comment = comment
    return attachment
