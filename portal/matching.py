"""Words in texts, sought by a pattern that a prepared queryset takes as it takes any value."""

from typing import Final

from django.db import connection
from django.db.models.lookups import PostgresOperatorLookup

_MOST_WORDS: Final = 8


class Like(PostgresOperatorLookup):
    """Say whether a text holds a pattern of ``LIKE``, in upper or lower case."""

    lookup_name = "like"
    postgres_operator = "ILIKE"


def patterns_of(text: str) -> tuple[str, ...]:
    """Return a pattern for each of the first eight words."""
    return tuple(f"%{connection.ops.prep_for_like_query(word)}%" for word in text.split()[:_MOST_WORDS])
