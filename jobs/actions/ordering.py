"""Let SQL models run after the jobs that fill the tables they read: in the order that the SQL states."""

from collections.abc import Iterable
from importlib import import_module
from typing import Any

from django.utils.translation import gettext as _

from jobs.circles import path_back, shown_path
from jobs.exceptions import FieldError, InvalidDefinition
from jobs.models import Job
from portal.accounts.models import User

MODELS = "sql_model"
FILLERS = ("extract_load", MODELS)


def arrange(job: Job, reader: User | None = None) -> None:
    """Set what the job comes after, and which models come after it; raises InvalidDefinition for a circle.

    What its definition names stays. Call it in the transaction that has saved the job.
    """
    if job.kind == MODELS:
        _follow(job, Job.objects.filter(kind__in=FILLERS, config__target__in=tables_read(job)))
    target = job.config.get("target") if job.kind in FILLERS else None
    for model in Job.objects.filter(kind=MODELS).exclude(pk=job.pk):
        stated = _stated(model)
        comes_after = target is not None and target in tables_read(model)
        if comes_after:
            model.after.add(job)
        elif job.key not in stated:
            model.after.remove(job)
    if job.kind in FILLERS:
        _require_no_circle(job, reader)


def tables_read(job: Job) -> set[str]:
    """Return the tables («schema.name») whose makers a model follows; none where it does not want to."""
    if not job.config.get("follows_inputs", True):
        return set()
    # Loaded when first needed: a supervisor, which forks, imports this module too and must stay small.
    sqlglot: Any = import_module("sqlglot")
    try:
        tree = sqlglot.parse_one(job.config["sql"], dialect="duckdb")
    except (sqlglot.errors.SqlglotError, RecursionError):
        return set()
    return {f"{table.db}.{table.name}".casefold() for table in tree.find_all(sqlglot.exp.Table) if table.db}


def _follow(job: Job, makers: Iterable[Job]) -> None:
    job.after.add(*[maker for maker in makers if maker.pk != job.pk])


def _stated(job: Job) -> set[str]:
    newest = job.versions.first()
    return set(newest.definition.get("after", ())) if newest else set()


def _require_no_circle(job: Job, reader: User | None) -> None:
    if path := path_back(job.key, jobs=set(job.after.values_list("key", flat=True))):
        text = _("These would start each other without end: {circle}.")
        message = text.format(circle=shown_path(path, reader))
        field = "config.sql" if job.kind == MODELS else "config.target"
        raise InvalidDefinition([FieldError(field=field, message=message)])
