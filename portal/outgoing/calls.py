"""One call to another system."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import structlog
from django.utils.module_loading import import_string

from portal.outgoing.destinations import check_url
from portal.outgoing.exceptions import AnswerTooLarge, OutgoingError, Refused

if TYPE_CHECKING:
    import httpx

log = structlog.get_logger(__name__)

# Seconds for all of a call: the name, the connection, the request and the answer.
PATIENCE: Final = 5.0
LARGEST_ANSWER: Final = 64 * 1024
# Refusals of the moment, beside everything from 500 on.
_NOT_NOW: Final = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True)
class Answer:
    """What the other system said; header names are in small letters."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def is_success(self) -> bool:
        """Say whether it is a 2xx."""
        return 200 <= self.status < 300

    @property
    def may_heal(self) -> bool:
        """Say whether the same call may go well later: the other side is at fault, too slow or too busy."""
        return self.status >= 500 or self.status in _NOT_NOW

    def json(self) -> Any:
        """Return the body as JSON; raises ValueError."""
        return json.loads(self.body)


def call(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    patience: float = PATIENCE,
    largest_answer: int = LARGEST_ANSWER,
) -> Answer:
    """Send one request and return the answer, whatever its status; raises OutgoingError.

    Never follows a redirect (it would lead past the judgement), never takes a proxy or a password from the
    environment. ``patience`` is in seconds for all of it, ``largest_answer`` in bytes.
    """
    destination = check_url(url)
    # Unpacked a small answer could be a large one.
    sent = {"User-Agent": "data-desk", "Accept-Encoding": "identity", **(headers or {})}
    # The library is loaded by who calls: many processes that know of calls never make one.
    send = import_string("portal.outgoing.wire.send")
    try:
        with send(method, url, destination, patience, headers=sent, body=body) as answer:
            return Answer(
                answer.status_code,
                {name.lower(): value for name, value in answer.headers.items()},
                _read(answer, largest_answer),
            )
    except OutgoingError as error:
        level = log.warning if isinstance(error, Refused) else log.info
        level("outgoing_failed", host=destination.host, port=destination.port, reason=error.reason)
        raise


def _read(answer: "httpx.Response", most: int) -> bytes:
    parts, size = [], 0
    for part in answer.iter_raw():
        size += len(part)
        if size > most:
            raise AnswerTooLarge
        parts.append(part)
    return b"".join(parts)
