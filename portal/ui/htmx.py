"""Tell a question for a part of a page from one for the page, and what is seen already from what moved."""

from hashlib import blake2b

from django.http import HttpRequest


def wants_part(request: HttpRequest) -> bool:
    """Say whether htmx asks for a part; a boosted link and a restored page want the whole."""
    headers = request.headers
    whole = "HX-Boosted" in headers or "HX-History-Restore-Request" in headers
    return headers.get("HX-Request") == "true" and not whole


def mark_of(*shown: object) -> str:
    """Return a mark of what a live part shows; while it stays the same there is nothing to send."""
    return blake2b(repr(shown).encode(), digest_size=8).hexdigest()


def has_seen(request: HttpRequest, mark: str) -> bool:
    """Say whether the part that asks shows this already: it is answered with 204 and stays as it is."""
    return wants_part(request) and request.GET.get("seen") == mark


def live_address(request: HttpRequest, mark: str) -> str:
    """Return where a live part asks again: this very address, and what it shows by then."""
    query = request.GET.copy()
    query["seen"] = mark
    return f"{request.path}?{query.urlencode()}"
