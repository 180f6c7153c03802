"""One box for everything: the page of results, and the same list for the command palette."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from portal.dashboard.finding import LONGEST, found
from portal.ui.htmx import wants_part


@require_safe
def find(request: HttpRequest) -> HttpResponse:
    """Show what the words name; to htmx only the list."""
    text = request.GET.get("q", "").strip()[:LONGEST]
    template = "dashboard/find.html" + ("#results" if wants_part(request) else "")
    groups = found(request, text)
    # The offer to ask is no find.
    is_found = any(group.name != "ask" for group in groups)
    response = render(request, template, {"q": text, "groups": groups, "is_found": is_found})
    patch_vary_headers(response, ["HX-Request"])
    return response
