"""The gallery: every component in every state."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from portal.ui import specimens


@require_safe
def gallery(request: HttpRequest) -> HttpResponse:
    """Show each component once, in every state that a page may show."""
    return render(request, "gallery/gallery.html", specimens.everything())
