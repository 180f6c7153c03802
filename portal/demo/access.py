"""Who may sign in as one of the cast: somebody sitting at this very machine, in demo mode."""

from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest

_LOOPBACK_NAMES: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_PROXY_HEADERS: Final = ("HTTP_FORWARDED", "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_HOST", "HTTP_X_REAL_IP")


def may_sign_in_as_cast(request: HttpRequest) -> bool:
    """Say whether this request may become somebody without a password.

    The setting, the peer's address and the Host header must all be of this machine: a page of another
    site that resolves its own name to 127.0.0.1 fails at the Host, and what came through a proxy is
    refused, since then the peer is the proxy and not the visitor.
    """
    return (
        bool(settings.DEMO_SIGN_IN)
        and _is_loopback(request.META.get("REMOTE_ADDR", ""))
        and urlsplit(f"//{request.get_host()}").hostname in _LOOPBACK_NAMES
        and not any(name in request.META for name in _PROXY_HEADERS)
    )


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
