"""Copy a SELECT of a PostgreSQL database into a CSV file, by the server's own COPY."""

import contextlib
import os
from pathlib import Path
from typing import Any, Final

import psycopg2
import psycopg2.extensions
from psycopg2 import errors

from jobs.choices import ErrorClass
from jobs.runners.base import Context
from jobs.runners.extraction.extracted import (
    CONNECT,
    NULL,
    Counted,
    Extracted,
    ExtractError,
    first_line,
    not_reached,
)
from jobs.runners.extraction.models import PostgreSql
from jobs.runners.extraction.trust import advice, no_connection
from portal.outgoing import OutgoingError, reach

_TYPES: Final = {
    16: "BOOLEAN", 20: "BIGINT", 21: "SMALLINT", 23: "INTEGER", 26: "BIGINT", 700: "FLOAT", 701: "DOUBLE",
    1082: "DATE", 1083: "TIME", 1114: "TIMESTAMP", 1184: "TIMESTAMPTZ", 114: "JSON", 3802: "JSON",
}  # fmt: skip
_NUMERIC: Final = 1700
# The server tells no code while a session begins, so its words decide whether another try may help.
_FOR_GOOD: Final = ("authentication", "password", "pg_hba", "role ", "database ", "permission", "certificate")
_SESSION: Final = (
    "SET TimeZone TO 'UTC'; SET DateStyle TO 'ISO'; SET extra_float_digits TO 3;"
    " SET standard_conforming_strings TO on; SET bytea_output TO 'hex'"
)


def extract(context: Context, source: PostgreSql, sql: str, path: Path) -> Extracted:
    """Write the rows of the SELECT to ``path``; raises ExtractError."""
    place = f"PostgreSQL {source.place}"
    with contextlib.closing(_connect(context, source, place)) as connection:
        try:
            with connection.cursor() as cursor:
                cursor.execute(_SESSION)
                cursor.execute("SET statement_timeout TO %s", (source.patience * 1000,))
                if connection.server_version >= 140_000:
                    # Whoever cancels the run need not wait for the server to notice.
                    cursor.execute("SET client_connection_check_interval TO 2000")
                cursor.execute(f"SELECT * FROM ({sql}) AS described LIMIT 0")  # noqa: S608
                columns = {each.name: _type(each) for each in cursor.description or ()}
                copy = f"COPY ({sql}) TO STDOUT (FORMAT csv, HEADER, FORCE_QUOTE *, NULL '{NULL}')"
                with path.open("wb") as file:
                    cursor.copy_expert(copy, Counted(file, context))
                return Extracted(path, "csv", cursor.rowcount, columns)
        except psycopg2.Error as error:
            raise ExtractError(place, first_line(error), _class_of(error)) from error


def _tls(context: Context, source: PostgreSql, *, allowed: bool) -> dict[str, Any]:
    """Return what the driver is told about certificates; it reads the authority's from a file."""
    if source.ca:
        path = context.folder / "ca.pem"
        path.write_text(source.ca + "\n")
        return {"sslmode": "verify-full", "sslrootcert": str(path)}
    return {"sslmode": "prefer"} if allowed else {"sslmode": "verify-full", "sslrootcert": "system"}


def _connect(context: Context, source: PostgreSql, place: str) -> psycopg2.extensions.connection:
    try:
        destination, addresses = reach(source.host, source.port, CONNECT)
        connection: psycopg2.extensions.connection = psycopg2.connect(
            # The very addresses that were judged; the name beside each is for the certificate.
            host=",".join([source.host] * len(addresses)),
            hostaddr=",".join(addresses),
            port=source.port,
            dbname=source.database,
            user=source.user,
            password=context.secret(source.secret, host=source.host),
            connect_timeout=CONNECT,
            application_name="data-desk",
            client_encoding="UTF8",
            keepalives_idle=30,
            tcp_user_timeout=60_000,
            # Nothing of the portal's own environment goes to another's database.
            passfile=os.devnull,
            options="",
            gssencmode="disable",
            **_tls(context, source, allowed=destination.allowed),
        )
    except OutgoingError as error:
        raise not_reached(place, error) from error
    except psycopg2.Error as error:
        words, what_to_do = str(error), advice(source, str(error))
        for_good = what_to_do or any(each in words for each in _FOR_GOOD)
        kind = ErrorClass.REFUSED if for_good else ErrorClass.ELSEWHERE
        raise ExtractError(place, no_connection(first_line(error), what_to_do), kind) from error
    connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
    return connection


def _type(column: Any) -> str:
    if column.type_code == _NUMERIC:
        # Without a precision a number may have any; whoever needs it exact declares a DECIMAL.
        fits = column.precision is not None and 0 <= (column.scale or 0) <= column.precision <= 38
        return f"DECIMAL({column.precision},{column.scale or 0})" if fits else "DOUBLE"
    return _TYPES.get(column.type_code, "VARCHAR")


def _class_of(error: psycopg2.Error) -> ErrorClass:
    if isinstance(error, errors.QueryCanceled):
        return ErrorClass.TIMEOUT
    if isinstance(error, errors.InsufficientPrivilege):
        return ErrorClass.REFUSED
    if isinstance(error, psycopg2.DataError | errors.UndefinedColumn):
        # A column that is gone is the source's change, as it is where a file lacks one.
        return ErrorClass.BAD_INPUT
    if isinstance(error, psycopg2.ProgrammingError | psycopg2.NotSupportedError):
        return ErrorClass.SETTINGS
    # What ends a session or a statement from outside: another try may help.
    return ErrorClass.ELSEWHERE
