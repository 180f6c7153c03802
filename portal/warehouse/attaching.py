"""Attach the lake to a DuckDB connection, and lock the connection where it only reads."""

import time
from importlib.util import find_spec
from pathlib import Path

import duckdb
from django.conf import settings
from psycopg2.extensions import parse_dsn

from portal.warehouse.checks import literal
from portal.warehouse.errors import SnapshotGone, WarehouseUnavailable

# DuckDB checks the extensions' signatures when it loads them.
_EXTENSIONS = {
    "duckdb_extension_postgres_scanner": "postgres_scanner",
    "duckdb_extension_ducklake": "ducklake",
}
_SECRET_PARTS = {"host": "HOST", "port": "PORT", "dbname": "DATABASE", "user": "USER", "password": "PASSWORD"}
_TRIES = 3


def attach(*, read_only: bool, snapshot: int | None) -> duckdb.DuckDBPyConnection:
    """Open the lake as of a snapshot (None: the newest); raises WarehouseUnavailable."""
    connection = duckdb.connect(
        ":memory:",
        config={
            "threads": settings.LAKE_THREADS,
            "memory_limit": settings.LAKE_MEMORY,
            "temp_directory": str(settings.VAR / "tmp" / "duckdb"),
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        },
    )
    try:
        for package, name in _EXTENSIONS.items():
            connection.execute(f"LOAD {literal(_extension(package, name))}")
        connection.execute("SET TimeZone = 'UTC'")
        _attach_lake(connection, read_only=read_only, snapshot=snapshot)
        connection.execute("USE lake")
        if read_only:
            folder = str(Path(settings.LAKE_DATA)) + "/"
            connection.execute(f"SET allowed_directories = [{literal(folder)}]")
            connection.execute("SET enable_external_access = false")
            connection.execute("SET lock_configuration = true")
    except duckdb.Error as exc:
        connection.close()
        # The engine's words may hold the address with its password, and so may those of its cause.
        if snapshot is not None and "snapshot" in str(exc).lower():
            raise SnapshotGone(snapshot) from None
        raise WarehouseUnavailable(_unavailable(exc)) from None
    return connection


def _attach_lake(connection: duckdb.DuckDBPyConnection, *, read_only: bool, snapshot: int | None) -> None:
    address = parse_dsn(settings.LAKE_READER_URL if read_only else settings.LAKE_URL)
    secret = {key: literal(str(value)) for key, value in address.items() if key in _SECRET_PARTS}
    parts = ", ".join(f"{_SECRET_PARTS[key]} {value}" for key, value in secret.items())
    # What is no secret (sslmode, connect_timeout, …) goes into the address itself, which anybody may read.
    rest = " ".join(f"{key}={value}" for key, value in address.items() if key not in _SECRET_PARTS)
    connection.execute(f"CREATE SECRET lake_catalog (TYPE postgres, {parts})")
    options = [
        f"DATA_PATH {literal(str(Path(settings.LAKE_DATA)) + '/')}",
        f"METADATA_SCHEMA {literal(settings.LAKE_SCHEMA)}",
        "META_SECRET 'lake_catalog'",
        *(["READ_ONLY", "CREATE_IF_NOT_EXISTS false"] if read_only else []),
        *([f"SNAPSHOT_VERSION {snapshot}"] if snapshot is not None else []),
    ]
    statement = f"ATTACH {literal(f'ducklake:postgres:{rest}')} AS lake ({', '.join(options)})"
    for tried in range(_TRIES):
        try:
            connection.execute(statement)
        except duckdb.Error:
            # Several processes may be making the lake's own tables at the same moment; one of them wins.
            if read_only or tried == _TRIES - 1:
                raise
            time.sleep(0.2 * (tried + 1))
        else:
            return


def _extension(package: str, name: str) -> str:
    found = find_spec(package)
    folders = found.submodule_search_locations if found and found.submodule_search_locations else []
    for folder in folders:
        for path in Path(folder).glob(f"extensions/*/{name}.duckdb_extension"):
            return str(path)
    message = f"The DuckDB extension {name} is not installed; install the locked requirements again."
    raise WarehouseUnavailable(message)


def _unavailable(error: duckdb.Error) -> str:
    words = str(error)
    if "does not exist" in words and "DuckLake" in words:
        return "The lake is empty: nothing has been published yet."
    return "The lake cannot be reached; check LAKE_URL (or DATABASE_URL), LAKE_READER_URL and LAKE_DATA."
