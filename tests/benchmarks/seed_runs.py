"""Fill the history with many runs of many jobs, fast: they are written by the database itself."""

from django.db import connection, transaction

from jobs.models import Job

# Every twelfth fails, as in an ordinary year; each took between one second and ten minutes.
_RUNS = """
    INSERT INTO jobs_run (
        id, number, job_id, job_version, trigger, partition, principal, params, priority, pool_id, state,
        reason, available_at, attempt, max_attempts, hand_overs, fence, worker, cancel_requested_by,
        progress, outputs, error, created_at, started_at, finished_at)
    SELECT
        -- As uuid7 does: the first 48 bits are the milliseconds, so that ids sort by time.
        (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7'
            || substr(md5(n::text), 1, 3) || '8' || substr(md5(n::text), 5, 15))::uuid,
        nextval('jobs_run_number'), job.id, 1, 'schedule', '', 'seed', '{}', 0, job.pool_id,
        CASE WHEN n %% 12 = 0 THEN 'failed' ELSE 'succeeded' END, '',
        at, 1, 1, 0, 1, 'seed', '',
        '{"step": "load", "steps": [], "fraction": 1}', '{}',
        CASE WHEN n %% 12 = 0 THEN '{"class": "user_code", "message": "It failed.", "detail": ""}'
             ELSE '{}' END::jsonb,
        at, at + interval '1 second', at + make_interval(secs => 2 + (n %% 6007) %% 600)
    FROM generate_series(1, %(count)s) AS n
    CROSS JOIN LATERAL (
        SELECT now() - interval '1 hour' - (interval '3 years' / %(count)s) * (%(count)s - n) AS at
    ) AS moment
    JOIN (
        SELECT id, pool_id, row_number() OVER (ORDER BY id) - 1 AS place, count(*) OVER () AS many
        FROM jobs_job WHERE key LIKE 'seeded-%%'
    ) AS job ON job.place = (n * 31) %% job.many
"""


def seed(count: int, *, jobs: int, like: str) -> list[str]:
    """Make ``jobs`` copies of the job ``like`` with ``count`` runs between them; return their keys."""
    original = Job.objects.get(key=like)
    copies = []
    for number in range(jobs):
        copy = Job.objects.get(pk=original.pk)
        copy.pk, copy.key, copy.name_en = None, f"seeded-{number}", f"Seeded {number}"
        copies.append(copy)
    with transaction.atomic():
        Job.objects.bulk_create(copies)
        with connection.cursor() as cursor:
            cursor.execute(_RUNS, {"count": count})
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE jobs_run")
    return [copy.key for copy in copies]
