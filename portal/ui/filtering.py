"""Filters of a page's list, as the address holds them."""

from typing import Any, TypeVar

import django_filters
from django.http import QueryDict

Filters = TypeVar("Filters", bound=django_filters.FilterSet)


def given_filters(
    kind: type[Filters], data: QueryDict, **arguments: Any
) -> tuple[Filters | None, dict[str, Any]]:
    """Return the filters, made with the arguments, and the values that count; None where none is given.

    On a page a value that no list knows counts as not given, so that old links still open.
    """
    if not any(map(data.get, kind.base_filters)):
        return None, {}
    found = kind(data, **arguments)
    if not found.is_valid():
        clean = data.copy()
        for name in found.errors:
            clean.pop(name, None)
        found = kind(clean, **arguments)
        found.is_valid()
    return found, {name: value for name, value in found.form.cleaned_data.items() if value}
