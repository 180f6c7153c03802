"""Take files in, give them to comments, and remove them."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from portal.accounts.models import User
from portal.audit.actions import Actor, record
from portal.discussion.exceptions import NotAllowed, UnknownUpload, UploadRefused
from portal.discussion.files import ATTACHMENTS
from portal.discussion.models import Attachment, Comment
from portal.discussion.sniffing import sniff
from portal.discussion.subjects import Subject
from portal.storage import FileTooLarge, shown_name

MOST_A_COMMENT = 10


@transaction.atomic
def upload(*, chunks: Iterable[bytes], name: str, owner: User) -> Attachment:
    """Keep a file that waits for its comment; raises UploadRefused with the reason in words.

    The file is on the disk before its row is; what follows in the transaction may fail and leave litter,
    which the clock removes.
    """
    # One person's uploads are counted one after the other, or many at once would pass the limit together.
    User.objects.select_for_update().get(pk=owner.pk)
    day = Attachment.objects.filter(created_by=owner, created_at__gt=timezone.now() - timedelta(days=1))
    used = day.aggregate(total=Sum("size"))["total"] or 0
    left = settings.ATTACHMENTS_A_DAY_MB * 1024 * 1024 - used
    most = settings.ATTACHMENT_MB * 1024 * 1024
    if left <= 0:
        raise UploadRefused(_("You have sent as many files as one day allows. Try again tomorrow."))
    try:
        stored = ATTACHMENTS.write(chunks, most=min(most, left))
    except FileTooLarge:
        if left < most:
            raise UploadRefused(
                _("You have sent as many files as one day allows. Try again tomorrow.")
            ) from None
        raise too_large(name) from None
    except OSError as error:
        raise UploadRefused(
            _("The file could not be kept: the disk refuses. Tell your data team.")
        ) from error
    found = sniff(stored.head)
    if not stored.size or found.is_too_large:
        ATTACHMENTS.remove(stored.name)
        if not stored.size:
            raise UploadRefused(_("%(name)s is empty.") % {"name": shown_name(name)})
        raise UploadRefused(
            _("%(name)s has more than 40 million pixels. Make it smaller.") % {"name": shown_name(name)}
        )
    return Attachment.objects.create(
        name=shown_name(name),
        stored=stored.name,
        size=stored.size,
        sha256=stored.sha256,
        media_type=found.media_type,
        width=found.width,
        height=found.height,
        created_by=owner,
    )


def too_large(name: str) -> UploadRefused:
    """Return the refusal of a file beyond the limit."""
    said = {"name": shown_name(name), "most": settings.ATTACHMENT_MB}
    return UploadRefused(_("%(name)s is larger than %(most)s MB.") % said)


def take(comment: Comment, uploads: Sequence[UUID], *, owner: User) -> None:
    """Give a new comment its files; raises UnknownUpload unless each is this person's and waits."""
    if len(uploads) > MOST_A_COMMENT:
        raise UploadRefused(_("A comment takes at most %(most)s files.") % {"most": MOST_A_COMMENT})
    if not uploads:
        return
    taken = Attachment.objects.waiting(owner).filter(pk__in=uploads).update(comment=comment)
    if taken != len(uploads):
        raise UnknownUpload


@transaction.atomic
def remove(*, attachment: Attachment, subject: Subject | None, user: User, by: Actor) -> None:
    """Remove one's own file for good, whether it waits or stands in a comment of one's own."""
    comment = attachment.comment
    if attachment.created_by_id != user.pk or (comment is not None and comment.deleted_at is not None):
        raise NotAllowed
    if comment is not None and subject is not None:
        kind, key = subject.reference
        about = (kind, key, subject.label)
        record("attachment.removed", by=by, about=about, file=attachment.name, sha256=attachment.sha256)
    Attachment.objects.filter(pk=attachment.pk).delete()
    transaction.on_commit(lambda: ATTACHMENTS.remove(attachment.stored))
