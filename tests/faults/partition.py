"""A way to the database that a test can cut or take away: between a socket of its own and PostgreSQL's."""

import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote, urlsplit

from psycopg2.extensions import parse_dsn

from tests.faults.processes import database_url

# libpq looks for this name in the folder that stands in its address.
NAME = ".s.PGSQL.5432"


class Way:
    """Carries bytes to PostgreSQL and back; while it is cut they wait, as packets do that a network drops.

    ``to`` is the address that it leads to; None means the test database.
    """

    def __init__(self, to: str | None = None) -> None:
        self._to = to or database_url()
        self._down = threading.Event()
        # A short path: the names of sockets have little room.
        self._folder = tempfile.TemporaryDirectory(prefix="desk-way-")
        self._open = threading.Event()
        self._open.set()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(Path(self._folder.name) / NAME))
        self._listener.listen()
        self._ends: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """Return the address that it leads to, by this way."""
        return self.by(self._to)

    def by(self, url: str) -> str:
        """Return an address of the same server by this way."""
        parts = urlsplit(url)
        login = parts.netloc.rpartition("@")[0]
        return parts._replace(netloc=f"{login}@{quote(self._folder.name, safe='')}").geturl()

    @contextmanager
    def cut(self) -> Iterator[None]:
        """Let nothing through; afterwards what was sent arrives late."""
        self._open.clear()
        try:
            yield
        finally:
            self._open.set()

    @contextmanager
    def down(self) -> Iterator[None]:
        """Break every connection off and let nobody in, as a server that is stopped does."""
        self._down.set()
        self._break_off()
        try:
            yield
        finally:
            self._down.clear()

    def close(self) -> None:
        """Take it down."""
        self._open.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._break_off()
        self._folder.cleanup()

    def _break_off(self) -> None:
        while self._ends:
            end = self._ends.pop()
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if self._down.is_set():
                near.close()
                continue
            far = _to_postgres(self._to)
            self._ends += [near, far]
            for source, target in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(source, target), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                self._open.wait()
                target.sendall(data)
        with suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)


def _to_postgres(url: str) -> socket.socket:
    address = parse_dsn(url)
    host, port = address["host"], int(address.get("port", "5432"))
    if host.startswith("/"):
        far = socket.socket(socket.AF_UNIX)
        far.connect(f"{host}/.s.PGSQL.{port}")
    else:
        far = socket.create_connection((host, port))
    return far
