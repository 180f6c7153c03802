"""Small questions to DuckDB that several files ask."""

from collections.abc import Mapping
from typing import Any

import duckdb

from portal.warehouse.checks import literal, quoted
from portal.warehouse.errors import QueryFailed
from portal.warehouse.port import ColumnInfo, StagedTable


def columns(connection: duckdb.DuckDBPyConnection, rows: str) -> list[ColumnInfo]:
    """Return the columns of a relation, in order."""
    described = connection.execute(f"DESCRIBE SELECT * FROM {rows}").fetchall()  # noqa: S608
    return [ColumnInfo(name=row[0], data_type=row[1]) for row in described]


def one(
    connection: duckdb.DuckDBPyConnection, sql: str, params: Mapping[str, Any] | None = None
) -> tuple[Any, ...]:
    """Return the one row of a query."""
    row = connection.execute(sql, dict(params) if params else None).fetchone()
    if row is None:
        raise QueryFailed("The query returned no row.")
    return row


def relation(source: StagedTable | str) -> str:
    """Return what stands after FROM for staged rows or a published table."""
    if isinstance(source, StagedTable):
        return f"read_parquet({literal(str(source.path))})"
    return quoted(f"lake.{source}")
