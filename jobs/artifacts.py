"""Where the files of runs lie, and when they go."""

import time
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from jobs.models import Artifact
from portal.events import clock_steps
from portal.storage import Store

ARTIFACTS: Final = Store("artifacts")
# Once a minute is plenty; the clock asks each second.
EVERY: Final = 60.0
BATCH: Final = 200
# A file without a row is litter only when no run can still be about to write its row.
LITTER_AFTER: Final = timedelta(hours=1)


class _Due:
    """When this process looks again, by its monotonic clock."""

    at = 0.0
    litter_at = 0.0


def tidy() -> int:
    """Let a batch of old files and litter go if it is time; returns how many. Safe beside other clocks."""
    now = time.monotonic()
    if now < _Due.at:
        return 0
    _Due.at = now + EVERY
    cleared = remove_old()
    if now >= _Due.litter_at:
        _Due.litter_at = now + LITTER_AFTER.total_seconds()
        cleared += remove_litter()
    return cleared


@transaction.atomic
def remove_old() -> int:
    """Remove files kept longer than ARTIFACT_KEEP_DAYS (0: for ever); the run keeps everything else."""
    if not settings.ARTIFACT_KEEP_DAYS:
        return 0
    limit = timezone.now() - timedelta(days=settings.ARTIFACT_KEEP_DAYS)
    old = Artifact.objects.filter(created_at__lt=limit).order_by("created_at")
    chosen = list(old.select_for_update(skip_locked=True)[:BATCH])
    Artifact.objects.filter(pk__in=[each.pk for each in chosen]).delete()
    names = [each.stored for each in chosen]

    def remove_files() -> None:
        for name in names:
            ARTIFACTS.remove(name)

    # The row goes first: a row without a file would be a broken link, a file without a row is litter.
    transaction.on_commit(remove_files)
    return len(chosen)


def remove_litter() -> int:
    """Remove files that no row names: their run ended otherwise, or its worker died."""
    rows = Artifact.objects.values_list("stored", flat=True)
    return ARTIFACTS.remove_litter(older=LITTER_AFTER, named=lambda names: rows.filter(stored__in=names))


def register() -> None:
    """Let the clock tidy up."""
    clock_steps.register(tidy)
