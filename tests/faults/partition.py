"""A way to the database that a test can cut: between a socket of its own and PostgreSQL's."""

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
    """Carries bytes to PostgreSQL and back; while it is cut they wait, as packets do that a network drops."""

    def __init__(self) -> None:
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
        """Return the address of the test database by this way."""
        parts = urlsplit(database_url())
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

    def close(self) -> None:
        """Take it down."""
        self._open.set()
        for end in (self._listener, *self._ends):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self._folder.cleanup()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = _to_postgres()
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


def _to_postgres() -> socket.socket:
    address = parse_dsn(database_url())
    host, port = address["host"], int(address.get("port", "5432"))
    if host.startswith("/"):
        far = socket.socket(socket.AF_UNIX)
        far.connect(f"{host}/.s.PGSQL.{port}")
    else:
        far = socket.create_connection((host, port))
    return far
