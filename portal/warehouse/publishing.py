"""Publish into DuckLake: the fence first, then the swap, all in one transaction."""

import json
from collections.abc import Sequence

import duckdb

from portal.warehouse.asking import columns, one, relation
from portal.warehouse.checks import quoted
from portal.warehouse.errors import StalePublish
from portal.warehouse.port import StagedTable

# One table of one row for each target, so that publishing one target never waits for another; creating it
# twice at once conflicts, which stands in for the unique key that DuckLake has not.
LEDGER = "publish_ledger"


def register(connection: duckdb.DuckDBPyConnection, staged: Sequence[StagedTable]) -> int:
    """Make the ledger rows of targets that have none yet; return how many that were."""
    known = {
        row[0]
        for row in connection.execute(
            "SELECT table_name FROM information_schema.tables"
            " WHERE table_catalog = 'lake' AND table_schema = ?",
            [LEDGER],
        ).fetchall()
    }
    missing = [each.target for each in staged if each.target not in known]
    if missing:
        connection.execute("BEGIN")
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS lake.{LEDGER}")
        for target in missing:
            connection.execute(
                f"CREATE TABLE {_ledger(target)} AS"
                " SELECT '' AS run, CAST(0 AS BIGINT) AS fence, CAST(NULL AS TIMESTAMPTZ) AS published_at"
            )
        connection.execute("COMMIT")
    return len(missing)


def replace(
    connection: duckdb.DuckDBPyConnection, staged: Sequence[StagedTable], *, run_id: str, fence: int
) -> int:
    """Replace every target by its staged rows and return the new snapshot; raises StalePublish."""
    connection.execute("BEGIN")
    for each in staged:
        # First of all: two transactions that update one row conflict, so of two publishers only one commits.
        (taken,) = one(
            connection,
            f"UPDATE {_ledger(each.target)} SET run = $run, fence = $fence, published_at = now()"  # noqa: S608
            " WHERE run < $run OR (run = $run AND fence <= $fence)",
            {"run": run_id, "fence": fence},
        )
        if taken != 1:
            raise StalePublish(each.target)
    for each in staged:
        _swap(connection, each)
    connection.execute(
        "CALL lake.set_commit_message('data-desk', $message, extra_info => $info)",
        {
            "message": ", ".join(each.target for each in staged),
            "info": json.dumps({"run": run_id, "fence": fence}),
        },
    )
    connection.execute("COMMIT")
    return int(one(connection, "SELECT id FROM ducklake_last_committed_snapshot('lake')")[0])


def drop(connection: duckdb.DuckDBPyConnection, tables: Sequence[str]) -> int:
    """Drop tables with their ledger rows; return how many were named. Old snapshots keep their rows."""
    connection.execute("BEGIN")
    for table in tables:
        connection.execute(f"DROP TABLE IF EXISTS {quoted(f'lake.{table}')}")
        connection.execute(f"DROP TABLE IF EXISTS {_ledger(table)}")
    connection.execute("COMMIT")
    return len(tables)


def _swap(connection: duckdb.DuckDBPyConnection, staged: StagedTable) -> None:
    schema, table = staged.target.split(".")
    target, rows = quoted(f"lake.{staged.target}"), relation(staged)
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS lake.{quoted(schema)}")
    there = one(
        connection,
        "SELECT count(*) FROM information_schema.tables"
        " WHERE table_catalog = 'lake' AND table_schema = $schema AND table_name = $table",
        {"schema": schema, "table": table},
    )[0]
    if there and tuple(columns(connection, target)) == staged.columns:
        # The table stays the same one, so that its history and grants stay with it.
        connection.execute(f"DELETE FROM {target}")  # noqa: S608
        connection.execute(f"INSERT INTO {target} SELECT * FROM {rows}")  # noqa: S608
    else:
        connection.execute(f"CREATE OR REPLACE TABLE {target} AS SELECT * FROM {rows}")  # noqa: S608


def _ledger(target: str) -> str:
    return f'lake.{LEDGER}."{target}"'
