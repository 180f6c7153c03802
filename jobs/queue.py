"""Say in words why a queued run has not started yet."""

from datetime import datetime, timedelta

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from jobs.choices import Reason, RunState
from jobs.models import Run, Worker
from portal.ui import formats

# A worker that has not polled for so long takes no runs, whatever its process says.
SILENT = timedelta(seconds=30)


def why_waiting(run: Run, *, now: datetime) -> str:
    """Return one sentence; the first cause that holds, in the order in which they would have to be mended."""
    if run.state == RunState.DEFERRED:
        return _("Waiting for another system to finish its part")
    if run.available_at > now:
        words = _("Tries again %(when)s") if run.reason == Reason.RETRY else _("Starts %(when)s")
        return words % {"when": formats.ago(run.available_at, now)}
    if not Worker.objects.filter(polled_at__gt=now - SILENT).exists():
        return _("Waiting: no worker is running")
    running = Run.objects.filter(state=RunState.RUNNING)
    same = running.filter(job=run.job_id).count()
    if same >= run.job.max_active_runs:
        return ngettext(
            "Waiting for another run of this job to end",
            "Waiting: %(count)d runs of this job are going, which is its limit",
            same,
        ) % {"count": same}
    busy = running.filter(pool=run.pool_id).count()
    if busy >= run.pool.slots:
        return _("Waiting for a place: the pool %(pool)s is full (%(busy)d of %(slots)d)") % {
            "pool": run.pool.key,
            "busy": busy,
            "slots": run.pool.slots,
        }
    return _("Waiting for a worker")
