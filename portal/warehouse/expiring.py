"""Forget old snapshots of a DuckLake: only the catalog first, the files that nothing names any more later."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

import duckdb

from portal.warehouse.port import Snapshot

# Whoever has just planned a read of an expired snapshot still finds its files for so long.
GRACE: Final = timedelta(hours=1)


def snapshots(connection: duckdb.DuckDBPyConnection) -> list[Snapshot]:
    """Return all snapshots, the oldest first."""
    rows = connection.execute(
        "SELECT snapshot_id, snapshot_time, lead(snapshot_time) OVER (ORDER BY snapshot_id)"
        " FROM ducklake_snapshots('lake') ORDER BY snapshot_id"
    ).fetchall()
    return [Snapshot(id=int(number), made_at=made, replaced_at=replaced) for number, made, replaced in rows]


def expirable(found: Collection[Snapshot], *, older_than: datetime, keep: Collection[int]) -> list[int]:
    """Return those that were replaced before ``older_than`` and that nobody wants kept."""
    return [
        each.id
        for each in found
        if each.replaced_at is not None and each.replaced_at < older_than and each.id not in keep
    ]


def expire(connection: duckdb.DuckDBPyConnection, gone: Collection[int]) -> int:
    """Take these snapshots out of the catalog; return how many that were."""
    if gone:
        numbers = ", ".join(str(int(number)) for number in gone)
        connection.execute(f"CALL ducklake_expire_snapshots('lake', versions => [{numbers}])")
    return len(gone)


def remove_orphans(connection: duckdb.DuckDBPyConnection, *, older_than: datetime, dry_run: bool) -> int:
    """Delete the Parquet files below the lake's folder that no snapshot has ever named; return how many.

    What waits to be cleaned up is none of them. A file that a load has placed or written and not committed
    yet looks like one, so ``older_than`` must lie before the beginning of any that still goes on.
    """
    rows = connection.execute(
        f"CALL ducklake_delete_orphaned_files('lake', older_than => TIMESTAMPTZ '{older_than.isoformat()}',"
        f" dry_run => {str(dry_run).lower()})"
    ).fetchall()
    return len(rows)


def clean_up(connection: duckdb.DuckDBPyConnection, *, now: datetime) -> int:
    """Delete the files that no snapshot has named for a while; return how many that were."""
    before = (now - GRACE).isoformat()
    rows = connection.execute(
        f"CALL ducklake_cleanup_old_files('lake', older_than => TIMESTAMPTZ '{before}')"
    ).fetchall()
    return len(rows)
