"""Comments and files, made by the portal's own actions."""

from portal.accounts.models import User
from portal.audit.actions import Actor
from portal.discussion import subjects
from portal.discussion.actions import attachments, comments
from portal.discussion.models import Attachment, Comment
from portal.events import Reference

PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89"
    b"\x00\x00\x00\rIDATx\x9cc\xf8\xff\xff?\x00\x05\xfe\x02\xfe\xa3\x91\x98\xd5\x00\x00\x00\x00IEND\xaeB`\x82"
)


def comment(reference: Reference, author: User, body: str = "Is it complete?", **fields) -> Comment:
    subject = subjects.find(reference, author)
    assert subject is not None
    fields.setdefault("internal", False)
    return comments.comment(
        subject=subject, body=body, author=author, by=Actor.person(author), **fields
    ).comment


def delete(said: Comment, user: User) -> None:
    subject = subjects.find(said.reference, user)
    assert subject is not None
    comments.delete(comment=said, subject=subject, user=user, by=Actor.person(user))


def attachment(
    owner: User, body: bytes = PNG, *, name: str = "chart.png", comment: Comment | None = None
) -> Attachment:
    kept = attachments.upload(chunks=[body], name=name, owner=owner)
    if comment is not None:
        attachments.take(comment, [kept.pk], owner=owner)
        kept.refresh_from_db()
    return kept
