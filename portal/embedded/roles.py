"""The roles and databases of the embedded PostgreSQL; no role that the portal uses is a superuser."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor  # noqa: N812

SUPERUSER = "postgres"
ROLES = ("datadesk", "lake", "lake_reader")
DATABASES = {"datadesk": "datadesk", "lake": "lake", "lake_reader": "lake"}
ATTRIBUTES = sql.SQL("LOGIN NOSUPERUSER NOCREATEROLE NOREPLICATION NOBYPASSRLS")

# The role that people's SQL runs under. docker/create-roles.sh says the same; a test holds them together.
# A session may loosen what is no right of a superuser's, so these stop accidents; the grants stop attacks.
READER_CONNECTIONS = 40
READER_SETTINGS = {
    "default_transaction_read_only": "on",
    # Only the lake's catalog is asked here, never the rows; the engine has a time limit of its own.
    "statement_timeout": "60s",
    # The engine keeps its transaction open while it reads: longer than any query may take.
    "idle_in_transaction_session_timeout": "10min",
    "client_connection_check_interval": "2s",
    "temp_file_limit": "1GB",
}
# What everybody may call by default, and what writes, or holds others up, without any right to a table.
REVOKED = (
    "lo_creat",
    "lo_create",
    "lo_from_bytea",
    "lo_put",
    "lo_truncate",
    "lo_truncate64",
    "lo_unlink",
    "lowrite",
    "pg_advisory_lock",
    "pg_advisory_lock_shared",
    "pg_advisory_xact_lock",
    "pg_advisory_xact_lock_shared",
    "pg_logical_emit_message",
    "pg_try_advisory_lock",
    "pg_try_advisory_lock_shared",
    "pg_try_advisory_xact_lock",
    "pg_try_advisory_xact_lock_shared",
)


def provision(
    superuser: Cursor,
    in_lake: Callable[[], AbstractContextManager[Cursor]],
    passwords: Mapping[str, str],
    *,
    createdb: bool,
) -> None:
    """Create what is missing; asks first, so that a second start changes nothing."""
    superuser.execute("SELECT rolname FROM pg_roles WHERE rolname = ANY(%s)", [list(ROLES)])
    present = {name for (name,) in superuser.fetchall()}
    for role in ROLES:
        if role not in present:
            may_create = sql.SQL("CREATEDB" if createdb and role == "datadesk" else "NOCREATEDB")
            superuser.execute(
                sql.SQL("CREATE ROLE {} {} {} PASSWORD {}").format(
                    sql.Identifier(role), ATTRIBUTES, may_create, sql.Literal(passwords[role])
                )
            )
    superuser.execute("SELECT datname FROM pg_database")
    databases = {name for (name,) in superuser.fetchall()}
    for name in ("datadesk", "lake"):
        if name not in databases:
            superuser.execute(sql.SQL("CREATE DATABASE {0} OWNER {0}").format(sql.Identifier(name)))
            superuser.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name)))
    complete = {*ROLES} <= present and {"datadesk", "lake"} <= databases and not _half_done(superuser)
    if not complete:
        _grant(superuser, in_lake, createdb=createdb)
    if not _is_hardened(superuser, "lake_reader"):
        with in_lake() as lake:
            revoke_functions(lake)
        # Last, because it is what _is_hardened looks at.
        limit_reader(superuser, "lake_reader")


def revoke_functions(in_lake: Cursor) -> None:
    """Take from everybody, in the lake's database, the functions that a reader has no use for."""
    in_lake.execute(
        "SELECT oid::regprocedure::text FROM pg_proc"
        " WHERE pronamespace = 'pg_catalog'::regnamespace AND proname = ANY(%s)",
        [list(REVOKED)],
    )
    for (function,) in in_lake.fetchall():
        # As PostgreSQL itself writes the name with its arguments.
        in_lake.execute(sql.SQL("REVOKE EXECUTE ON FUNCTION {} FROM PUBLIC").format(sql.SQL(function)))


def limit_reader(superuser: Cursor, role: str) -> None:
    """Give the reader its limits; sessions that are open keep theirs."""
    superuser.execute(
        sql.SQL("ALTER ROLE {} CONNECTION LIMIT {}").format(
            sql.Identifier(role), sql.Literal(READER_CONNECTIONS)
        )
    )
    superuser.execute(sql.SQL("ALTER ROLE {} RESET ALL").format(sql.Identifier(role)))
    for name, value in READER_SETTINGS.items():
        superuser.execute(
            sql.SQL("ALTER ROLE {} SET {} = {}").format(
                sql.Identifier(role), sql.Identifier(name), sql.Literal(value)
            )
        )


def _is_hardened(superuser: Cursor, role: str) -> bool:
    superuser.execute("SELECT rolconnlimit, rolconfig FROM pg_roles WHERE rolname = %s", [role])
    wanted = {f"{name}={value}" for name, value in READER_SETTINGS.items()}
    row = superuser.fetchone()
    return row is not None and row[0] == READER_CONNECTIONS and set(row[1] or ()) == wanted


def _grant(
    superuser: Cursor, in_lake: Callable[[], AbstractContextManager[Cursor]], *, createdb: bool
) -> None:
    superuser.execute("REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC")
    if createdb:
        superuser.execute("GRANT CONNECT ON DATABASE postgres TO datadesk")
    with in_lake() as lake:
        lake.execute("ALTER DEFAULT PRIVILEGES FOR ROLE lake GRANT USAGE ON SCHEMAS TO lake_reader")
        lake.execute("ALTER DEFAULT PRIVILEGES FOR ROLE lake GRANT SELECT ON TABLES TO lake_reader")
        lake.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
    # Last, because it is what _half_done looks at.
    superuser.execute("REVOKE ALL ON DATABASE lake, datadesk FROM PUBLIC")
    superuser.execute("GRANT CONNECT ON DATABASE lake TO lake_reader")


def _half_done(superuser: Cursor) -> bool:
    superuser.execute("SELECT has_database_privilege('lake_reader', 'lake', 'CONNECT')")
    row = superuser.fetchone()
    return row is None or not row[0]
