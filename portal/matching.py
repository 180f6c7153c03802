"""Words in texts, sought by a pattern that a prepared queryset takes as it takes any value."""

from typing import Final

from django.db.models.lookups import PostgresOperatorLookup

_MOST_WORDS: Final = 8


class Like(PostgresOperatorLookup):
    """Say whether a text holds a pattern of ``LIKE``, in upper or lower case."""

    lookup_name = "like"
    postgres_operator = "ILIKE"


def patterns_of(text: str) -> tuple[str, ...]:
    """Return a pattern for each of the first eight words."""
    return tuple(f"%{_literal(word)}%" for word in text.split()[:_MOST_WORDS])


def _literal(word: str) -> str:
    for special in "\\%_":
        word = word.replace(special, f"\\{special}")
    return word
