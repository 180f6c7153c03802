"""The roles and databases of the embedded PostgreSQL; no role that the portal uses is a superuser."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor  # noqa: N812

SUPERUSER = "postgres"
ROLES = ("datadesk", "lake", "lake_reader")
DATABASES = {"datadesk": "datadesk", "lake": "lake", "lake_reader": "lake"}
ATTRIBUTES = sql.SQL("LOGIN NOSUPERUSER NOCREATEROLE NOREPLICATION NOBYPASSRLS")


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
    if {*ROLES} <= present and {"datadesk", "lake"} <= databases and not _half_done(superuser):
        return
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
