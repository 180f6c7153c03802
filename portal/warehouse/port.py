"""The port that every warehouse engine fits: plain rows in and out, no engine's own types."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self


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
class Fingerprint:
    """What a table holds, for comparing two snapshots; ``content`` does not depend on the rows' order."""

    row_count: int
    content: str


@dataclass(frozen=True, slots=True)
class StagedTable:
    """Rows written to staging for one target, not yet published; ``source`` is the file they came from."""

    target: str
    path: Path
    columns: tuple[ColumnInfo, ...]
    row_count: int
    source: Path | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """One question to the staged rows; make them with the functions of ``portal.warehouse.checks``.

    ``violations`` is a SELECT-able condition that is true for a bad row, ``sql`` instead a whole query that
    returns (passed, observed). A failed check that is not ``blocking`` is only reported.
    """

    name: str
    expected: str
    violations: str = ""
    sql: str = ""
    blocking: bool = True


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
    distinct_count: int
    minimum: str = ""
    maximum: str = ""
    histogram: list[float] = field(default_factory=list)


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

    def tables(self) -> list[str]:
        """Return the published tables as ``schema.name``, sorted."""

    def columns(self, table: str) -> list[ColumnInfo]:
        """Return the columns of a published table, in order."""

    def row_count(self, table: str, *, snapshot: int | None = None) -> int:
        """Return how many rows a published table has."""

    def snapshot(self) -> int:
        """Return the newest snapshot."""

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

    def stage_query(self, sql: str, *, target: str, folder: Path) -> StagedTable:
        """Write what one SELECT returns to staging under ``folder``."""

    def check(self, staged: StagedTable, checks: Sequence[Check]) -> list[CheckResult]:
        """Put the checks to the staged rows."""

    def publish(self, staged: Sequence[StagedTable], *, run_id: str, fence: int) -> int:
        """Replace all targets in one transaction and return the new snapshot.

        Raises StalePublish, changing nothing, where a newer run or attempt has published any of them.
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
