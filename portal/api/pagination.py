"""Lists come page by page, by key: no page is skipped or shown twice while rows are added."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import DataError
from django.db.models import QuerySet
from rest_framework.exceptions import NotFound
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request

from portal.api.problems import Problem

LARGEST_PAGE = 200


class KeysetPagination(CursorPagination):
    """Answer ``{"next", "previous", "results"}``; ``?cursor=`` goes on, ``?limit=`` is 1 to 200.

    A view names its order in ``ordering``; without one the newest key comes first. What it reads from the
    address beside its filters stands in ``asked_besides``: any other word is refused.
    """

    cursor_query_param = "cursor"
    page_size_query_param = "limit"
    max_page_size = LARGEST_PAGE
    cursor_query_description = "Where to go on: take it from next or previous of an earlier answer."
    page_size_query_description = f"How many rows: 1 to {LARGEST_PAGE}, 50 unless you say otherwise."
    ordering = "-pk"

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any] | None:
        """Return one page; a word that nobody knows, or a cursor never given out, is the caller's mistake."""
        _refuse_unknown(request, view)
        try:
            page: list[Any] | None = super().paginate_queryset(queryset, request, view=view)
        except (NotFound, ValidationError, ValueError, DataError):
            # DRF checks only the cursor's wrapping; a forged position fails in the database's types.
            raise _wrong("cursor", "Take the cursor from next or previous of an earlier answer.") from None
        return page

    def get_page_size(self, request: Request) -> int | None:
        """Return the limit asked for."""
        raw = request.query_params.get(self.page_size_query_param)
        if raw is None:
            return self.page_size
        if not raw.isascii() or not raw.isdigit() or len(raw) > 6 or not 1 <= int(raw) <= LARGEST_PAGE:
            raise _wrong("limit", f"It takes a whole number from 1 to {LARGEST_PAGE}.")
        return int(raw)

    def get_ordering(self, request: Request, queryset: QuerySet[Any], view: Any) -> Any:
        """Return the view's own order, else the newest first; never one from the URL."""
        ordering = getattr(view, "ordering", None) or self.ordering
        return (ordering,) if isinstance(ordering, str) else tuple(ordering)


def _refuse_unknown(request: Request, view: Any) -> None:
    """Refuse a misspelt filter: what is passed over in silence answers with rows that nobody asked for."""
    filters = getattr(getattr(view, "filterset_class", None), "base_filters", {})
    known = {KeysetPagination.cursor_query_param, KeysetPagination.page_size_query_param}
    known |= {*filters, *getattr(view, "asked_besides", ())}
    if unknown := sorted(set(request.query_params) - known - {"format"}):
        message = f"There is no such parameter. There are: {', '.join(sorted(known))}."
        errors = [{"field": name[:100], "message": message} for name in unknown]
        raise Problem(400, kind="problem-validation", errors=errors)


def _wrong(field: str, message: str) -> Problem:
    return Problem(400, kind="problem-validation", errors=[{"field": field, "message": message}])
