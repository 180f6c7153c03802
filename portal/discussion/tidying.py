"""What the clock clears away: words of deleted comments, files that nobody took, litter of broken uploads."""

import time
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from portal.discussion.files import ATTACHMENTS
from portal.discussion.models import CHANGEABLE, Attachment, Comment, Mention
from portal.events import clock_steps

# Once a minute is plenty; the clock asks each second.
EVERY = 60.0
BATCH = 200
# A file without a row is litter only when no transaction can still be about to write its row.
LITTER_AFTER = timedelta(hours=1)


class _Due:
    """When this process looks again, by its monotonic clock."""

    at = 0.0
    litter_at = 0.0


def tidy() -> int:
    """Clear one batch of each if it is time; returns how many things went. Safe beside other clocks."""
    now = time.monotonic()
    if now < _Due.at:
        return 0
    _Due.at = now + EVERY
    cleared = empty_comments() + remove_orphans()
    if now >= _Due.litter_at:
        _Due.litter_at = now + LITTER_AFTER.total_seconds()
        cleared += remove_litter()
    return cleared


@transaction.atomic
def empty_comments() -> int:
    """Take the words out of comments that nobody can bring back any more."""
    gone = Comment.objects.filter(deleted_at__lt=timezone.now() - CHANGEABLE).exclude(body="")
    chosen = list(gone.select_for_update(skip_locked=True).values_list("pk", flat=True)[:BATCH])
    if chosen:
        Comment.objects.filter(pk__in=chosen).update(body="")
        Mention.objects.filter(comment__in=chosen).delete()
    return len(chosen)


@transaction.atomic
def remove_orphans() -> int:
    """Remove uploads that waited a day for their comment, and files of comments deleted for good."""
    orphans = Attachment.objects.orphans(timezone.now() - CHANGEABLE).select_for_update(
        skip_locked=True, of=("self",)
    )
    chosen = list(orphans.order_by("pk")[:BATCH])
    Attachment.objects.filter(pk__in=[each.pk for each in chosen]).delete()
    names = [each.stored for each in chosen]

    def remove_files() -> None:
        for name in names:
            ATTACHMENTS.remove(name)

    # The row goes first: a row without a file would be a broken link, a file without a row is litter.
    transaction.on_commit(remove_files)
    return len(chosen)


def remove_litter() -> int:
    """Remove files that no row names: their upload was broken off, or its transaction failed."""
    rows = Attachment.objects.values_list("stored", flat=True)
    return ATTACHMENTS.remove_litter(older=LITTER_AFTER, named=lambda names: rows.filter(stored__in=names))


def register() -> None:
    """Let the clock tidy up."""
    clock_steps.register(tidy)
