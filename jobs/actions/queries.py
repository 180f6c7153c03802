"""Ask the lake: queue a query that somebody wrote."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction

from catalog.readable import readable_tables
from jobs.actions.jobs import JobDefinition, register
from jobs.actions.runs import Triggered, has_room, trigger
from jobs.choices import QUERY_JOB, QUERY_KIND, Isolation, Trigger
from jobs.exceptions import IdempotencyConflict, TooManyQueries
from jobs.models import Job, Pool, Run
from portal.accounts.models import User
from portal.accounts.permissions import Permission
from portal.audit.actions import Actor
from portal.ui.result_chart import ChartChoice
from portal.warehouse.linting import prepare
from portal.warehouse.sealing import sealed

# The lake's dialect; every warehouse of ours so far is one.
DIALECT = "duckdb"
# Nobody has more of themselves than this open at once; the others want answers too.
MOST_OPEN = 5
SLOTS = 4

# Private, since a run names what somebody asked. In a pool of its own: a query neither waits for a load nor
# keeps one waiting. Wrong SQL stays wrong, so only a lost worker or a crash is worth a second try.
ASK_THE_LAKE = JobDefinition(
    key=QUERY_JOB,
    name_en="Ask the lake",
    name_ko="레이크에 질의",
    description_en="Answers the SELECT statements that people write, and keeps the answers as evidence.",
    description_ko="사람들이 작성한 SELECT 문에 답하고, 결과를 근거로 남겨요.",
    kind=QUERY_KIND,
    config={},
    parameters_schema={
        "type": "object",
        "additionalProperties": False,
        "x-order": ["sql", "parameters", "chart"],
        "properties": {
            "sql": {"type": "string", "title": "SQL", "minLength": 1, "maxLength": 100_000},
            "written": {"type": "string", "title": "As written", "maxLength": 100_000},
            "parameters": {"type": "object", "title": "Parameters", "default": {}},
            "chart": {"type": ["object", "null"], "title": "Chart", "default": None},
            "judged": {
                "type": "object",
                "title": "What it reads",
                "default": {},
                "properties": {"tables": {"type": "array", "items": {"type": "string"}}},
            },
        },
        "required": ["sql"],
    },
    private=True,
    pool="queries",
    priority=10,
    max_active_runs=SLOTS,
    timeout=90,
    max_attempts=2,
    backoff=1,
    isolation=Isolation.WARM,
)


def ask(
    *,
    sql: str,
    parameters: Mapping[str, Any],
    chart: ChartChoice | None,
    by: Actor,
    requested_by: User,
) -> Run:
    """Queue a query of a person who may run SQL, and return its run.

    ``parameters`` hold text, numbers, booleans, dates or lists of text by name; they are bound, never
    written into the statement. Raises RefusedSql (nothing is stored), TooManyQueries and JobDisabled.
    """
    return ask_once(sql=sql, parameters=parameters, chart=chart, by=by, requested_by=requested_by).run


def ask_once(
    *,
    sql: str,
    parameters: Mapping[str, Any],
    chart: ChartChoice | None,
    by: Actor,
    requested_by: User,
    principal: str = "",
    idempotency_key: str | None = None,
    how: Trigger = Trigger.MANUAL,
) -> Triggered:
    """Queue a query as ``ask`` does; with a key, once however often it is sent (IdempotencyConflict)."""
    if not requested_by.may(Permission.RUN_SQL):
        raise PermissionDenied
    job = _job()
    principal = principal or f"user:{requested_by.pk}"
    sent = {
        "written": sql,
        "parameters": {name: _plain(value) for name, value in parameters.items()},
        "chart": chart.model_dump() if chart is not None and chart.kind != "none" else None,
    }
    earlier = _earlier(job, principal, idempotency_key)
    if earlier is not None:
        # Compared as it was sent: what was made of it then (a star's columns) may be made otherwise now.
        if {name: earlier.params.get(name) for name in sent} != sent:
            raise IdempotencyConflict
        return Triggered(earlier, created=False)
    tables = readable_tables(requested_by)
    prepared = prepare(sql, dialect=DIALECT, tables=tables, parameters=parameters.keys())
    judged = sealed(prepared, tables, dialect=DIALECT, reader=str(requested_by.pk))
    with transaction.atomic():
        if not has_room(job=job, asker=requested_by, most=MOST_OPEN):
            raise TooManyQueries
        return trigger(
            job=job,
            params={"sql": prepared.sql, **sent, "judged": judged},
            by=by,
            trigger=how,
            requested_by=requested_by,
            principal=principal,
            idempotency_key=idempotency_key,
        )


# What a query depends on; compared with the row at each query.
_STATED = {name: getattr(ASK_THE_LAKE, name) for name in ("config", "parameters_schema", "isolation")}


def _earlier(job: Job, principal: str, key: str | None) -> Run | None:
    if key is None:
        return None
    return Run.objects.filter(job=job, principal=principal, idempotency_key=key).first()


def _job() -> Job:
    """Return the job, registered at its first use or where its definition has changed.

    Without the lock that registering takes: people who ask must not wait for each other.
    """
    job = Job.objects.select_related("pool").filter(key=ASK_THE_LAKE.key).first()
    if job is not None and {name: getattr(job, name) for name in _STATED} == _STATED:
        return job
    Pool.objects.get_or_create(key=ASK_THE_LAKE.pool, defaults={"slots": SLOTS})
    return register(definition=ASK_THE_LAKE, by=Actor.system("query"))


def _plain(value: Any) -> Any:
    if isinstance(value, dt.date):
        return value.isoformat()
    return [str(each) for each in value] if isinstance(value, list | tuple) else value
