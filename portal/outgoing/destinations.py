"""Where calls may go: which addresses are written well, and which of the machines behind them are public."""

import ipaddress
import queue
import socket
import threading
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

from django.conf import settings

from portal.outgoing.exceptions import Mistyped, OutOfTime, Refused, UnknownName
from portal.said import said

LONGEST_URL: Final = 2000
# What an unlisted host may be asked on; another port of a public machine may be anything but the web.
PUBLIC_PORTS: Final = frozenset({443, 8443})
# Without a port of its own an allowed host is one of the web.
WEB_PORTS: Final = frozenset({80, 443})

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# Public by their number, yet each leads inside: NAT64 and 6to4 carry an IPv4 address, Teredo too; the last
# one is where Azure's machines ask for their own credentials.
_INSIDE_ALL_THE_SAME: Final = tuple(
    ipaddress.ip_network(network)
    for network in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "168.63.129.16/32")
)


@dataclass(frozen=True, slots=True)
class Destination:
    """A host and port that a call goes to; ``allowed`` says that the configuration names it."""

    host: str
    port: int
    allowed: bool


def check_url(url: str) -> Destination:
    """Return where an address leads, before anything is resolved; raises Mistyped with what to change."""
    if len(url) > LONGEST_URL:
        raise Mistyped(said("The address is longer than %(most)s characters.", most=LONGEST_URL))
    if any(ord(sign) <= 32 or ord(sign) == 127 for sign in url) or "\\" in url:
        raise Mistyped(said("The address holds a blank, a line break or a backslash: write them with %."))
    # Read as the call will read it. The library is loaded only now: most processes never see an address.
    httpx: Any = import_module("httpx")
    try:
        parts = httpx.URL(url)
        host = parts.raw_host.decode("ascii").rstrip(".").lower()
    except (httpx.InvalidURL, UnicodeError, ValueError):
        raise Mistyped(said("The address cannot be read. It looks like https://host/path.")) from None
    if parts.scheme not in ("https", "http") or not host:
        raise Mistyped(said("The address begins with https:// and a host."))
    if parts.userinfo:
        raise Mistyped(said("The address holds a user or password before @: send it in a header instead."))
    port = parts.port or (443 if parts.scheme == "https" else 80)
    allowed = _is_allowed(host, port)
    if parts.scheme == "http" and not allowed:
        raise Mistyped(said("The address begins with https://: without TLS anybody on the way reads along."))
    if port not in PUBLIC_PORTS and not allowed:
        raise Mistyped(said("The address names port %(port)s; Data Desk calls port 443 or 8443.", port=port))
    return Destination(host, port, allowed)


def check_public(url: str) -> Destination:
    """Return where an address leads that somebody writes down; raises Mistyped, and Refused as a call would.

    A name is judged only when it is called: by then it may lead elsewhere.
    """
    destination = check_url(url)
    host = destination.host.strip("[]")
    is_local = host == "localhost" or host.endswith(".localhost")
    if not destination.allowed and (is_local or (_is_number(host) and not is_public(host))):
        raise Refused
    return destination


def reach(host: str, port: int, patience: float) -> tuple[Destination, list[str]]:
    """Return where a connection that is not the web's goes, and the judged addresses to connect to.

    Only a listed host with this very port may be inside; ``allowed`` says that it is listed. Raises Refused,
    UnknownName and OutOfTime (``patience`` is in seconds).
    """
    name = host.rstrip(".").lower()
    destination = Destination(name, port, (name, port) in settings.OUTGOING_ALLOW)
    return destination, addresses_of(destination, patience)


def addresses_of(destination: Destination, patience: float) -> list[str]:
    """Resolve the name once and return its addresses, all of them judged; raises Refused or UnknownName.

    One address inside is enough to refuse: a name that leads to both is somebody's trick.
    """
    found = _resolve(destination.host, destination.port, patience)
    if not destination.allowed and not all(is_public(each) for each in found):
        raise Refused
    return found


def is_public(text: str) -> bool:
    """Say whether an address belongs to the public internet."""
    try:
        address: Address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    return not any(address in network for network in _INSIDE_ALL_THE_SAME)


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _is_allowed(host: str, port: int) -> bool:
    return any(
        host == name and (port == given if given else port in WEB_PORTS)
        for name, given in settings.OUTGOING_ALLOW
    )


def _resolve(host: str, port: int, patience: float) -> list[str]:
    # The C library waits for name servers as long as it likes, so somebody else waits for it.
    answers: queue.SimpleQueue[list[str] | OSError] = queue.SimpleQueue()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            answers.put(error if isinstance(error, OSError) else OSError(socket.EAI_NONAME, str(error)))
        else:
            answers.put(list(dict.fromkeys(str(each[4][0]) for each in found)))

    threading.Thread(target=ask, name="resolver", daemon=True).start()
    try:
        answer = answers.get(timeout=max(patience, 0.0))
    except queue.Empty:
        raise OutOfTime from None
    if isinstance(answer, OSError) or not answer:
        unknown = UnknownName()
        unknown.surely = isinstance(answer, OSError) and answer.errno == socket.EAI_NONAME
        raise unknown
    return answer
