"""Whose a table of the lake is: a job fills none that another one fills, or that its owner may not see."""

from collections.abc import Collection

from catalog.choices import Visibility
from catalog.models import Dataset
from jobs.choices import DBT_KIND
from jobs.models import Job
from portal.accounts.models import User
from portal.said import said


class TableRefused(Exception):
    """A job may not fill a table; the message names it."""

    error_class = "settings"


def refused_tables(
    tables: Collection[str], *, key: str, kind: str, owner: User | None, reader: User | None
) -> dict[str, str]:
    """Return why the job of this key may not fill some of these tables, in the language of the moment.

    Another job is named only where the ``reader`` may know of it. The projects of dbt share their tables.
    """
    others = Job.objects.filling(tables).exclude(key=key)
    if kind == DBT_KIND:
        others = others.exclude(kind=DBT_KIND)
    refused = _unseen(tables, key=key, owner=owner)
    # Few projects meet another job at all: then nobody asks table by table.
    for table in tables if others.exists() else ():
        filling = others.filling([table])
        known = filling.visible_to(reader).first() if reader else None
        if known is not None:
            refused[table] = said("The job %(job)s fills the table %(table)s.", job=known.key, table=table)
        elif filling.exists():
            refused[table] = said("Another job fills the table %(table)s.", table=table)
    return refused


def require_table(table: str, *, key: str) -> None:
    """Raise TableRefused where the job of this key may not fill a table as things stand now."""
    job = Job.objects.select_related("owner").get(key=key)
    refused = refused_tables([table], key=key, kind=job.kind, owner=job.owner, reader=job.owner)
    if refused:
        raise TableRefused(refused[table])


def _unseen(tables: Collection[str], *, key: str, owner: User | None) -> dict[str, str]:
    published = Dataset.objects.filter(physical_name__in=tables, published_at__isnull=False)
    own = Job.objects.filter(key=key).values("runs")
    if owner is None:
        seen = Dataset.objects.filter(asset__visibility=Visibility.COMPANY)
    else:
        seen = Dataset.objects.visible_to(owner)
    unseen = published.exclude(published_by__in=own).exclude(pk__in=seen.values("pk"))
    return {
        table: said("The job’s owner may not see the table %(table)s.", table=table)
        for table in unseen.values_list("physical_name", flat=True)
    }
