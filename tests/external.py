"""Run the service tests a second time, on a PostgreSQL and a Redis that are not our own kind.

``python -m tests.external [pytest's arguments]`` takes their addresses from TEST_DATABASE_URL (a superuser's)
and TEST_REDIS_URL. It makes roles and databases with random names, as docker/create-roles.sh does, and writes
to Redis only under a prefix of the same name; it takes all of it away again, and what a killed run left
behind. It touches nothing else, so both servers may be in use by others.
"""

import os
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg2
import redis
from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from portal.embedded.roles import limit_reader, revoke_functions
from portal.launch.children import end_with_parent

WORKERS = 2
STANDARD_DATABASE = "postgresql://postgres@127.0.0.1:5432/postgres"
STANDARD_REDIS = "redis://127.0.0.1:6379/0"
SELECTED = "service and not bench and not browser"
NOTHING_SELECTED = 5
PARTS = ("datadesk", "lake", "reader")
# A run locks its own name while it lives: a name that can be locked is a dead run's.
LOCK = 0x6465736B
MARKED = "^(desk_tests_[0-9a-f]{8})_"


class External(Exception):
    """The second environment cannot be used; the message says why."""


class Skipped(Exception):
    """There is no second environment; the message says why."""


def addresses() -> tuple[str, str]:
    """Return both addresses; in CI the standard ones of the loopback count as given when both answer."""
    given = {name: os.environ.get(name, "") for name in ("TEST_DATABASE_URL", "TEST_REDIS_URL")}
    missing = [name for name, value in given.items() if not value]
    if len(missing) == 1:
        message = f"{missing[0]} is not set; the service tests need both addresses."
        raise External(message)
    if not missing:
        return given["TEST_DATABASE_URL"], given["TEST_REDIS_URL"]
    if os.environ.get("CI") != "true":
        message = f"TEST_DATABASE_URL and TEST_REDIS_URL are not set (for example {STANDARD_DATABASE})."
        raise Skipped(message)
    if not _answer():
        message = f"{STANDARD_DATABASE} and {STANDARD_REDIS} do not both let us in."
        raise Skipped(message)
    return STANDARD_DATABASE, STANDARD_REDIS


def _answer() -> bool:
    with (
        suppress(psycopg2.OperationalError, redis.RedisError),
        closing(psycopg2.connect(STANDARD_DATABASE, connect_timeout=2)) as connection,
        connection.cursor() as cursor,
        _client(STANDARD_REDIS) as client,
    ):
        cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        return cursor.fetchone() == (True,) and bool(client.ping())
    return False


def _client(broker: str) -> redis.Redis:
    return redis.Redis.from_url(broker, socket_timeout=5, socket_connect_timeout=5)


@contextmanager
def environment(database: str, broker: str) -> Iterator[dict[str, str]]:
    """Make roles, databases and a prefix of our own; yield the variables; take them away afterwards."""
    mark = f"desk_tests_{secrets.token_hex(4)}"
    passwords = {part: secrets.token_urlsafe(18) for part in PARTS}
    with closing(psycopg2.connect(database, connect_timeout=5)) as connection:
        connection.autocommit = True
        with connection.cursor() as superuser:
            sweep(superuser, broker)
            _lock(superuser, mark)
            try:
                _create(superuser, database, _names(mark), passwords)
                yield _variables(database, broker, mark, passwords)
            finally:
                _take_away(superuser, broker, mark)


def _names(mark: str) -> dict[str, str]:
    return {part: f"{mark}_{part}" for part in PARTS}


def _variables(database: str, broker: str, mark: str, passwords: dict[str, str]) -> dict[str, str]:
    def url(part: str, place: str) -> str:
        return _url(database, f"{mark}_{part}", passwords[part], f"{mark}_{place}")

    return {
        "DATABASE_URL": url("datadesk", "datadesk"),
        "LAKE_URL": url("lake", "lake"),
        "LAKE_READER_URL": url("reader", "lake"),
        "REDIS_URL": broker,
        "REDIS_PREFIX": mark,
    }


def sweep(superuser: Cursor, broker: str) -> list[str]:
    """Take away what killed runs left behind; return their names."""
    superuser.execute(
        "SELECT DISTINCT substring(rolname FROM %s) FROM pg_roles WHERE rolname ~ %s", [MARKED, MARKED]
    )
    dead = [mark for (mark,) in superuser.fetchall() if _lock(superuser, mark)]
    for mark in dead:
        _say(f"taking away what the killed run {mark} left behind.")
        _take_away(superuser, broker, mark)
    return dead


def _lock(superuser: Cursor, mark: str) -> bool:
    superuser.execute("SELECT pg_try_advisory_lock(%s, hashtext(%s))", [LOCK, mark])
    row = superuser.fetchone()
    return bool(row and row[0])


def _take_away(superuser: Cursor, broker: str, mark: str) -> None:
    # The roles go last: by them a sweep knows what is left.
    with _client(broker) as client:
        for key in client.scan_iter(f"{mark}*", count=1000):
            client.delete(key)
    _drop(superuser, list(_names(mark).values()))
    superuser.execute("SELECT pg_advisory_unlock(%s, hashtext(%s))", [LOCK, mark])


def _create(superuser: Cursor, address: str, names: dict[str, str], passwords: dict[str, str]) -> None:
    for part, name in names.items():
        may_create = "CREATEDB" if part == "datadesk" else "NOCREATEDB"
        superuser.execute(
            sql.SQL(
                "CREATE ROLE {} LOGIN NOSUPERUSER NOCREATEROLE NOREPLICATION NOBYPASSRLS {} PASSWORD {}"
            ).format(sql.Identifier(name), sql.SQL(may_create), sql.Literal(passwords[part]))
        )
        # Nothing here outlives the run: no test waits for a disk.
        superuser.execute(sql.SQL("ALTER ROLE {} SET synchronous_commit = off").format(sql.Identifier(name)))
    for part in ("datadesk", "lake"):
        own = sql.Identifier(names[part])
        superuser.execute(sql.SQL("CREATE DATABASE {0} OWNER {0}").format(own))
        superuser.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(own))
    lake, reader = sql.Identifier(names["lake"]), sql.Identifier(names["reader"])
    superuser.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(lake, reader))
    inside = psycopg2.connect(_inside(address, names["lake"]), connect_timeout=5)
    try:
        with inside, inside.cursor() as cursor:
            for right in ("USAGE ON SCHEMAS", "SELECT ON TABLES"):
                cursor.execute(
                    sql.SQL("ALTER DEFAULT PRIVILEGES FOR ROLE {} GRANT {} TO {}").format(
                        lake, sql.SQL(right), reader
                    )
                )
            cursor.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
            revoke_functions(cursor)
    finally:
        inside.close()
    limit_reader(superuser, names["reader"])


def _drop(superuser: Cursor, roles: list[str]) -> None:
    """Drop what the roles own, test databases too, and then the roles."""
    superuser.execute(
        "SELECT datname FROM pg_database JOIN pg_roles ON pg_roles.oid = datdba WHERE rolname = ANY(%s)",
        [roles],
    )
    for (name,) in superuser.fetchall():
        superuser.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
    for role in roles:
        superuser.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(role)))


def _inside(address: str, database: str) -> str:
    return urlunsplit(urlsplit(address)._replace(path=f"/{database}"))


def _url(address: str, user: str, password: str, database: str) -> str:
    parts = urlsplit(address)
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(
        parts._replace(netloc=f"{user}:{quote(password, safe='')}@{place}", path=f"/{database}")
    )


def run(arguments: Sequence[str]) -> int:
    """Run the service tests there and return pytest's code."""
    database, broker = addresses()
    with (
        tempfile.TemporaryDirectory(prefix="desk-external-") as var,
        environment(database, broker) as variables,
    ):
        _say(_describe(database, broker))
        command = [sys.executable, "-m", "pytest", "-n", str(WORKERS), "--dist", "loadgroup", "-m", SELECTED]
        process = subprocess.Popen(
            [*command, *arguments],
            env={**os.environ, **variables, "VAR": var},
            preexec_fn=end_with_parent(os.getpid()),  # noqa: PLW1509 - this process has one thread
        )
        try:
            code = process.wait()
        except BaseException:
            process.terminate()
            process.wait(30)
            raise
    # Arguments may name only tests that need no server.
    return 0 if arguments and code == NOTHING_SELECTED else code


def _describe(database: str, broker: str) -> str:
    connection = psycopg2.connect(database, connect_timeout=5)
    try:
        version = connection.info.parameter_status("server_version")
    finally:
        connection.close()
    with _client(broker) as client:
        server = client.info("server")
    place = urlsplit(database).netloc.rpartition("@")[2]
    kind = server.get("server_name") or "redis"
    number = server.get("valkey_version") or server["redis_version"]
    return (
        f"the service tests on PostgreSQL {version} at {place} and "
        f"{kind} {number} at {urlsplit(broker).netloc.rpartition('@')[2]}."
    )


def _say(words: str) -> None:
    sys.stdout.write(f"Second environment: {words}\n")
    sys.stdout.flush()


def _stop(number: int, _frame: object) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    # Asked to end, take away what was made before ending.
    signal.signal(signal.SIGTERM, _stop)
    try:
        sys.exit(run(sys.argv[1:]))
    except Skipped as reason:
        _say(f"skipped, because {reason}")
    except (External, psycopg2.Error, redis.RedisError) as problem:
        _say(str(problem).strip())
        sys.exit(1)
