"""A PostgreSQL of the fault tests' own, which they may stop, freeze and start as they like."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import psycopg2
from django.db import connection

from portal import configuration as conf
from portal.embedded.places import Places
from portal.embedded.postgres import Postgres
from portal.embedded.process import stop
from tests.faults.processes import ROOT, children, until

# How `pg_ctl restart -m` names them, and the signal that it sends.
FAST, IMMEDIATE = signal.SIGINT, signal.SIGQUIT


@contextmanager
def locked(url: str, table: str, mode: str) -> Iterator[int]:
    """Hold a table of a database in a mode: whoever's next statement cannot share it waits.

    Give the process of the server that holds it.
    """
    holder = psycopg2.connect(url)
    try:
        with holder.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {table} IN {mode} MODE")
        yield int(holder.get_backend_pid())
    finally:
        holder.close()


class OwnDatabase:
    """An embedded PostgreSQL with all migrations; `entered` makes it this process's database for a while."""

    def __init__(self, folder: Path) -> None:
        self._server = Postgres(Places(folder).ready(), for_tests=True)
        self._server.start()
        self.url = self._server.url("datadesk")
        nowhere = {"MODE": "demo", "REDIS_URL": "redis://127.0.0.1:1/0", "VAR": str(folder / "var")}
        command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
        subprocess.run(command, cwd=ROOT, env=os.environ | nowhere | {"DATABASE_URL": self.url}, check=True)
        # From here on as users have it: what was committed is there after an immediate stop.
        self.stop()
        self._server.for_tests = False
        self.start()

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Lead Django's connections of this process to it, those of threads too."""
        connection.close()
        before = dict(connection.settings_dict)
        connection.settings_dict.update(
            {
                name: conf.database("DATABASE_URL", self.url)[name]
                for name in ("NAME", "USER", "PASSWORD", "HOST")
            }
        )
        try:
            yield
        finally:
            connection.close()
            connection.settings_dict.update(before)

    def holding(self, table: str) -> AbstractContextManager[int]:
        """Lock a table, so that whoever asks for it next waits in the middle of their request."""
        return locked(self.url, table, "ACCESS EXCLUSIVE")

    def waiting(self) -> int:
        """Return how many sessions wait for a lock."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND wait_event_type = 'Lock'"
            )
            return int(cursor.fetchone()[0])

    def stop(self, how: signal.Signals = FAST, *, last: int | None = None) -> None:
        """End it as pg_ctl does.

        Where ``last`` holds a lock, it ends after all others: whoever waits for it would get it else, and be
        done before the server tells them of its end.
        """
        if last is not None:
            os.kill(last, signal.SIGSTOP)
            threading.Timer(1.0, os.kill, (last, signal.SIGCONT)).start()
        running = self._server.process()
        assert running is not None
        assert stop(running, (how, 30)), "PostgreSQL did not end"
        connection.close()

    def start(self) -> None:
        """Start it again; after `immediate` it first replays its log."""
        self._server.start()
        until(self._server.answers, what="PostgreSQL answers")

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Hang: the server and each of its sessions stand still; what is sent is taken, nobody answers."""
        running = self._server.process()
        assert running is not None
        # The server first: it starts no further session then.
        stopped = [running.pid]
        os.kill(running.pid, signal.SIGSTOP)
        try:
            for pid in children(running.pid):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGSTOP)
                    stopped.append(pid)
            yield
        finally:
            for pid in reversed(stopped):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    def remove(self) -> None:
        """End it for good."""
        self._server.stop()
