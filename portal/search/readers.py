"""Ranking for a reader, with the SQL written once; for what is searched while somebody types."""

from collections.abc import Callable, Mapping
from typing import Any

from django.db.models import QuerySet

from portal.accounts.models import User
from portal.accounts.prepared import Prepared
from portal.search.ranking import Candidate, Found, Stage, by_stages, partly, staged
from portal.search.vectors import Query


class Ranking:
    """What ``ranked`` does, for a reader among the rows that ``visible_to`` gives."""

    def __init__(self, visible_to: Callable[[User], QuerySet[Any]], *columns: str) -> None:
        self._columns = columns
        self._staged: Prepared[Found] = Prepared(
            lambda **values: _of_stages(visible_to(values.pop("user")), values, columns)
        )
        self._partial: Prepared[Found] = Prepared(
            lambda *, user, either, each: partly(visible_to(user), either, each, columns)
        )

    def of(self, query: Query, user: User) -> list[Candidate]:
        """Return what the query finds of what this person may see, as ``ranked`` does."""
        return by_stages(
            query,
            self._columns,
            lambda stages: self._staged(
                user=user, **{stage.name: tsquery for stage, tsquery in stages.items()}
            ),
            lambda: self._partial(user=user, either=query.any, each=query.each),
        )


def _of_stages(
    rows: QuerySet[Any], tsqueries: Mapping[str, str], columns: tuple[str, ...]
) -> QuerySet[Any, Any]:
    return staged(rows, {Stage[name]: tsquery for name, tsquery in tsqueries.items()}, columns)
