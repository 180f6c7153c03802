"""Calls to other systems: never to an address inside the house unless the configuration names it."""

from portal.outgoing.calls import Answer, call
from portal.outgoing.destinations import check_public, check_url, reach
from portal.outgoing.exceptions import (
    AnswerTooLarge,
    Mistyped,
    NoConnection,
    OutgoingError,
    OutOfTime,
    Refused,
    UnknownName,
)

__all__ = [
    "Answer",
    "AnswerTooLarge",
    "Mistyped",
    "NoConnection",
    "OutOfTime",
    "OutgoingError",
    "Refused",
    "UnknownName",
    "call",
    "check_public",
    "check_url",
    "reach",
]
