"""The port that every warehouse engine fits: plain rows in and out, no engine's own types."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Protocol, Self

# Marks added rows with their run; no source may have a column of this name.
RUN_COLUMN: Final = "_run_id"


@dataclass(frozen=True, slots=True)
class Table:
    """A query's answer: ``rows`` are tuples in the order of ``columns``, ``cut`` when there were more."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    cut: bool = False

    def dicts(self) -> list[dict[str, Any]]:
        """Return each row as a dict by column."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


@dataclass(frozen=True, slots=True)
class ColumnInfo:
    """A column's name and type in the engine's own words."""

    name: str
    data_type: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A version of the warehouse; ``replaced_at`` is when the next one came, None for the newest."""

    id: int
    made_at: datetime
    replaced_at: datetime | None


@dataclass(frozen=True, slots=True)
class Expired:
    """The snapshots that were let go, and how many files that nothing names any more were deleted."""

    snapshots: tuple[int, ...]
    files: int


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What a table holds, for comparing two snapshots; ``content`` does not depend on the rows' order."""

    row_count: int
    content: str


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file to read: where it is, and the name by which people know it."""

    name: str
    path: Path


@dataclass(frozen=True, slots=True)
class FileSource:
    """Files of one format that become one table.

    ``columns`` are those wanted with their types, by name; without any the engine looks at the values.
    With ``add_columns`` the files may have more columns than these, else that is refused. ``added`` are
    columns with the same value in every row, as (type, value). ``delimiter``, ``quote``, ``header``,
    ``nulls`` and ``encoding`` are for CSV; a file in another encoding than UTF-8 is written anew first.
    ``own`` files were written by this program: their JSON numbers are all kept by a DOUBLE.
    """

    files: tuple[SourceFile, ...]
    format: Literal["csv", "parquet", "json"]
    columns: Mapping[str, str] = field(default_factory=dict)
    add_columns: bool = False
    added: Mapping[str, tuple[str, Any]] = field(default_factory=dict)
    delimiter: str = ","
    quote: str = '"'
    header: bool = True
    nulls: tuple[str, ...] = ("",)
    encoding: str = "utf-8"
    own: bool = False


@dataclass(frozen=True, slots=True)
class How:
    """How staged rows enter their target.

    ``full`` replaces all rows. ``partition`` replaces the rows whose column (the one of ``columns``) has
    ``value``, or without one any value that was staged. ``upsert`` replaces the rows with the same
    ``columns``. ``append`` adds rows, once for each run: they bear its id in ``_run_id``. ``newer`` adds the
    rows whose column is above the target's highest. ``drift`` says what happens where the columns of the
    target are others: ``replace`` it (only in full), ``refuse``, or ``add`` new ones, empty in older rows.
    Rows made from those of the target at a snapshot say so by ``made_at``: they enter only what is still so.
    """

    mode: Literal["full", "partition", "upsert", "append", "newer"] = "full"
    columns: tuple[str, ...] = ()
    value: str | None = None
    drift: Literal["replace", "refuse", "add"] = "replace"
    made_at: int | None = None


@dataclass(frozen=True, slots=True)
class StagedTable:
    """Rows written to staging for one target, not yet published; ``files`` are those they came from."""

    target: str
    path: Path
    columns: tuple[ColumnInfo, ...]
    row_count: int
    files: FileSource | None = None
    how: How = How()


@dataclass(frozen=True, slots=True)
class StagedView:
    """A view to be published: a SELECT over published tables."""

    target: str
    sql: str


Publishable = StagedTable | StagedView


@dataclass(frozen=True, slots=True)
class Check:
    """One question to the staged rows; make them with the functions of ``portal.warehouse.checks``.

    ``violations`` is a SELECT-able condition that is true for a bad row, ``sql`` instead a whole query that
    returns (passed, observed). ``quick`` are cheaper queries, the cheapest first: where one says yes no row
    is bad. A failed check that is not ``blocking`` is only reported.
    """

    name: str
    expected: str
    violations: str = ""
    sql: str = ""
    quick: tuple[str, ...] = ()
    blocking: bool = True

    @property
    def of_each_row(self) -> bool:
        """Whether it looks at each row alone: of such ones many are put as quickly as one."""
        return bool(self.violations) and not self.quick


@dataclass(frozen=True, slots=True)
class CheckResult:
    """How a check went; ``line`` is the first offending line of the source file, where there is one."""

    name: str
    passed: bool
    observed: str
    expected: str
    blocking: bool
    file: str = ""
    line: int | None = None


@dataclass(frozen=True, slots=True)
class ColumnProfile:
    """What a column holds; nothing in it identifies anybody where ``personal``."""

    name: str
    data_type: str
    personal: bool
    null_fraction: float | None
    distinct_count: int | None
    minimum: str = ""
    maximum: str = ""
    histogram: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Reading:
    """A query's answer, the snapshot that it was read at, and the engine's word for each column's type."""

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    cut: bool
    snapshot: int | None


@dataclass(frozen=True, slots=True)
class Misfit:
    """Why a column is of texts: most values are of ``data_type``, ``count`` are not; the first of these."""

    column: str
    data_type: str
    text: str
    line: int | None
    count: int


@dataclass(frozen=True, slots=True)
class Peek:
    """What the beginning of a source looks like: its columns, the first rows, and why it cannot be loaded.

    ``whole`` says that all of it was looked at, so that without a ``problem`` it can be read to its end.
    ``encoding`` is the one that it was read by, ``misfits`` tell of columns that are texts for a few values.
    """

    columns: tuple[ColumnInfo, ...] = ()
    rows: tuple[tuple[Any, ...], ...] = ()
    problem: Exception | None = None
    whole: bool = True
    encoding: str = "utf-8"
    misfits: tuple[Misfit, ...] = ()


class Warehouse(Protocol):
    """An engine that holds tables, publishes them in one transaction and can look back at old snapshots."""

    @property
    def dialect(self) -> str:
        """Return the SQL dialect by sqlglot's name."""

    @property
    def engine(self) -> str:
        """Return name and version of the engine, for evidence."""

    def __enter__(self) -> Self:
        """Use it in a ``with`` block."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""

    def close(self) -> None:
        """Let go of connections, files and memory."""

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

    def read(
        self,
        sql: str,
        params: Mapping[str, Any] | None = None,
        *,
        limit: int,
        timeout: float,
        watch: Callable[[list[tuple[Any, ...]]], None] | None = None,
    ) -> Reading:
        """Run one SELECT on the newest snapshot, and say which one that was.

        Rows are shown to ``watch`` piece by piece as they are fetched; what it raises ends the reading.
        Raises QueryTimeout, QueryTooLarge and QueryFailed (with line and column where the engine knows them).
        """

    def interrupt(self) -> None:
        """Stop whatever is being read or written now; called from another thread, at any time."""

    def tables(self) -> list[str]:
        """Return the published tables as ``schema.name``, sorted."""

    def columns(self, table: str) -> list[ColumnInfo]:
        """Return the columns of a published table, in order."""

    def row_count(self, table: str, *, snapshot: int | None = None) -> int:
        """Return how many rows a published table has."""

    def snapshot(self) -> int:
        """Return the newest snapshot."""

    def snapshots(self) -> list[Snapshot]:
        """Return every snapshot that is kept, the oldest first."""

    def expire(self, *, older_than: datetime, keep: Collection[int]) -> Expired:
        """Let go of snapshots that were replaced before ``older_than``, except those to ``keep``.

        Never the newest. The age counts from the replacement: whoever read the newest one a moment ago has
        read one that is not older than that, however long ago it was made.
        """

    def remove_orphans(self, *, older_than: datetime, dry_run: bool = False) -> int:
        """Delete what loads that died have left: files older than this that no snapshot names.

        Returns how many these are; a dry run only counts them. A load that goes on must be younger.
        """

    def reads(self, sql: str) -> list[str]:
        """Return the tables that a query names, as ``schema.name``, sorted, whether they exist or not."""

    def fingerprint(self, table: str, *, snapshot: int | None = None) -> Fingerprint:
        """Return what a published table holds; raises QueryFailed where the snapshot has no such table."""

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

        ``columns`` gives the type of each column in the file's order; ``derived`` adds columns as
        (type, expression over the others).
        """

    def stage_files(self, source: FileSource, *, target: str, folder: Path) -> StagedTable:
        """Read files strictly into staging under ``folder``; raises BadRow, MissingInput."""

    def peek(self, source: FileSource, *, folder: Path, rows: int, timeout: float) -> Peek:
        """Look at the beginning of the first file as ``stage_files`` would read it.

        ``folder`` is for what has to be written for that. Raises QueryTimeout and QueryTooLarge.
        """

    def stage_query(self, sql: str, *, target: str, folder: Path, timeout: float = 3600.0) -> StagedTable:
        """Write what one SELECT returns to staging under ``folder``; raises as ``read`` does."""

    def staged_at(self, path: Path, *, target: str) -> StagedTable:
        """Describe a Parquet file in one of the reader's folders that somebody else has staged."""

    def check(
        self, source: StagedTable | str, checks: Sequence[Check], *, snapshot: int | None = None
    ) -> list[CheckResult]:
        """Put the checks to staged rows, or to a published table as of a snapshot (None: the newest)."""

    def publish(self, staged: Sequence[Publishable], *, run_id: str, fence: int) -> int:
        """Publish to all targets in one transaction, each as its ``how`` says; return the new snapshot.

        Raises StalePublish, changing nothing, where a newer run or attempt has published any of them, and
        ColumnsChanged where the target has other columns and ``how`` does not let them differ.
        """

    def drop(self, tables: Sequence[str]) -> None:
        """Drop published tables, in one transaction; unknown ones are fine."""

    def profile(
        self, source: StagedTable | str, *, personal: Mapping[str, bool] | None = None
    ) -> list[ColumnProfile]:
        """Describe each column; ``personal`` says of columns whether they identify people.

        Columns that it does not name are judged by their names and values.
        """

    def sample(
        self, source: StagedTable | str, *, limit: int = 20, personal: Mapping[str, bool] | None = None
    ) -> Table:
        """Return some rows with personal values masked; every cell is a JSON value."""
