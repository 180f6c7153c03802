"""Which tables and columns one person may use in SQL of their own."""

from collections import defaultdict
from collections.abc import Collection
from typing import Final

from catalog.choices import AssetKind
from catalog.models import Column, Dataset
from portal.accounts.models import User
from portal.accounts.permissions import Permission
from portal.warehouse.linting import ReadableTable

MOST: Final = 5_000


def readable_tables(
    user: User, *, names: Collection[str] | None = None, for_others: bool = False
) -> dict[str, ReadableTable]:
    """Return the published tables of the datasets this person may see, by «schema.name»; two queries.

    With ``names``, of these tables only.
    Personal columns are withheld from those who may not unmask them, unless they own the dataset; with
    ``for_others``, where somebody else is going to read the rows, from everybody.
    """
    if not user.may(Permission.RUN_SQL):
        return {}
    published = Dataset.objects.visible_to(user).filter(
        asset__kind=AssetKind.DATASET, published_at__isnull=False
    )
    if names is not None:
        published = published.filter(physical_name__in=names)
    datasets = list(published.values_list("pk", "physical_name", "asset__owner")[:MOST])
    columns: dict[int, dict[str, str]] = defaultdict(dict)
    personal: dict[int, set[str]] = defaultdict(set)
    rows = Column.objects.filter(dataset__in=[pk for pk, *_ in datasets]).order_by("dataset", "position")
    for pk, name, kind, is_personal in rows.values_list("dataset", "name", "data_type", "personal"):
        columns[pk][name] = kind
        if is_personal:
            personal[pk].add(name)
    unmasks = user.may(Permission.UNMASK)
    return {
        table: ReadableTable(
            name=table,
            columns=columns[pk],
            withheld=frozenset()
            if not for_others and (unmasks or owner == user.pk)
            else frozenset(personal[pk]),
        )
        for pk, table, owner in datasets
    }
