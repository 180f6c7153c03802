"""Claim a run: the fairest of the most urgent, under its pool's lock, with a new fence and a lease.

A deferred run that is due to be looked after goes first, whatever its pool holds: the look takes a moment.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self
from uuid import UUID

from django.conf import settings

from jobs.engine.statements import Execute, Row, Statement, transact

# Lists the requesters with queued runs in a pool by hopping along run_claimable, so that a queue of thousands
# is neither read nor sorted for each claim.
_REQUESTERS = """
        (SELECT COALESCE(requested_by_id, 0) AS id FROM jobs_run
         WHERE state = 'queued' AND pool_id = :pool ORDER BY 1 LIMIT 1)
        UNION ALL
        SELECT (SELECT COALESCE(requested_by_id, 0) FROM jobs_run
                WHERE state = 'queued' AND pool_id = :pool AND COALESCE(requested_by_id, 0) > requester.id
                ORDER BY 1 LIMIT 1)
        FROM requester WHERE requester.id IS NOT NULL
"""

# Locks the pool whose claimable runs are most urgent, among those with a free slot. The counts seen here may
# be stale once the lock is granted, so _CLAIM counts again with a snapshot of its own: that is why these are
# two statements. NO KEY: a trigger's foreign key check must not wait for a claim.
# It also says whether a deferred run is due, so that a claim asks no question more while none is.
# Where the queue was empty when the tables were analyzed, the planner would rather sort what it takes for one
# row than follow that index: a claim never sorts what an index has in order. Before PostgreSQL 18 a sort that
# it cannot do without counts as so dear then that the server would compile each plan: that is off too.
_LOCK_POOL = Statement(
    """
    WITH free AS (
        SELECT pool.id, pool.slots FROM jobs_pool pool
        CROSS JOIN LATERAL (
            WITH RECURSIVE requester AS (:requesters)
            SELECT max((
                SELECT run.priority FROM jobs_run run
                WHERE run.state = 'queued' AND run.pool_id = pool.id
                  AND COALESCE(run.requested_by_id, 0) = requester.id
                  AND run.available_at <= statement_timestamp()
                ORDER BY run.priority DESC, run.available_at, run.id LIMIT 1
            )) AS priority
            FROM requester WHERE requester.id IS NOT NULL
        ) urgent
        WHERE urgent.priority IS NOT NULL AND pool.id <> ALL(%(tried)s::bigint[])
          AND (SELECT count(*) FROM jobs_run
               WHERE state = 'running' AND looks = 0 AND pool_id = pool.id) < pool.slots
        ORDER BY urgent.priority DESC, pool.id LIMIT 1 FOR NO KEY UPDATE OF pool
    )
    SELECT EXISTS (SELECT 1 FROM jobs_run WHERE state = 'deferred' AND available_at <= statement_timestamp()),
           free.id, free.slots
    FROM (SELECT 1) one LEFT JOIN free ON true
""".replace(":requesters", _REQUESTERS.replace(":pool", "pool.id")),
    first="SET LOCAL enable_sort = off; SET LOCAL jit = off",
)

# What a claim tells its holder, in the order of the fields of Claim.
_CLAIMED = """
    run.id, run.number, run.fence, run.attempt, run.max_attempts, run.hand_overs, run.params,
    job.key, job.kind, job.config, job.isolation, job.backoff, job.backoff_cap, job.timeout,
    run.looks, run.progress, run.elsewhere,
    CASE WHEN run.looks = 0 THEN '' WHEN run.cancel_requested_at IS NOT NULL THEN 'cancel'
         WHEN run.timeout_at <= clock_timestamp() THEN 'time_out' ELSE '' END AS stop,
    COALESCE(EXTRACT(epoch FROM clock_timestamp() - COALESCE(run.cancel_requested_at, run.timeout_at)),
             0)::float AS stopping_for
"""

# A deferred run whose time has come: neither attempt nor time limit begin anew, and what it told so far
# stays. The attempt that let it go holds it again, so that each is one line however often somebody looks.
_RESUME = Statement(
    """
    WITH due AS (
        SELECT id FROM jobs_run WHERE state = 'deferred' AND available_at <= statement_timestamp()
        ORDER BY available_at, id LIMIT 1 FOR UPDATE SKIP LOCKED
    ), claimed AS (
        UPDATE jobs_run run SET
            state = 'running', reason = '', fence = run.fence + 1, worker = %(worker)s, error = '{}',
            lease_until = clock_timestamp() + make_interval(secs => %(lease)s)
        FROM jobs_job job, due WHERE run.id = due.id AND run.state = 'deferred' AND job.id = run.job_id
        RETURNING :claimed
    ), attempt AS (
        UPDATE jobs_attempt SET fence = claimed.fence, worker = %(worker)s, outcome = 'running',
            error_class = '', error = '', finished_at = NULL
        FROM claimed WHERE run_id = claimed.id AND jobs_attempt.fence =
            (SELECT max(newest.fence) FROM jobs_attempt newest WHERE newest.run_id = claimed.id)
    ), event AS (
        INSERT INTO jobs_runevent (run_id, at, kind, data)
        SELECT id, clock_timestamp(), 'resumed',
               jsonb_build_object('attempt', attempt, 'worker', %(worker)s::text, 'stop', stop)
        FROM claimed
    )
    SELECT * FROM claimed
""".replace(":claimed", _CLAIMED)
)

# Of each requester the best run, then the requester with the fewest running. Whether the chosen one is still
# queued is asked in words that run_claimable does not answer: that would be searched from end to end for it.
_CLAIM = Statement(
    """
    WITH RECURSIVE requester AS (:requesters), running AS MATERIALIZED (
        SELECT job_id, pool_id, backfill_id, COALESCE(requested_by_id, 0) AS requester, looks = 0 AS has_place
        FROM jobs_run WHERE state = 'running'
        UNION ALL
        SELECT job_id, pool_id, backfill_id, COALESCE(requested_by_id, 0), false
        FROM jobs_run WHERE state = 'deferred'
    ), closed AS MATERIALIZED (
        SELECT job.id FROM jobs_job job WHERE NOT job.enabled
        UNION ALL
        SELECT job.id FROM jobs_job job JOIN running ON running.job_id = job.id
        GROUP BY job.id HAVING count(*) >= job.max_active_runs
    ), held_back AS MATERIALIZED (
        SELECT backfill.id FROM jobs_backfill backfill WHERE backfill.paused
        UNION ALL
        SELECT backfill.id FROM jobs_backfill backfill JOIN running ON running.backfill_id = backfill.id
        GROUP BY backfill.id HAVING count(*) >= backfill.parallel
    ), chosen AS (
        SELECT best.id FROM requester
        CROSS JOIN LATERAL (
            SELECT run.id, run.priority, run.available_at FROM jobs_run run
            WHERE run.state = 'queued' AND run.pool_id = %(pool)s
              AND COALESCE(run.requested_by_id, 0) = requester.id
              AND run.available_at <= statement_timestamp() AND run.cancel_requested_at IS NULL
              AND run.job_id NOT IN (SELECT id FROM closed) AND run.id <> ALL(%(held)s::uuid[])
              AND (run.backfill_id IS NULL OR run.backfill_id NOT IN (SELECT id FROM held_back))
            ORDER BY run.priority DESC, run.available_at, run.id LIMIT 1
        ) best
        WHERE (SELECT count(*) FROM running WHERE pool_id = %(pool)s AND has_place) < %(slots)s
        ORDER BY best.priority DESC,
                 (SELECT count(*) FROM running WHERE running.requester = requester.id AND has_place),
                 best.available_at, best.id
        LIMIT 1
    ), locked AS (
        SELECT run.id FROM jobs_run run
        WHERE run.id = (SELECT id FROM chosen) AND run.state = (SELECT 'queued')
        FOR NO KEY UPDATE SKIP LOCKED
    ), claimed AS (
        UPDATE jobs_run run SET
            state = 'running', reason = '', attempt = run.attempt + 1, fence = run.fence + 1,
            worker = %(worker)s, job_version = job.version, progress = '{}', error = '{}',
            lease_until = clock_timestamp() + make_interval(secs => %(lease)s),
            timeout_at = clock_timestamp() + make_interval(secs => job.timeout),
            started_at = COALESCE(run.started_at, clock_timestamp())
        FROM jobs_job job, locked WHERE run.id = locked.id AND job.id = run.job_id
        RETURNING :claimed
    ), attempt AS (
        INSERT INTO jobs_attempt (run_id, number, fence, worker, outcome, error_class, error, started_at)
        SELECT id, attempt, fence, %(worker)s, 'running', '', '', clock_timestamp() FROM claimed
    ), event AS (
        INSERT INTO jobs_runevent (run_id, at, kind, data)
        SELECT id, clock_timestamp(), 'started',
               jsonb_build_object('attempt', attempt, 'worker', %(worker)s::text)
        FROM claimed
    )
    SELECT *, (SELECT id FROM chosen) FROM (SELECT 1) one LEFT JOIN claimed ON true
""".replace(":claimed", _CLAIMED).replace(":requesters", _REQUESTERS.replace(":pool", "%(pool)s"))
)

_ANY = Statement("""
    SELECT count(*) FROM (
        (SELECT 1 FROM jobs_run WHERE state = 'queued' AND available_at <= statement_timestamp()
         LIMIT %(limit)s)
        UNION ALL
        (SELECT 1 FROM jobs_run WHERE state = 'deferred' AND available_at <= statement_timestamp()
         LIMIT %(limit)s)
        LIMIT %(limit)s
    ) found
""")


@dataclass(frozen=True, slots=True)
class Claim:
    """A run that this process holds by its fence until its lease ends; durations in seconds.

    Where ``looks`` is not 0 its work goes on ``elsewhere``, and this is one look after it. Then ``stop`` says
    that the work there is to be stopped (``cancel`` or ``time_out``), asked for ``stopping_for`` seconds ago.
    """

    run_id: UUID
    number: int
    fence: int
    attempt: int
    max_attempts: int
    hand_overs: int
    params: dict[str, Any]
    job_key: str
    kind: str
    config: dict[str, Any]
    isolation: str
    backoff: int
    backoff_cap: int
    timeout: int
    looks: int = 0
    progress: dict[str, Any] = field(default_factory=dict)
    elsewhere: dict[str, Any] = field(default_factory=dict)
    stop: str = ""
    stopping_for: float = 0.0
    # The values of the secrets that the config names; None for one that cannot be had. See held.py.
    secrets: dict[str, str | None] = field(default_factory=dict, repr=False)
    # The hosts that each of them may be sent to.
    secret_hosts: dict[str, list[str]] = field(default_factory=dict)
    # This process's monotonic clock just before the claim: the lease cannot have begun earlier.
    asked_at: float = 0.0

    def as_json(self) -> bytes:
        """Return it as another process reads it; the secrets stand in it."""
        return json.dumps(asdict(self), default=str).encode()

    @classmethod
    def from_json(cls, data: str) -> Self:
        """Read what ``as_json`` wrote."""
        values = json.loads(data)
        return cls(**{**values, "run_id": UUID(values["run_id"])})


_NAMES = [each.name for each in fields(Claim)][:-3]
# Django's connections hand JSON columns of raw queries over as text.
_JSON = frozenset({"params", "config", "progress", "elsewhere"})


def claim(worker: str) -> Claim | None:
    """Claim the next run for a worker; None when nothing is claimable.

    The lease is counted by the database's clock from here on; whoever holds the claim renews it.
    """
    tried: list[int] = []
    held: list[UUID] = []

    def take(execute: Execute) -> tuple[Row | None, int | None, UUID | None]:
        """Return what was claimed of which pool, or which run of it somebody else holds."""
        due, pool, slots = execute(_LOCK_POOL, tried=tried) or ()
        holder = {"worker": worker, "lease": settings.RUN_LEASE}
        if due and (resumed := execute(_RESUME, **holder)):
            return resumed, None, None
        if pool is None:
            return None, None, None
        row = execute(_CLAIM, **holder, pool=pool, slots=slots, held=held)
        _, *claimed, chosen = row or ()
        return (tuple(claimed) if claimed[0] is not None else None), pool, chosen

    while True:
        asked_at = time.monotonic()
        claimed, pool, chosen = transact(take, _LOCK_POOL, _RESUME, _CLAIM)
        if claimed is not None:
            return _claim_of(claimed, asked_at)
        if pool is None:
            return None
        if chosen is None:
            # Everything in this pool waits for its own job's limit.
            tried.append(pool)
        else:
            # Somebody else holds it, for an instant (a cancel) or for long: the next one must not wait.
            held.append(chosen)


def _claim_of(row: Sequence[Any], asked_at: float) -> Claim:
    values = dict(zip(_NAMES, row, strict=True))
    values |= {name: json.loads(values[name]) for name in _JSON}
    return Claim(**values, asked_at=asked_at)


def count_claimable(limit: int) -> int:
    """Count the runs that could be taken, up to a limit; their pools may be full all the same."""
    (count,) = _ANY.alone(limit=limit) or ()
    return int(count)
