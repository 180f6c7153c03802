"""DuckLake: DuckDB in this process, the catalog in PostgreSQL, the rows in Parquet files."""

import random
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb

from portal.said import said
from portal.warehouse import asking, expiring, files, peeking, profiles, staging
from portal.warehouse.attaching import attach
from portal.warehouse.checks import quoted
from portal.warehouse.errors import (
    BadRow,
    WarehouseBusy,
    WarehouseError,
)
from portal.warehouse.guarding import Watchdog, as_query_error, fetch, first_line, one_select
from portal.warehouse.lines import place_of_record, require_header
from portal.warehouse.port import (
    Check,
    CheckResult,
    ColumnInfo,
    ColumnProfile,
    Expired,
    FileSource,
    Fingerprint,
    Peek,
    Publishable,
    Reading,
    Snapshot,
    SourceFile,
    StagedTable,
    Table,
)
from portal.warehouse.publishing import LEDGER, drop, register, replace

_TRIES = 8
_ROLL_BACKS = 100
_NEWEST = "SELECT id FROM ducklake_current_snapshot('lake')"


class DuckLakeWarehouse:
    """The embedded default: many processes read and write at once, every commit is a snapshot.

    Read-only, the connection is locked: no files outside the lake, no other database, no setting.
    """

    dialect = "duckdb"

    def __init__(self, *, read_only: bool, folders: Sequence[Path] = ()) -> None:
        """Attach the lake; raises WarehouseUnavailable. A reader may reach these folders besides."""
        self._read_only, self._folders = read_only, tuple(folders)
        self._at: dict[int | None, duckdb.DuckDBPyConnection] = {}
        self._connection(None)
        self._watchdog = Watchdog(self)

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
        self._watchdog.close()
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
        with as_query_error(), self._watchdog.within(timeout):
            statement = one_select(connection, sql)
            cursor = connection.execute(statement, dict(params) if params else None)
            rows = cursor.fetchmany(limit + 1)
            columns = tuple(column[0] for column in cursor.description or ())
        return Table(columns=columns, rows=rows[:limit], cut=len(rows) > limit)

    def read(
        self,
        sql: str,
        params: Mapping[str, Any] | None = None,
        *,
        limit: int,
        timeout: float,
        watch: Callable[[list[tuple[Any, ...]]], None] | None = None,
    ) -> Reading:
        """Run one SELECT on the newest snapshot, and say which one that was; see the port."""
        connection = self._connection(None)
        with as_query_error(sql), self._watchdog.within(timeout):
            statement = one_select(connection, sql)
            # What was stopped at the worst moment may have left its transaction open.
            _roll_back(connection)
            # Both statements see the same snapshot: a transaction of the lake keeps the one it began with.
            connection.execute("BEGIN")
            try:
                snapshot = int(asking.one(connection, _NEWEST)[0])
                cursor = connection.execute(statement, dict(params) if params else None)
                described = cursor.description or ()
                rows, cut = fetch(cursor, limit=limit, watch=watch)
            finally:
                _roll_back(connection)
        columns, types = (tuple(str(column[part]) for column in described) for part in (0, 1))
        return Reading(columns=columns, types=types, rows=rows, cut=cut, snapshot=snapshot)

    def interrupt(self) -> None:
        """Stop whatever is being read or written now; called from another thread, at any time."""
        for connection in list(self._at.values()):
            connection.interrupt()

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
        with as_query_error():
            return asking.columns(self._connection(None), quoted(f"lake.{table}"))

    def row_count(self, table: str, *, snapshot: int | None = None) -> int:
        """Return how many rows a published table has."""
        found = self.query(f"SELECT count(*) FROM {quoted(f'lake.{table}')}", snapshot=snapshot)  # noqa: S608
        return int(found.rows[0][0])

    def snapshot(self) -> int:
        """Return the newest snapshot."""
        return int(self.query(_NEWEST).rows[0][0])

    def snapshots(self) -> list[Snapshot]:
        """Return every snapshot that is kept, the oldest first."""
        with as_query_error():
            return expiring.snapshots(self._connection(None))

    def reads(self, sql: str) -> list[str]:
        """Return the tables that a query names, as ``schema.name``, sorted, whether they exist or not."""
        with as_query_error():
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
        wanted = FileSource(
            (SourceFile(source.name, source),), "csv", columns=dict(columns), nulls=("NA", "")
        )
        with as_query_error():
            staged = files.stage(connection, wanted, target=target, folder=folder, derived=derived)
        for name, (kind, expression) in (derived or {}).items():
            number = staging.first_row(connection, staged, f"{quoted(name)} IS NULL")
            place = place_of_record(wanted, number) if number is not None else None
            if place:
                reason = said("%(expression)s gives no %(type)s", expression=expression, type=kind)
                raise BadRow(file=place[0], line=place[1], column=name, reason=reason)
        return staged

    def stage_files(self, source: FileSource, *, target: str, folder: Path) -> StagedTable:
        """Read files strictly into staging under ``folder``; raises BadRow, MissingInput."""
        connection = self._connection(None)
        with as_query_error():
            return files.stage(connection, source, target=target, folder=folder)

    def peek(self, source: FileSource, *, folder: Path, rows: int, timeout: float) -> Peek:
        """Look at the beginning of the first file as ``stage_files`` would read it."""
        connection = self._connection(None)
        with as_query_error(), self._watchdog.within(timeout):
            return peeking.peek(connection, source, folder=folder, rows=rows)

    def stage_query(self, sql: str, *, target: str, folder: Path, timeout: float = 3600.0) -> StagedTable:
        """Write what one SELECT returns to staging under ``folder``; raises as ``read`` does."""
        connection = self._connection(None)
        with as_query_error(sql), self._watchdog.within(timeout):
            one_select(connection, sql)
            path = staging.write(connection, sql, target=target, folder=folder)
            return staging.staged_at(connection, path, target=target)

    def staged_at(self, path: Path, *, target: str) -> StagedTable:
        """Describe a Parquet file in one of the reader's folders that somebody else has staged."""
        with as_query_error():
            return staging.staged_at(self._connection(None), path, target=target)

    def check(
        self, source: StagedTable | str, checks: Sequence[Check], *, snapshot: int | None = None
    ) -> list[CheckResult]:
        """Put the checks to staged rows, or to a published table as of a snapshot (None: the newest)."""
        connection = self._connection(snapshot)
        with as_query_error():
            return staging.put(connection, source, checks)

    def profile(
        self, source: StagedTable | str, *, personal: Mapping[str, bool] | None = None
    ) -> list[ColumnProfile]:
        """Describe each column; ``personal`` says of columns whether they identify people."""
        connection = self._connection(None)
        with as_query_error():
            columns = asking.columns(connection, asking.relation(source))
            return profiles.profile(connection, source, columns, personal or {})

    def sample(
        self, source: StagedTable | str, *, limit: int = 20, personal: Mapping[str, bool] | None = None
    ) -> Table:
        """Return some rows with personal values masked; every cell is a JSON value."""
        connection = self._connection(None)
        with as_query_error():
            rows = asking.relation(source)
            return profiles.sample(
                connection, rows, asking.columns(connection, rows), personal or {}, limit=limit
            )

    # --- publishing

    def publish(self, staged: Sequence[Publishable], *, run_id: str, fence: int) -> int:
        """Publish to all targets in one transaction, each as its ``how`` says; return the new snapshot.

        Raises StalePublish, changing nothing, where a newer run or attempt has published any of them (run ids
        sort by time), ColumnsChanged, and WarehouseBusy where others kept getting in between.
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

    def expire(self, *, older_than: datetime, keep: Collection[int]) -> Expired:
        """Let go of snapshots that were replaced before ``older_than``, except those to ``keep``."""
        connection = self._connection(None)
        gone = expiring.expirable(self.snapshots(), older_than=older_than, keep=keep)
        self._retried(lambda: expiring.expire(connection, gone))
        files = self._retried(lambda: expiring.clean_up(connection, now=datetime.now(UTC)))
        return Expired(snapshots=tuple(gone), files=files)

    def remove_orphans(self, *, older_than: datetime, dry_run: bool = False) -> int:
        """Delete what loads that died have left: files older than this that no snapshot names."""
        connection = self._connection(None)
        return self._retried(
            lambda: expiring.remove_orphans(connection, older_than=older_than, dry_run=dry_run)
        )

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
                raise WarehouseError(first_line(exc)) from exc
            except BaseException:
                _roll_back(connection)
                raise
        message = said("Others kept publishing at the same moment; nothing was changed, try again.")
        raise WarehouseBusy(message)

    # --- inside

    def _connection(self, snapshot: int | None) -> duckdb.DuckDBPyConnection:
        if snapshot not in self._at:
            self._at[snapshot] = attach(
                read_only=self._read_only or snapshot is not None, snapshot=snapshot, folders=self._folders
            )
        return self._at[snapshot]


def _roll_back(connection: duckdb.DuckDBPyConnection) -> None:
    for _ in range(_ROLL_BACKS):
        try:
            connection.execute("ROLLBACK")
        except duckdb.InterruptException:
            # Whoever stops a query says so again and again: this one must come through all the same.
            continue
        except duckdb.TransactionException:
            # A failed commit has already ended the transaction.
            return
        return
    message = "A transaction could not be rolled back."
    raise duckdb.InterruptException(message)
