"""The kind ``housekeeping``: lets go of what nobody needs any more, and keeps what evidence reads."""

import datetime as dt
from typing import Any, Final

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from pydantic import BaseModel, ConfigDict

from jobs.choices import PEEK_JOB
from jobs.models import Job, Run
from jobs.runners.base import Context, Step
from portal.audit.actions import Actor
from portal.evidence.actions import forget_uncited
from portal.evidence.keeping import cited_snapshots, uncited
from portal.said import said
from portal.warehouse.port import Snapshot, Warehouse

# A load places its file moments before its commit. A week is for people: whoever went back to an older backup
# of the catalog by mistake has that long to return to the newer one.
ORPHANED: Final = dt.timedelta(days=7)
# A run reads the newest snapshot and records what it read when it ends, which is within a day.
LEAST: Final = dt.timedelta(days=1)
# The rows that somebody saw of a source file are only for that moment.
SEEN_FOR: Final = dt.timedelta(days=1)


class HousekeepingConfig(BaseModel):
    """Nothing to choose: the limit is the installation's (LAKE_KEEP_DAYS)."""

    model_config = ConfigDict(extra="forbid")


class LimitTooShort(Exception):
    """Evidence of a run that has not ended could lose its snapshot: keep each for a day at least."""

    error_class = "settings"

    def __init__(self) -> None:
        super().__init__(said("A snapshot must be kept for a day at least; set LAKE_KEEP_DAYS to 1 or more."))


class HousekeepingRunner:
    """Let old snapshots go, except those that evidence reads, files of dead loads, and uncited results."""

    Config: type[BaseModel] = HousekeepingConfig
    label = _("Housekeeping")
    icon = "data"
    confined = False
    docs = _(
        "Lets old versions of the lake go, except those that evidence rests on, and forgets results of "
        "queries that nobody cites."
    )

    def steps(self, job: Job) -> list[Step]:
        """Return the same two steps for every job."""
        return [Step("look", _("See what is needed")), Step("expire", _("Let old versions go"))]

    def run(self, context: Context) -> dict[str, Any]:
        """Return the numbers of snapshots kept and let go, and of the files that were deleted."""
        dry = bool(context.params.get("dry_run"))
        now = timezone.now()
        with context.warehouse() as warehouse:
            with context.step("look"):
                # Evidence that this run forgets counts here still: its snapshots go with the next run.
                cited = cited_snapshots()
                found = warehouse.snapshots()
                limit = _limit(now)
                gone = _told(context, found, cited=cited, limit=limit)
            with context.step("expire"):
                files = 0 if dry or limit is None else _expire(context, warehouse, limit, cited)
                orphans = _remove_orphans(context, warehouse, now, dry=dry)
        stale = uncited(now).count()
        context.log.info("%d results that nobody cites %s", stale, "would go" if dry else "go")
        return {
            "dry_run": dry,
            "snapshots_kept": len(found) - len(gone),
            "snapshots_gone": len(gone),
            "files_deleted": files,
            "orphans_deleted": orphans,
            "results_forgotten": stale,
        }

    def record(self, *, run: Run, outputs: dict[str, Any]) -> dict[str, Any]:
        """Forget the results, and put into the audit trail what has gone; the run keeps the numbers."""
        if not outputs["dry_run"]:
            forget_looks(timezone.now())
            outputs["results_forgotten"] = forget_uncited(
                now=timezone.now(),
                about=("job", run.job.key, run.job.name_en),
                by=Actor.system(run.job.key),
                snapshots=outputs["snapshots_gone"],
                files=outputs["files_deleted"] + outputs["orphans_deleted"],
            )
        return outputs


def forget_looks(now: dt.datetime) -> int:
    """Forget what was seen of source files some time ago; who looked, and where, stays."""
    looks = Run.objects.filter(job__key=PEEK_JOB, finished_at__lt=now - SEEN_FOR)
    return looks.exclude(outputs={}).update(outputs={})


def _limit(now: dt.datetime) -> dt.datetime | None:
    """Return the moment before which a snapshot must have been replaced to go; None where all stay."""
    if not settings.LAKE_KEEP_DAYS:
        return None
    kept = dt.timedelta(days=settings.LAKE_KEEP_DAYS)
    if kept < LEAST:
        raise LimitTooShort
    return now - kept


def _told(
    context: Context, found: list[Snapshot], *, cited: set[int], limit: dt.datetime | None
) -> list[Snapshot]:
    """Log what is kept and why; return what goes."""
    old = [each for each in found if limit and each.replaced_at and each.replaced_at < limit]
    needed = [each.id for each in old if each.id in cited]
    gone = [each for each in old if each.id not in cited]
    if limit is None:
        context.log.info("LAKE_KEEP_DAYS is 0: all %d snapshots are kept", len(found))
        return []
    context.log.info("%d snapshots: %d were replaced before %s", len(found), len(old), limit.isoformat())
    if needed:
        context.log.info("%d of these are kept, evidence reads them: %s", len(needed), _some(needed))
    context.log.info("%d can go: %s", len(gone), _some([each.id for each in gone]) or "none")
    return gone


def _expire(context: Context, warehouse: Warehouse, limit: dt.datetime, cited: set[int]) -> int:
    expired = warehouse.expire(older_than=limit, keep=cited)
    context.log.info("let %d snapshots go, deleted %d files", len(expired.snapshots), expired.files)
    return expired.files


def _remove_orphans(context: Context, warehouse: Warehouse, now: dt.datetime, *, dry: bool) -> int:
    count = warehouse.remove_orphans(older_than=now - ORPHANED, dry_run=dry)
    done = "would be deleted" if dry else "deleted"
    context.log.info("%d files that loads left when they died %s", count, done)
    return count


def _some(numbers: list[int]) -> str:
    shown = ", ".join(map(str, numbers[:20]))
    return f"{shown} and {len(numbers) - 20} more" if len(numbers) > 20 else shown
