"""Filters of a page's list, as the address holds them."""

from functools import cache
from typing import Any, TypeVar

import django_filters
from django.forms import Form
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


def given_values(kind: type[django_filters.FilterSet], data: QueryDict) -> dict[str, Any]:
    """Return the values that count, for a list that chooses by them itself; see ``given_filters``."""
    if not any(map(data.get, kind.base_filters)):
        return {}
    form = _form_of(kind)(data)
    form.is_valid()
    return {name: value for name, value in form.cleaned_data.items() if value}


@cache
def _form_of(kind: type[django_filters.FilterSet]) -> type[Form]:
    form: type[Form] = kind().get_form_class()
    return form
