"""Wait for the database without becoming deaf: a supervisor must keep its clocks while a query hangs.

libpq waits in C and retries after signals, so a frozen server would keep the supervisor from killing a body
whose lease runs out. psycopg2's wait callback moves the waiting into Python, where the guard is asked.
"""

import select
from collections.abc import Callable
from typing import Any

import psycopg2
from psycopg2 import extensions

# How often the guard is asked while a query is under way, in milliseconds.
_PAUSE = 500

_guard: Callable[[], None] | None = None


def guard(ask: Callable[[], None] | None) -> None:
    """Have this asked during long waits; whatever it raises ends the query and its connection."""
    global _guard  # noqa: PLW0603 - one supervisor a process, and psycopg2's callback is as global
    _guard = ask


def install() -> None:
    """Let all of this process's database waits be guarded."""
    extensions.set_wait_callback(_wait)


def _wait(connection: Any) -> None:
    while True:
        state = connection.poll()
        if state == extensions.POLL_OK:
            return
        if state not in (extensions.POLL_READ, extensions.POLL_WRITE):
            raise psycopg2.OperationalError("unexpected answer while waiting for the database")
        poll = select.poll()
        poll.register(connection.fileno(), select.POLLIN if state == extensions.POLL_READ else select.POLLOUT)
        while not poll.poll(_PAUSE):
            if _guard is not None:
                _guard()
