"""A door to the broker for one process alone, which may be closed while everybody else goes on."""

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote


class Relay:
    """Carry bytes between a socket of our own and the broker's; while it is ``silent`` nothing goes through.

    Connections stay open and new ones are accepted meanwhile, as behind a firewall that drops packets.
    """

    def __init__(self, folder: Path, target: Path) -> None:
        self._target = target
        self._path = folder / "relay"
        self._open = threading.Event()
        self._open.set()
        self._over = threading.Event()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self._path))
        self._listener.listen(64)
        threading.Thread(target=self._accept, name="relay", daemon=True).start()

    @property
    def url(self) -> str:
        """Return its address as one of the broker's."""
        return f"unix://{quote(str(self._path))}?db=0"

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Let nothing through."""
        self._open.clear()
        try:
            yield
        finally:
            self._open.set()

    def stop(self) -> None:
        """Carry no more."""
        self._over.set()
        self._open.set()
        # A close alone leaves the thread waiting for the next connection.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                threading.Thread(target=self._carry, args=(near,), name="relayed", daemon=True).start()

    def _carry(self, near: socket.socket) -> None:
        with near, socket.socket(socket.AF_UNIX) as far, suppress(OSError):
            far.connect(str(self._target))
            ways = {near: far, far: near}
            while not self._over.is_set():
                self._open.wait()
                ready, _, _ = select.select([*ways], [], [], 0.1)
                for one in ready if self._open.is_set() else []:
                    data = one.recv(65536)
                    if not data:
                        return
                    ways[one].sendall(data)
