"""Small questions to DuckDB that several files ask."""

import json
from collections.abc import Mapping
from typing import Any

import duckdb

from portal.said import said
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
        raise QueryFailed(said("The query returned no row."))
    return row


def relation(source: StagedTable | str) -> str:
    """Return what stands after FROM for staged rows or a published table."""
    if isinstance(source, StagedTable):
        return f"read_parquet({literal(str(source.path))})"
    return quoted(f"lake.{source}")


def some(source: StagedTable | str, *, size: int, most: int) -> str:
    """Return a SELECT of about ``most`` of ``size`` rows, spread over all of them and the same each time."""
    number = "file_row_number"
    if isinstance(source, StagedTable) and all(each.name.casefold() != number for each in source.columns):
        rows = f"read_parquet({literal(str(source.path))}, {number} = true)"
        return f"SELECT * EXCLUDE ({number}) FROM {rows} WHERE hash({number}) % {-(-size // most)} = 0"  # noqa: S608
    return f"SELECT * FROM {relation(source)} USING SAMPLE reservoir({most} ROWS) REPEATABLE (7)"  # noqa: S608


def tables(connection: duckdb.DuckDBPyConnection, sql: str) -> list[str]:
    """Return the tables that a query names with their schema, sorted; nothing is looked up or bound."""
    parsed = json.loads(one(connection, "SELECT json_serialize_sql($sql::VARCHAR)", {"sql": sql})[0])
    found: set[str] = set()
    pending: list[Any] = [parsed]
    while pending:
        node = pending.pop()
        if isinstance(node, list):
            pending += node
        elif isinstance(node, dict):
            # A name without a schema is one that the query itself gives (WITH).
            if node.get("type") == "BASE_TABLE" and node.get("schema_name"):
                found.add(f"{node['schema_name']}.{node['table_name']}")
            pending += node.values()
    return sorted(found)
