"""Attach the lake to a DuckDB connection, and lock the connection where it only reads."""

import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import duckdb
from django.conf import settings
from psycopg2.extensions import parse_dsn

from portal.said import said
from portal.warehouse.checks import literal
from portal.warehouse.errors import SnapshotGone, WarehouseUnavailable
from portal.warehouse.guarding import UNREACHABLE

_EXTENSIONS = {
    "duckdb_extension_postgres_scanner": "postgres_scanner",
    "duckdb_extension_ducklake": "ducklake",
}
_SECRET_PARTS = {"host": "HOST", "port": "PORT", "dbname": "DATABASE", "user": "USER", "password": "PASSWORD"}
_TRIES = 3
_SPILL = "4GB"
# The catalog's connection, by the name that DuckLake gives it.
_CATALOG = "__ducklake_metadata_lake"
# The extensions' files whose signatures this process has checked.
_verified: dict[str, tuple[int, ...]] = {}


def attach(
    *, read_only: bool, snapshot: int | None, folders: Sequence[Path] = ()
) -> duckdb.DuckDBPyConnection:
    """Open the lake as of a snapshot (None: the newest); raises WarehouseUnavailable.

    Read-only, no files are reached but those of the lake and of ``folders``.
    """
    # The engine makes the last folder only, and fails in the middle of a query that spills.
    spill = settings.VAR / "tmp" / "duckdb"
    spill.mkdir(mode=0o700, parents=True, exist_ok=True)
    files = _extension_files()
    connection = duckdb.connect(
        ":memory:",
        config={
            "threads": settings.LAKE_THREADS,
            "memory_limit": settings.LAKE_MEMORY,
            "temp_directory": str(spill),
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "allow_unsigned_extensions": str(files == _verified).lower(),
        },
    )
    try:
        _load(connection, files)
        connection.execute("SET TimeZone = 'UTC'")
        # Given with the others above, the engine shows this limit and does not keep to it.
        connection.execute(f"SET max_temp_directory_size = {literal(_SPILL)}")
        _attach_lake(connection, read_only=read_only, snapshot=snapshot)
        connection.execute("USE lake")
        if read_only:
            _require_powerless(connection)
            allowed = ", ".join(literal(f"{folder}/") for folder in (Path(settings.LAKE_DATA), *folders))
            connection.execute(f"SET allowed_directories = [{allowed}]")
            connection.execute("SET enable_external_access = false")
            connection.execute("SET lock_configuration = true")
    except duckdb.Error as exc:
        connection.close()
        # The engine's words may hold the address with its password, and so may those of its cause.
        if snapshot is not None and "snapshot" in str(exc).lower():
            raise SnapshotGone(snapshot) from None
        raise WarehouseUnavailable(_unavailable(exc)) from None
    return connection


def _load(connection: duckdb.DuckDBPyConnection, files: dict[str, tuple[int, ...]]) -> None:
    """Load the extensions; a process lets the engine check their signatures once.

    Checking reads all of both files, a quarter of a second, and later connections run the very library that
    the process has mapped. A file that is another one since is checked again.
    """
    for path in files:
        connection.execute(f"LOAD {literal(path)}")
    connection.execute("SET allow_unsigned_extensions = false")
    _verified.update(files)


def opening_statements() -> list[str]:
    """Return what another DuckDB process runs to read the lake as «lake»; they hold the password."""
    loads = [f"LOAD {literal(path)}" for path in _extension_files()]
    return [*loads, "SET TimeZone = 'UTC'", *_statements(read_only=True, snapshot=None)]


def reader_password() -> str:
    """Return the password of LAKE_READER_URL, to keep it out of what others say; "" where it has none."""
    return str(parse_dsn(settings.LAKE_READER_URL).get("password") or "")


def _statements(*, read_only: bool, snapshot: int | None) -> tuple[str, str]:
    """Return the statement that makes the secret, and the one that attaches."""
    address = parse_dsn(settings.LAKE_READER_URL if read_only else settings.LAKE_URL)
    secret = {key: literal(str(value)) for key, value in address.items() if key in _SECRET_PARTS}
    parts = ", ".join(f"{_SECRET_PARTS[key]} {value}" for key, value in secret.items())
    # What is no secret (sslmode, connect_timeout, …) goes into the address itself, which anybody may read.
    rest = " ".join(f"{key}={value}" for key, value in address.items() if key not in _SECRET_PARTS)
    options = [
        f"DATA_PATH {literal(str(Path(settings.LAKE_DATA)) + '/')}",
        f"METADATA_SCHEMA {literal(settings.LAKE_SCHEMA)}",
        "META_SECRET 'lake_catalog'",
        *(["READ_ONLY", "CREATE_IF_NOT_EXISTS false"] if read_only else []),
        *([f"SNAPSHOT_VERSION {snapshot}"] if snapshot is not None else []),
    ]
    return (
        f"CREATE SECRET lake_catalog (TYPE postgres, {parts})",
        f"ATTACH {literal(f'ducklake:postgres:{rest}')} AS lake ({', '.join(options)})",
    )


def _attach_lake(connection: duckdb.DuckDBPyConnection, *, read_only: bool, snapshot: int | None) -> None:
    secret, statement = _statements(read_only=read_only, snapshot=snapshot)
    connection.execute(secret)
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


def _require_powerless(connection: duckdb.DuckDBPyConnection) -> None:
    """Raise WarehouseUnavailable where the reader could run programs on the database's machine."""
    asked = "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"
    found = connection.execute("SELECT * FROM postgres_query($name, $sql)", {"name": _CATALOG, "sql": asked})
    if found.fetchall() != [(False,)]:
        connection.close()
        message = said("The role of LAKE_READER_URL is a superuser: give it one that may only read.")
        raise WarehouseUnavailable(message)


def _extension_files() -> dict[str, tuple[int, ...]]:
    """Return the extensions' paths, each with what changes when its file does."""
    paths = [_extension(package, name) for package, name in _EXTENSIONS.items()]
    return {path: _identity(path) for path in paths}


def _identity(path: str) -> tuple[int, ...]:
    found = Path(path).stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _extension(package: str, name: str) -> str:
    found = find_spec(package)
    folders = found.submodule_search_locations if found and found.submodule_search_locations else []
    for folder in folders:
        for path in Path(folder).glob(f"extensions/*/{name}.duckdb_extension"):
            return str(path)
    message = said(
        "The DuckDB extension %(name)s is not installed; install the locked requirements again.", name=name
    )
    raise WarehouseUnavailable(message)


def _unavailable(error: duckdb.Error) -> str:
    words = str(error)
    if "does not exist" in words and "DuckLake" in words:
        return said("The lake is empty: nothing has been published yet.")
    return said(UNREACHABLE)
