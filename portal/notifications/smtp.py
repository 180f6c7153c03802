"""Mail by SMTP with one deadline for all of it: a server that drips an answer a byte a second gains nothing.

The library's own timeout is for each read. Here a watchdog shuts the connection at the deadline, whatever it
is doing by then: reading a greeting, shaking hands for TLS, or saying goodbye.
"""

import smtplib
import socket
import threading
import time
from collections.abc import Sequence
from typing import Any, Final

from django.core.mail import EmailMessage
from django.core.mail.backends.smtp import EmailBackend

# Seconds from the first connection to the last word.
DEADLINE: Final = 5.0


class Watchdog:
    """Shut the sockets that it was given when the time is over."""

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds
        self._lock = threading.Lock()
        self._watched: list[socket.socket] = []
        self.expired = False
        self._timer = threading.Timer(seconds, self._shut)
        self._timer.daemon = True
        self._timer.start()

    @property
    def left(self) -> float:
        """Seconds that are left; raises TimeoutError when there are none."""
        left = self._ends - time.monotonic()
        if self.expired or left <= 0:
            raise TimeoutError
        return left

    def watch(self, connection: socket.socket) -> None:
        """Take this connection under the deadline."""
        # A copy of the descriptor: TLS takes the first one into a socket of its own.
        copy = connection.dup()
        with self._lock:
            self._watched.append(copy)
        if self.expired:
            self._shut()

    def end(self) -> None:
        """Let go of everything."""
        self._timer.cancel()
        with self._lock:
            for each in self._watched:
                each.close()
            self._watched.clear()

    def _shut(self) -> None:
        self.expired = True
        with self._lock:
            for each in self._watched:
                try:
                    each.shutdown(socket.SHUT_RDWR)
                except OSError:
                    # It was closed by the other side already.
                    continue


class WatchedSMTP(smtplib.SMTP):
    """An SMTP connection under a watchdog."""

    def __init__(self, *args: Any, watchdog: Watchdog, **options: Any) -> None:
        self._watchdog = watchdog
        super().__init__(*args, **options)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        refused: OSError = ConnectionRefusedError()
        # All addresses of the name share the time.
        for family, kind, protocol, _name, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            found = socket.socket(family, kind, protocol)
            try:
                found.settimeout(min(timeout, self._watchdog.left))
                found.connect(address)
            except OSError as error:
                found.close()
                refused = error
            else:
                # From here on the watchdog ends it: the socket's own timeout would look like a hang-up.
                found.settimeout(timeout + 1)
                self._watchdog.watch(found)
                return found
        raise refused


class WatchedSMTPS(smtplib.SMTP_SSL, WatchedSMTP):
    """The same with TLS from the first byte; its handshake, too, is under the watchdog."""


class DeadlineBackend(EmailBackend):
    """Django's SMTP backend; sending takes DEADLINE seconds at most or raises TimeoutError."""

    _watchdog: Watchdog | None = None

    @property
    def connection_class(self) -> Any:
        """Return what makes a connection under this sending's watchdog."""
        kind: Any = WatchedSMTPS if self.use_ssl else WatchedSMTP

        def connect(*args: Any, **options: Any) -> smtplib.SMTP:
            made: smtplib.SMTP = kind(*args, watchdog=self._watchdog or Watchdog(DEADLINE), **options)
            return made

        return connect

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Send the messages over one connection, under one deadline."""
        self._watchdog = watchdog = Watchdog(DEADLINE)
        try:
            return super().send_messages(email_messages) or 0
        except (OSError, smtplib.SMTPException) as error:
            if watchdog.expired:
                raise TimeoutError from error
            raise
        finally:
            watchdog.end()
            self._watchdog = None
