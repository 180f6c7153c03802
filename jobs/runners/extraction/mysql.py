"""Copy a SELECT of a MySQL or MariaDB database into a CSV file, row by row as the server sends them."""

import contextlib
import socket
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pymysql
import pymysql.cursors
from pymysql.constants import CR, ER, FIELD_TYPE
from pymysql.converters import encoders

from jobs.choices import ErrorClass
from jobs.runners.base import Context
from jobs.runners.extraction.extracted import (
    CONNECT,
    Counted,
    Extracted,
    ExtractError,
    first_line,
    not_reached,
    write_rows,
)
from jobs.runners.extraction.models import MySql
from jobs.runners.extraction.trust import advice, no_connection, verifying
from portal.outgoing import OutgoingError, reach
from portal.said import said

# None for what comes in: every value stays the text that the server sent.
_CONVERSIONS: Final[dict[Any, Any]] = dict(encoders)
# Seconds for each step of ending a statement: the body that was told to stop has little more than one.
_FAREWELL: Final = 0.5
# Seconds without a byte after which the other side counts as gone, beyond the statement's own limit.
_SILENCE: Final = 30
_TYPES: Final = {
    FIELD_TYPE.TINY: "SMALLINT", FIELD_TYPE.SHORT: "INTEGER", FIELD_TYPE.INT24: "INTEGER",
    FIELD_TYPE.LONG: "BIGINT", FIELD_TYPE.LONGLONG: "BIGINT", FIELD_TYPE.YEAR: "SMALLINT",
    FIELD_TYPE.FLOAT: "FLOAT", FIELD_TYPE.DOUBLE: "DOUBLE", FIELD_TYPE.DATE: "DATE",
    FIELD_TYPE.DATETIME: "TIMESTAMP", FIELD_TYPE.TIMESTAMP: "TIMESTAMPTZ", FIELD_TYPE.JSON: "JSON",
}  # fmt: skip
_NO_ENTRY: Final = frozenset(
    {ER.ACCESS_DENIED_ERROR, ER.DBACCESS_DENIED_ERROR, ER.TABLEACCESS_DENIED_ERROR,
     ER.COLUMNACCESS_DENIED_ERROR, ER.BAD_DB_ERROR, ER.SPECIFIC_ACCESS_DENIED_ERROR, 1698}
)  # fmt: skip
# MySQL's and MariaDB's words for a statement that took too long.
_TOO_LONG: Final = frozenset({3024, 1969})


def extract(context: Context, source: MySql, sql: str, path: Path) -> Extracted:
    """Write the rows of the SELECT to ``path``; raises ExtractError."""
    place = f"MySQL {source.place}"
    try:
        password = context.secret(source.secret, host=source.host)
        with _session(context, _server(source, password)) as connection:
            cursor = connection.cursor(pymysql.cursors.SSCursor)
            _settle(cursor, source)
            cursor.execute(sql)
            described: Sequence[Any] = cursor.description or ()
            with _left_unread(connection), path.open("w", encoding="utf-8", newline="") as file:
                count = write_rows(
                    Counted(file, context), [each[0] for each in described], _rows(cursor, described)
                )
            return Extracted(path, "csv", count, {each[0]: _type(each) for each in described})
    except OutgoingError as error:
        raise not_reached(place, error) from error
    except (pymysql.MySQLError, OSError) as error:
        code, words = (*error.args, "", "")[:2]
        why = words if isinstance(words, str) and words else str(words) or first_line(error)
        if what_to_do := advice(source, why):
            raise ExtractError(place, no_connection(why, what_to_do), ErrorClass.REFUSED) from error
        raise ExtractError(place, why, _class_of(error, code)) from error


@contextlib.contextmanager
def _left_unread(connection: Any) -> Iterator[None]:
    """Leave the rest with the server where the reading ends early: the driver would fetch all of it."""
    try:
        yield
    except BaseException:
        connection._result.unbuffered_active = False
        raise


@dataclass(frozen=True, slots=True)
class _Server:
    """A server by the addresses that were judged; its name is for the certificate."""

    source: MySql
    password: str = field(repr=False)
    addresses: Sequence[str]
    tls: ssl.SSLContext | None

    def connect(self, patience: float, *, silence: float) -> Any:
        """Return a session; seconds until it has to be there, and without a byte until it counts as gone."""
        source = self.source
        connection = pymysql.connect(
            host=source.host,
            port=source.port,
            user=source.user,
            password=self.password,
            database=source.database,
            charset="utf8mb4",
            conv=_CONVERSIONS,
            read_timeout=silence,
            connect_timeout=patience,
            program_name="data-desk",
            defer_connect=True,
            ssl=self.tls,
        )
        connection.connect(_socket(self.addresses, source.port, patience))
        return connection


def _server(source: MySql, password: str) -> _Server:
    destination, addresses = reach(source.host, source.port, CONNECT)
    trusted = destination.allowed and not source.ca
    return _Server(source, password, addresses, None if trusted else verifying(source))


@contextlib.contextmanager
def _session(context: Context, server: _Server) -> Iterator[Any]:
    """Yield a session; whoever leaves it early ends its statement on the server too."""
    connection = server.connect(CONNECT, silence=server.source.patience + _SILENCE)
    with contextlib.closing(connection):
        try:
            yield connection
        except BaseException:
            _end_there(context, server, connection.thread_id())
            raise


def _end_there(context: Context, server: _Server, session: int) -> None:
    """End a session from another one: while it computes, the server does not see that nobody listens."""
    try:
        with contextlib.closing(server.connect(_FAREWELL, silence=_FAREWELL)) as connection:
            connection.cursor().execute(f"KILL {int(session)}")
    except (pymysql.MySQLError, OSError) as error:
        if error.args[:1] == (ER.NO_SUCH_THREAD,):
            return
        limit = server.source.patience
        context.log.warning(
            "the statement could not be ended and may go on there for up to %d s: %s", limit, error
        )


def _socket(addresses: Sequence[str], port: int, patience: float) -> socket.socket:
    failed: str = said("there is no address")
    for address in addresses:
        try:
            opened = socket.create_connection((address, port), timeout=patience)
        except OSError as error:
            failed = str(error)
        else:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            return opened
    raise pymysql.OperationalError(CR.CR_CONN_HOST_ERROR, no_connection(failed))


def _settle(cursor: Any, source: MySql) -> None:
    cursor.execute("SET SESSION time_zone = '+00:00', sql_mode = 'STRICT_TRANS_TABLES'")
    maria = "mariadb" in str(cursor.connection.get_server_info()).lower()
    limit = (
        f"max_statement_time = {source.patience}"
        if maria
        else f"max_execution_time = {source.patience * 1000}"
    )
    cursor.execute(f"SET SESSION {limit}")
    cursor.execute("SET SESSION TRANSACTION READ ONLY")
    cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")


def _rows(cursor: Any, described: Sequence[Any]) -> Iterator[list[str | None]]:
    instants = {place for place, each in enumerate(described) if each[1] == FIELD_TYPE.TIMESTAMP}
    for row in cursor:
        yield [_text(value, instant=place in instants) for place, value in enumerate(row)]


def _text(value: Any, *, instant: bool) -> str | None:
    if value is None:
        return None
    text = value.hex() if isinstance(value, bytes) else str(value)
    return f"{text}+00" if instant else text


def _type(column: Sequence[Any]) -> str:
    _name, code, _shown, _size, length, scale, _null = column
    if code in {FIELD_TYPE.DECIMAL, FIELD_TYPE.NEWDECIMAL}:
        # The length counts the point, and a sign where there may be one.
        precision = length - (1 if scale else 0)
        return f"DECIMAL({min(precision, 38)},{scale})" if scale <= 38 and precision <= 39 else "VARCHAR"
    return _TYPES.get(code, "VARCHAR")


def _class_of(error: Exception, code: Any) -> ErrorClass:
    if code in _NO_ENTRY:
        return ErrorClass.REFUSED
    if code in _TOO_LONG:
        return ErrorClass.TIMEOUT
    if isinstance(error, pymysql.DataError) or code == ER.BAD_FIELD_ERROR:
        # A column that is gone is the source's change, as it is where a file lacks one.
        return ErrorClass.BAD_INPUT
    if isinstance(error, pymysql.ProgrammingError | pymysql.NotSupportedError) or code == ER.NO_SUCH_TABLE:
        return ErrorClass.SETTINGS
    return ErrorClass.ELSEWHERE
