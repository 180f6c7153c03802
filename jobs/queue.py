"""Say in words why a queued run has not started yet."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from jobs.choices import Reason, RunState
from jobs.models import Clock, Pool, Run, Worker
from portal.ui import formats

# A worker that has not polled for so long takes no runs, whatever its process says.
SILENT = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Load:
    """Whether a worker is alive, how many runs go on in all, of each job and backfill and by each worker.

    What waits in another system goes on, but holds no place in a pool.
    """

    alive: bool
    total: int
    jobs: Counter[int]
    pools: Counter[int]
    backfills: Counter[int | None]
    workers: Counter[str]


def read_load(now: datetime) -> Load:
    """Read it once for any number of waiting runs."""
    running = Run.objects.filter(state__in=[RunState.RUNNING, RunState.DEFERRED])
    going = list(running.values_list("job_id", "pool_id", "backfill_id", "looks", "state", "worker"))
    return Load(
        alive=Worker.objects.filter(polled_at__gt=now - SILENT).exists(),
        total=len(going),
        jobs=Counter(job for job, *_ in going),
        pools=Counter(pool for _job, pool, _backfill, looks, *_ in going if not looks),
        backfills=Counter(backfill for _job, _pool, backfill, *_ in going),
        workers=Counter(worker for *_, state, worker in going if state == RunState.RUNNING),
    )


def why_waiting(run: Run, *, now: datetime, load: Load | None = None) -> str:
    """Return one sentence; the first cause that holds, in the order in which they would have to be mended."""
    if run.state == RunState.DEFERRED:
        system = str(run.elsewhere.get("system") or "")
        if system:
            return _("Waits for %(system)s") % {"system": system}
        return _("Waiting for another system to finish its part")
    if run.available_at > now:
        words = _("Tries again %(when)s") if run.reason == Reason.RETRY else _("Starts %(when)s")
        return words % {"when": formats.ago(run.available_at, now)}
    load = load or read_load(now)
    if not load.alive:
        return _("Waiting: no worker is running")
    return _of_backfill(run, load) or _of_limits(run, load) or _("Waiting for a worker")


def _of_backfill(run: Run, load: Load) -> str:
    if run.backfill is None:
        return ""
    if run.backfill.paused:
        return _("Waiting: its backfill is paused")
    if load.backfills[run.backfill_id] < run.backfill.parallel:
        return ""
    return ngettext(
        "Waiting for its turn: the backfill runs one at a time",
        "Waiting for its turn: the backfill runs %(count)d at a time",
        run.backfill.parallel,
    ) % {"count": run.backfill.parallel}


def _of_limits(run: Run, load: Load) -> str:
    same = load.jobs[run.job_id]
    if same >= run.job.max_active_runs:
        return ngettext(
            "Waiting for another run of this job to end",
            "Waiting: %(count)d runs of this job are going, which is its limit",
            same,
        ) % {"count": same}
    busy = load.pools[run.pool_id]
    if busy >= run.pool.slots:
        return _("Waiting for a place: the pool %(pool)s is full (%(busy)d of %(slots)d)") % {
            "pool": run.pool.key,
            "busy": busy,
            "slots": run.pool.slots,
        }
    return ""


@dataclass(frozen=True, slots=True)
class ShownWorker:
    """A worker, whether it is alive, and how many of its places are taken."""

    worker: Worker
    alive: bool
    busy: int


@dataclass(frozen=True, slots=True)
class ShownPool:
    """A pool, how many of its places are taken, and how many runs wait for one."""

    pool: Pool
    busy: int
    queued: int

    @property
    def fraction(self) -> float:
        """The share of places that are taken, 0–1."""
        return min(1.0, self.busy / self.pool.slots)


def read_pools(load: Load) -> list[ShownPool]:
    """Return the pools that jobs use, with how full they are."""
    pools = Pool.objects.filter(jobs__isnull=False).distinct().order_by("key")
    return _shown(pools, load)


def read_pool(key: str, load: Load) -> ShownPool:
    """Return one pool, with how full it is."""
    return _shown(Pool.objects.filter(key=key), load)[0]


def _shown(pools: QuerySet[Pool], load: Load) -> list[ShownPool]:
    waiting = Run.objects.filter(state=RunState.QUEUED).values_list("pool").annotate(n=Count("id"))
    queued = dict(waiting)
    return [ShownPool(pool, load.pools[pool.pk], queued.get(pool.pk, 0)) for pool in pools]


def read_workers(now: datetime, load: Load) -> list[ShownWorker]:
    """Return the workers of the last day, the silent ones too."""
    found = Worker.objects.filter(polled_at__gt=now - timedelta(days=1)).order_by("name")
    return [ShownWorker(each, now - each.polled_at < SILENT, load.workers[each.name]) for each in found]


def wakeup_lag(now: datetime) -> float:
    """Return for how many seconds some live worker has found its work only by itself; 0 where wake-ups come.

    It rises with each run that such a worker starts: its connection to the broker hangs or is cut.
    """
    lives = Worker.objects.filter(polled_at__gt=now - SILENT)
    found = lives.values_list("found_at", "woken_at", "started_at")
    lags = [(at - (woken or began)).total_seconds() for at, woken, began in found if at is not None]
    return max([0.0, *lags])


def last_tick() -> datetime | None:
    """Return when a clock last ticked; None where none ever did."""
    return Clock.objects.values_list("ticked_at", flat=True).first()
