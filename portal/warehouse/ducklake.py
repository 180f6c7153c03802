"""DuckLake: DuckDB in this process, the catalog in PostgreSQL, the rows in Parquet files."""

import contextlib
import random
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb

from portal.warehouse import asking, profiles
from portal.warehouse.attaching import attach
from portal.warehouse.checks import literal, quoted
from portal.warehouse.errors import (
    BadRow,
    QueryFailed,
    QueryTimeout,
    WarehouseBusy,
    WarehouseError,
)
from portal.warehouse.lines import line_of_byte, line_of_record, require_header
from portal.warehouse.port import (
    Check,
    CheckResult,
    ColumnInfo,
    ColumnProfile,
    Fingerprint,
    StagedTable,
    Table,
)
from portal.warehouse.publishing import LEDGER, drop, register, replace

_TRIES = 8


class DuckLakeWarehouse:
    """The embedded default: many processes read and write at once, every commit is a snapshot.

    Read-only, the connection is locked: no files outside the lake, no other database, no setting.
    """

    dialect = "duckdb"

    def __init__(self, *, read_only: bool) -> None:
        """Attach the lake; raises WarehouseUnavailable."""
        self._read_only = read_only
        self._at: dict[int | None, duckdb.DuckDBPyConnection] = {}
        self._connection(None)

    @property
    def engine(self) -> str:
        """Return name and version of the engine, for evidence."""
        return f"duckdb {duckdb.__version__}"

    def __enter__(self) -> Self:
        """Use it in a ``with`` block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Let go of connections, files and memory."""
        while self._at:
            self._at.popitem()[1].close()

    # --- reading

    def query(
        self,
        sql: str,
        params: Mapping[str, Any] | None = None,
        *,
        limit: int = 10_000,
        timeout: float = 60.0,
        snapshot: int | None = None,
    ) -> Table:
        """Run one SELECT as of a snapshot (None: the newest); raises QueryTimeout, QueryFailed."""
        connection = self._connection(snapshot)
        with _as_query_error(), _interrupted_after(connection, timeout):
            statements = connection.extract_statements(sql)
            if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
                raise QueryFailed("A query is one SELECT.")
            cursor = connection.execute(statements[0], dict(params) if params else None)
            rows = cursor.fetchmany(limit + 1)
            columns = tuple(column[0] for column in cursor.description or ())
        return Table(columns=columns, rows=rows[:limit], cut=len(rows) > limit)

    def tables(self) -> list[str]:
        """Return the published tables as ``schema.name``, sorted."""
        found = self.query(
            "SELECT table_schema || '.' || table_name FROM information_schema.tables"
            " WHERE table_catalog = 'lake' AND table_schema <> $ledger ORDER BY 1",
            {"ledger": LEDGER},
        )
        return [row[0] for row in found.rows]

    def columns(self, table: str) -> list[ColumnInfo]:
        """Return the columns of a published table, in order."""
        with _as_query_error():
            return asking.columns(self._connection(None), quoted(f"lake.{table}"))

    def row_count(self, table: str, *, snapshot: int | None = None) -> int:
        """Return how many rows a published table has."""
        found = self.query(f"SELECT count(*) FROM {quoted(f'lake.{table}')}", snapshot=snapshot)  # noqa: S608
        return int(found.rows[0][0])

    def snapshot(self) -> int:
        """Return the newest snapshot."""
        return int(self.query("SELECT id FROM ducklake_current_snapshot('lake')").rows[0][0])

    def reads(self, sql: str) -> list[str]:
        """Return the tables that a query names, as ``schema.name``, sorted, whether they exist or not."""
        with _as_query_error():
            return asking.tables(self._connection(None), sql)

    def fingerprint(self, table: str, *, snapshot: int | None = None) -> Fingerprint:
        """Return what a published table holds; raises QueryFailed where the snapshot has no such table."""
        # A sum takes the rows in any order, and, unlike an exclusive or, two equal rows do not cancel out.
        content = "coalesce(sum(hash(r)::HUGEINT), 0)::VARCHAR"
        found = self.query(
            f"SELECT count(*), {content} FROM {quoted(f'lake.{table}')} AS r",  # noqa: S608
            snapshot=snapshot,
        )
        return Fingerprint(row_count=int(found.rows[0][0]), content=str(found.rows[0][1]))

    # --- staging and checking

    def stage_csv(
        self,
        source: Path,
        columns: Mapping[str, str],
        *,
        target: str,
        folder: Path,
        derived: Mapping[str, tuple[str, str]] | None = None,
    ) -> StagedTable:
        """Read a CSV strictly into staging under ``folder``; raises BadRow for the first bad row.

        ``NA`` and nothing stand for no value. ``columns`` gives the type of each column in the file's order;
        ``derived`` adds columns as (type, expression over the others); a row for which such an expression
        gives no value is a bad row.
        """
        require_header(source, columns)
        connection = self._connection(None)
        types = ", ".join(f"{literal(name)}: {literal(kind)}" for name, kind in columns.items())
        read = (
            f"read_csv({literal(str(source))}, header = true, delim = ',', quote = '\"', escape = '\"',"
            f" nullstr = ['NA', ''], auto_detect = false, strict_mode = true, store_rejects = true,"
            f" columns = {{{types}}})"
        )
        added = "".join(
            f", TRY(CAST({expression} AS {kind})) AS {quoted(name)}"
            for name, (kind, expression) in (derived or {}).items()
        )
        with _as_query_error():
            path = _write(connection, f"SELECT *{added} FROM {read}", target=target, folder=folder)  # noqa: S608
            self._require_no_rejects(source)
            staged = _staged(connection, path, target=target, source=source)
        for name, (kind, expression) in (derived or {}).items():
            number = self._first_row(staged, f"{quoted(name)} IS NULL")
            if number is not None:
                raise BadRow(
                    file=source.name,
                    line=line_of_record(source, number),
                    column=name,
                    reason=f"{expression} gives no {kind}",
                )
        return staged

    def stage_query(self, sql: str, *, target: str, folder: Path) -> StagedTable:
        """Write what one SELECT returns to staging under ``folder``."""
        connection = self._connection(None)
        with _as_query_error():
            path = _write(connection, sql, target=target, folder=folder)
            return _staged(connection, path, target=target, source=None)

    def check(self, staged: StagedTable, checks: Sequence[Check]) -> list[CheckResult]:
        """Put the checks to the staged rows."""
        return [self._check(staged, check) for check in checks]

    def profile(
        self, source: StagedTable | str, *, personal: Mapping[str, bool] | None = None
    ) -> list[ColumnProfile]:
        """Describe each column; ``personal`` says of columns whether they identify people."""
        connection = self._connection(None)
        with _as_query_error():
            rows = asking.relation(source)
            return profiles.profile(connection, rows, asking.columns(connection, rows), personal or {})

    def sample(
        self, source: StagedTable | str, *, limit: int = 20, personal: Mapping[str, bool] | None = None
    ) -> Table:
        """Return some rows with personal values masked; every cell is a JSON value."""
        connection = self._connection(None)
        with _as_query_error():
            rows = asking.relation(source)
            return profiles.sample(
                connection, rows, asking.columns(connection, rows), personal or {}, limit=limit
            )

    # --- publishing

    def publish(self, staged: Sequence[StagedTable], *, run_id: str, fence: int) -> int:
        """Replace all targets in one transaction and return the new snapshot.

        Raises StalePublish, changing nothing, where a newer run or attempt has published any of them (run ids
        sort by time), and WarehouseBusy where others kept getting in between.
        """
        # In the order of their names, so that two runs register and update them in the same order.
        wanted = sorted(staged, key=lambda one: one.target)
        connection = self._connection(None)
        self._retried(lambda: register(connection, wanted))
        return self._retried(lambda: replace(connection, wanted, run_id=run_id, fence=fence))

    def drop(self, tables: Sequence[str]) -> None:
        """Drop published tables with their ledger rows, in one transaction; unknown ones are fine."""
        connection = self._connection(None)
        self._retried(lambda: drop(connection, sorted(tables)))

    def _retried(self, attempt: Any) -> int:
        connection = self._connection(None)
        for tried in range(_TRIES):
            try:
                return int(attempt())
            except duckdb.TransactionException:
                # Somebody else committed first: the ledger must be asked again before anything is written.
                _roll_back(connection)
                time.sleep(random.uniform(0.01, 0.05) * 2**tried)  # noqa: S311
            except duckdb.Error as exc:
                _roll_back(connection)
                raise WarehouseError(_first_line(exc)) from exc
            except BaseException:
                _roll_back(connection)
                raise
        raise WarehouseBusy("Others kept publishing at the same moment; nothing was changed, try again.")

    # --- inside

    def _connection(self, snapshot: int | None) -> duckdb.DuckDBPyConnection:
        if snapshot not in self._at:
            self._at[snapshot] = attach(read_only=self._read_only or snapshot is not None, snapshot=snapshot)
        return self._at[snapshot]

    def _require_no_rejects(self, source: Path) -> None:
        connection = self._connection(None)
        first = connection.execute(
            "SELECT line_byte_position, coalesce(column_name, ''), error_message FROM reject_errors"
            " ORDER BY line_byte_position, column_idx LIMIT 1"
        ).fetchone()
        connection.execute("DROP TABLE reject_errors; DROP TABLE reject_scans")
        if first:
            raise BadRow(
                file=source.name,
                line=line_of_byte(source, first[0]),
                column=first[1],
                reason=_reason(first[2]),
            )

    def _check(self, staged: StagedTable, check: Check) -> CheckResult:
        connection, rows = self._connection(None), asking.relation(staged)
        line: int | None = None
        with _as_query_error():
            if check.sql:
                passed, observed = asking.one(connection, check.sql.replace("{rows}", rows))
            else:
                # The condition may hold a window, which WHERE does not take.
                bad = f"SELECT ({check.violations}) AS bad FROM {rows}"  # noqa: S608
                (count,) = asking.one(connection, f"SELECT count(*) FILTER (bad) FROM ({bad})")  # noqa: S608
                passed, observed = count == 0, f"{count:,} of {staged.row_count:,} rows"
                if count and staged.source is not None:
                    number = self._first_row(staged, check.violations)
                    line = line_of_record(staged.source, number) if number is not None else None
        return CheckResult(
            name=check.name,
            passed=bool(passed),
            observed="none" if passed and not check.sql else str(observed),
            expected=check.expected,
            blocking=check.blocking,
            file=staged.source.name if staged.source and line else "",
            line=line,
        )

    def _first_row(self, staged: StagedTable, condition: str) -> int | None:
        rows = f"read_parquet({literal(str(staged.path))}, file_row_number = true)"
        judged = f"SELECT file_row_number, ({condition}) AS bad FROM {rows}"  # noqa: S608
        number: int | None = asking.one(
            self._connection(None),
            f"SELECT min(file_row_number) FILTER (bad) FROM ({judged})",  # noqa: S608
        )[0]
        return number


def _write(connection: duckdb.DuckDBPyConnection, sql: str, *, target: str, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{target}.parquet"
    connection.execute(f"COPY ({sql}) TO {literal(str(path))} (FORMAT parquet, COMPRESSION zstd)")
    return path


def _staged(
    connection: duckdb.DuckDBPyConnection, path: Path, *, target: str, source: Path | None
) -> StagedTable:
    rows = f"read_parquet({literal(str(path))})"
    (count,) = asking.one(connection, f"SELECT count(*) FROM {rows}")  # noqa: S608
    return StagedTable(
        target=target,
        path=path,
        columns=tuple(asking.columns(connection, rows)),
        row_count=count,
        source=source,
    )


def _roll_back(connection: duckdb.DuckDBPyConnection) -> None:
    # A failed commit has already ended the transaction.
    with contextlib.suppress(duckdb.TransactionException):
        connection.execute("ROLLBACK")


@contextlib.contextmanager
def _interrupted_after(connection: duckdb.DuckDBPyConnection, seconds: float) -> Iterator[None]:
    timer = threading.Timer(seconds, connection.interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    except duckdb.InterruptException:
        message = f"The query took longer than {seconds:g} seconds and was stopped."
        raise QueryTimeout(message) from None
    finally:
        timer.cancel()


@contextlib.contextmanager
def _as_query_error() -> Iterator[None]:
    try:
        yield
    except (duckdb.IOException, duckdb.ConnectionException, duckdb.OutOfMemoryException) as exc:
        raise WarehouseError(_first_line(exc)) from exc
    except duckdb.Error as exc:
        raise QueryFailed(_first_line(exc)) from exc


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]


def _reason(message: str) -> str:
    # «Error when converting column "a". Could not convert …»: the column is named already.
    return message.strip().splitlines()[0].split('". ', 1)[-1]
