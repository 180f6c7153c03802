"""Let SQL models run after the jobs that fill the tables they read: in the order that the SQL states."""

from collections.abc import Collection
from functools import reduce
from importlib import import_module
from operator import or_
from typing import Any

from django.db.models import Q, QuerySet

from catalog.choices import NodeKind
from catalog.models import Dataset, LineageEdge
from jobs.circles import path_back, shown_path
from jobs.exceptions import FieldError, InvalidDefinition
from jobs.models import Job, Run
from portal.accounts.models import User
from portal.events import Reference
from portal.said import said

MODELS = "sql_model"
FILLERS = ("extract_load", MODELS)


def arrange(job: Job, reader: User | None = None) -> None:
    """Set what the job comes after, and which models come after it; raises InvalidDefinition for a circle.

    What its definition names stays. Call it in the transaction that has saved the job.
    """
    if job.kind == MODELS:
        job.after.add(*_makers(tables_read(job)).exclude(pk=job.pk))
    fills, follow = _tables_filled(job), set(job.followers.values_list("pk", flat=True))
    for model in Job.objects.filter(kind=MODELS).exclude(pk=job.pk):
        reads = tables_read(model)
        if model.pk in follow or not fills.isdisjoint(reads):
            _arrange_anew(model, reads)
    if job.kind in FILLERS and (path := _circle(job)):
        message = said(
            "These would start each other without end: %(circle)s.", circle=shown_path(path, reader)
        )
        field = "config.sql" if job.kind == MODELS else "config.target"
        raise InvalidDefinition([FieldError(field=field, message=message)])


def follow_publisher(run: Run, keys: Collection[str]) -> bool:
    """Let the models that read these datasets follow the job whose run has just published them.

    Whoever published one before is followed no more. A model that would close a circle stays as it is. Say
    whether any follows anew.
    """
    fresh = Dataset.objects.filter(asset__key__in=keys, published_by=run.pk)
    tables = set(fresh.values_list("physical_name", flat=True))
    if not tables:
        return False
    job, anew = run.job, False
    # Nearly always nobody is left after this query: then no SQL is read while a run ends.
    mentions = reduce(or_, (Q(config__sql__icontains=table.rpartition(".")[2]) for table in tables))
    for model in Job.objects.filter(mentions, kind=MODELS).exclude(after=job).exclude(pk=job.pk):
        reads = tables_read(model)
        if tables.isdisjoint(reads):
            continue
        before = list(model.after.all())
        _arrange_anew(model, reads)
        if _circle(model):
            model.after.set(before)
        else:
            anew = True
    return anew


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


def derived_followers(job: Job) -> QuerySet[Job]:
    """Return the models that come after the job only because of the tables they read."""
    models = job.followers.filter(kind=MODELS)
    return models.filter(pk__in=[model.pk for model in models if job.key not in _stated(model)])


def _makers(tables: Collection[str]) -> QuerySet[Job]:
    """Return the jobs that fill these tables: who published one last, else those whose target it is."""
    tables_of = dict(
        Dataset.objects.filter(physical_name__in=tables).values_list("asset__key", "physical_name")
    )
    made = LineageEdge.objects.filter(
        upstream_kind=NodeKind.JOB, downstream_kind=NodeKind.DATASET, downstream_key__in=tables_of
    )
    publishers = dict(made.values_list("downstream_key", "upstream_key"))
    known = set(Job.objects.filter(key__in=publishers.values()).values_list("key", flat=True))
    unknown = set(tables) - {tables_of[key] for key, job in publishers.items() if job in known}
    return Job.objects.filter(Q(key__in=known) | Q(kind__in=FILLERS, config__target__in=unknown))


def _tables_filled(job: Job) -> set[str]:
    """Return the tables that the job has published or is to publish."""
    made = LineageEdge.objects.filter(
        upstream_kind=NodeKind.JOB, upstream_key=job.key, downstream_kind=NodeKind.DATASET
    )
    keys = made.values("downstream_key")
    tables = set(Dataset.objects.filter(asset__key__in=keys).values_list("physical_name", flat=True))
    return tables | ({str(job.config.get("target"))} if job.kind in FILLERS else set())


def _arrange_anew(model: Job, reads: Collection[str]) -> None:
    stated = Job.objects.filter(key__in=_stated(model))
    model.after.set((stated | _makers(reads)).exclude(pk=model.pk))


def _stated(job: Job) -> set[str]:
    newest = job.versions.first()
    return set(newest.definition.get("after", ())) if newest else set()


def _circle(job: Job) -> list[Reference]:
    return path_back(job.key, jobs=set(job.after.values_list("key", flat=True)))
