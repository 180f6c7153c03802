"""Publish into DuckLake: the fence first, then the swap, all in one transaction.

Rows are written once, to staging: the lake takes the staged file over as it is.
"""

import contextlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import duckdb
import uuid_utils
from django.conf import settings

from portal.said import said
from portal.warehouse.asking import columns, one, relation
from portal.warehouse.checks import literal, quoted, quoted_name
from portal.warehouse.errors import ColumnsChanged, StalePublish, TargetMoved
from portal.warehouse.port import RUN_COLUMN, ColumnInfo, Publishable, StagedTable, StagedView

# One table of one row for each target, so that publishing one target never waits for another; creating it
# twice at once conflicts, which stands in for the unique key that DuckLake has not.
LEDGER = "publish_ledger"


# The rows of runs that appended so long ago cannot meet a late attempt of their run any more.
_REMEMBERED = "INTERVAL 90 DAY"
# The lake does not take these over from a file: it calls them by other names than the file does.
_WRITTEN_ANEW: Final = ("TIME WITH TIME ZONE", "VARIANT")
# Up to so many rows the lake keeps in its catalog; a file for each few would be many files.
_FEW: Final = 10


def register(connection: duckdb.DuckDBPyConnection, staged: Sequence[Publishable]) -> int:
    """Make the ledger tables of targets that have none yet; return how many that were."""
    known = {
        row[0]
        for row in connection.execute(
            "SELECT table_name FROM information_schema.tables"
            " WHERE table_catalog = 'lake' AND table_schema = ?",
            [LEDGER],
        ).fetchall()
    }
    missing = [each.target for each in staged if each.target not in known]
    parts = [each.target for each in staged if _is_part(each) and _parts_name(each.target) not in known]
    if missing or parts:
        connection.execute("BEGIN")
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS lake.{LEDGER}")
        for target in missing:
            connection.execute(
                f"CREATE TABLE {_ledger(target)} AS"
                " SELECT '' AS run, CAST(0 AS BIGINT) AS fence, CAST(NULL AS TIMESTAMPTZ) AS published_at"
            )
        for target in parts:
            connection.execute(
                f"CREATE TABLE {_ledger(_parts_name(target))}"
                " (part VARCHAR, run VARCHAR, fence BIGINT, published_at TIMESTAMPTZ)"
            )
        connection.execute("COMMIT")
    return len(missing) + len(parts)


def replace(
    connection: duckdb.DuckDBPyConnection, staged: Sequence[Publishable], *, run_id: str, fence: int
) -> int:
    """Publish to every target, return the new snapshot; raises StalePublish, TargetMoved, ColumnsChanged."""
    with _placing(connection) as placed:
        connection.execute("BEGIN")
        for each in staged:
            # First of all: two transactions that update one row conflict, so of two only one commits.
            _take(connection, each, run_id=run_id, fence=fence)
        for each in staged:
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS lake.{quoted(each.target.split('.')[0])}")
            if isinstance(each, StagedView):
                _set_view(connection, each)
            else:
                _swap(connection, each, placed, run_id=run_id)
        connection.execute(
            "CALL lake.set_commit_message('data-desk', $message, extra_info => $info)",
            {
                "message": ", ".join(each.target for each in staged),
                "info": json.dumps({"run": run_id, "fence": fence}),
            },
        )
    return int(one(connection, "SELECT id FROM ducklake_last_committed_snapshot('lake')")[0])


def drop(connection: duckdb.DuckDBPyConnection, tables: Sequence[str]) -> int:
    """Drop tables with their ledger rows; return how many were named. Old snapshots keep their rows."""
    connection.execute("BEGIN")
    for table in tables:
        kind = "VIEW" if _kind(connection, table) == "VIEW" else "TABLE"
        connection.execute(f"DROP {kind} IF EXISTS {quoted(f'lake.{table}')}")
        connection.execute(f"DROP TABLE IF EXISTS {_ledger(table)}")
        connection.execute(f"DROP TABLE IF EXISTS {_ledger(_parts_name(table))}")
    connection.execute("COMMIT")
    return len(tables)


# --- the fence


def _take(connection: duckdb.DuckDBPyConnection, staged: Publishable, *, run_id: str, fence: int) -> None:
    """Write this attempt into the target's ledger; raises StalePublish where a newer one stands there.

    Runs that write different parts (a partition, the rows of one run) do not overtake each other; only
    attempts at the same part do, and who writes all of the target. All of them touch the target's row, so
    that one commits at a time.
    """
    own: dict[str, str | int] = {"run": run_id, "fence": fence}
    if isinstance(staged, StagedTable) and staged.how.made_at is not None:
        _require_unmoved(connection, staged.target, staged.how.made_at)
    if not _is_part(staged):
        (taken,) = one(
            connection,
            f"UPDATE {_ledger(staged.target)} SET run = $run, fence = $fence, published_at = now()"  # noqa: S608
            " WHERE run < $run OR (run = $run AND fence <= $fence)",
            own,
        )
    else:
        (taken,) = one(
            connection,
            f"UPDATE {_ledger(staged.target)} SET published_at = now() WHERE run <= $run",  # noqa: S608
            {"run": run_id},
        )
    if taken != 1:
        raise StalePublish(staged.target)
    if _is_part(staged):
        _take_part(connection, staged.target, _part(connection, staged, run_id), own)
    elif _has_parts(connection, staged.target):
        _take_all_parts(connection, staged.target, run_id)


def _require_unmoved(connection: duckdb.DuckDBPyConnection, target: str, snapshot: int) -> None:
    """Raise TargetMoved where the target was published after the snapshot: these rows lack what came."""
    ledger = _ledger(target)
    (same,) = one(
        connection,
        f"SELECT (SELECT published_at FROM {ledger}) IS NOT DISTINCT FROM"  # noqa: S608
        f" (SELECT published_at FROM {ledger} AT (VERSION => {int(snapshot)}))",
    )
    if not same:
        raise TargetMoved(target)


def _take_part(
    connection: duckdb.DuckDBPyConnection, target: str, part: str, own: dict[str, str | int]
) -> None:
    ledger = _ledger(_parts_name(target))
    (newer,) = one(
        connection,
        f"SELECT count(*) FROM {ledger} WHERE part = $part"  # noqa: S608
        " AND NOT (run < $run OR (run = $run AND fence <= $fence))",
        {"part": part, **own},
    )
    if newer:
        raise StalePublish(target)
    connection.execute(
        f"DELETE FROM {ledger} WHERE part = $part"  # noqa: S608
        f" OR (part LIKE 'run:%' AND published_at < now() - {_REMEMBERED})",
        {"part": part},
    )
    connection.execute(f"INSERT INTO {ledger} VALUES ($part, $run, $fence, now())", {"part": part, **own})  # noqa: S608


def _take_all_parts(connection: duckdb.DuckDBPyConnection, target: str, run_id: str) -> None:
    """Let the target's own row stand for every part from now on; raises StalePublish where one is newer."""
    ledger = _ledger(_parts_name(target))
    (newer,) = one(connection, f"SELECT count(*) FROM {ledger} WHERE run > $run", {"run": run_id})  # noqa: S608
    if newer:
        raise StalePublish(target)
    connection.execute(f"DELETE FROM {ledger}")  # noqa: S608


def _is_part(staged: Publishable) -> bool:
    """Say whether only a part of the target is written; else newer runs stand for all of it."""
    if isinstance(staged, StagedView):
        return False
    return staged.how.mode == "append" or (staged.how.mode == "partition" and staged.how.value is not None)


def _part(connection: duckdb.DuckDBPyConnection, staged: Publishable, run_id: str) -> str:
    """Return which part of the target is written; one day is one part, however the run writes it."""
    if isinstance(staged, StagedView) or staged.how.value is None:
        return f"run:{run_id}"
    (column,) = (each for each in staged.columns if each.name == staged.how.columns[0])
    kind = column.data_type
    (value,) = one(connection, f"SELECT CAST(CAST({literal(staged.how.value)} AS {kind}) AS VARCHAR)")
    return f"{column.name}={value}"


def _has_parts(connection: duckdb.DuckDBPyConnection, target: str) -> bool:
    found = connection.execute(
        "SELECT 1 FROM information_schema.tables"
        " WHERE table_catalog = 'lake' AND table_schema = ? AND table_name = ?",
        [LEDGER, _parts_name(target)],
    )
    return found.fetchone() is not None


def _ledger(name: str) -> str:
    return f'lake.{LEDGER}."{name}"'


def _parts_name(target: str) -> str:
    return f"{target}#parts"


# --- the rows


def _set_view(connection: duckdb.DuckDBPyConnection, staged: StagedView) -> None:
    target = quoted(f"lake.{staged.target}")
    if _kind(connection, staged.target) == "BASE TABLE":
        connection.execute(f"DROP TABLE {target}")
    connection.execute(f"CREATE OR REPLACE VIEW {target} AS {staged.sql}")


def _swap(
    connection: duckdb.DuckDBPyConnection, staged: StagedTable, placed: list[Path], *, run_id: str
) -> None:
    target, rows, how = quoted(f"lake.{staged.target}"), relation(staged), staged.how
    kind = _kind(connection, staged.target)
    if kind == "VIEW":
        connection.execute(f"DROP VIEW {target}")
    there = columns(connection, target) if kind == "BASE TABLE" else []
    replaced = how.drift == "replace" and tuple(there) != staged.columns
    added = [] if replaced else _added(staged, there)
    if not there or replaced or how.mode == "full":
        # Deleting the rows would read all of them first; a new table is a matter of the catalog alone.
        names = [each.name for each in (staged.columns if replaced else there)] + added
        chosen = ", ".join(map(quoted_name, names))
        connection.execute(f"CREATE OR REPLACE TABLE {target} AS SELECT {chosen} FROM {rows} LIMIT 0")  # noqa: S608
        _enter(connection, staged, placed)
        return
    for each in staged.columns:
        if each.name in added:
            connection.execute(f"ALTER TABLE {target} ADD COLUMN {quoted_name(each.name)} {each.data_type}")
    gone, kept = _conditions(connection, staged, run_id=run_id)
    if gone:
        connection.execute(f"DELETE FROM {target} WHERE {gone}")  # noqa: S608
    _enter(connection, staged, placed, kept=kept)


def _added(staged: StagedTable, there: Sequence[ColumnInfo]) -> list[str]:
    """Return the new columns of the staged rows; raises ColumnsChanged where the target cannot take them."""
    old = {column.name: column.data_type for column in there}
    new = {column.name: column.data_type for column in staged.columns}
    missing = [name for name in old if name not in new]
    added = [name for name in new if name not in old]
    if missing:
        raise ColumnsChanged(staged.target, said("the column «%(column)s» is missing.", column=missing[0]))
    if old and added and staged.how.drift != "add":
        raise ColumnsChanged(staged.target, said("the column «%(column)s» is new.", column=added[0]))
    for name, kind in new.items():
        if name not in added and old[name] != kind:
            reason = said(
                "the column «%(column)s» is %(type)s now, it was %(before)s.",
                column=name,
                type=kind,
                before=old[name],
            )
            raise ColumnsChanged(staged.target, reason)
    return added


def _enter(
    connection: duckdb.DuckDBPyConnection, staged: StagedTable, placed: list[Path], *, kept: str = "true"
) -> None:
    """Let the target have the staged rows for which ``kept`` is true: the file itself, where that is all."""
    if not staged.row_count:
        return
    odd = any(kind in each.data_type for each in staged.columns for kind in _WRITTEN_ANEW)
    if odd or kept != "true" or staged.row_count <= _FEW:
        connection.execute(
            f"INSERT INTO {quoted(f'lake.{staged.target}')} BY NAME"  # noqa: S608
            f" SELECT * FROM {relation(staged)} WHERE {kept}"
        )
        return
    schema, table = staged.target.split(".")
    folder = Path(settings.LAKE_DATA) / schema / table
    folder.mkdir(parents=True, exist_ok=True)
    # A name for each try: the lake deletes a file when the last snapshot of the try that named it goes.
    path = folder / f"ducklake-{uuid_utils.uuid7()}.parquet"
    placed.append(path)
    try:
        path.hardlink_to(staged.path)
    except OSError:
        # The lake lies on another disk than the folders of runs.
        shutil.copyfile(staged.path, path)
    # A link is as old as its rows: until the commit only a young file is safe from who looks for orphans.
    os.utime(path)
    connection.execute(
        f"CALL ducklake_add_data_files('lake', {literal(table)}, {literal(str(path))},"
        f" schema => {literal(schema)})"
    )


@contextlib.contextmanager
def _placing(connection: duckdb.DuckDBPyConnection) -> Iterator[list[Path]]:
    """Commit what was done inside; files that were placed for it go where it surely did not come to be."""
    placed: list[Path] = []
    try:
        yield placed
    except BaseException:
        _remove(placed)
        raise
    try:
        connection.execute("COMMIT")
    except duckdb.TransactionException as error:
        # Of a commit that broke off otherwise nobody knows whether it came through.
        if "conflict" in str(error).lower():
            _remove(placed)
        raise


def _remove(paths: Sequence[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _conditions(
    connection: duckdb.DuckDBPyConnection, staged: StagedTable, *, run_id: str
) -> tuple[str, str]:
    """Return which rows of the target go, and which staged ones come."""
    target, rows, how = quoted(f"lake.{staged.target}"), relation(staged), staged.how
    names = ", ".join(quoted_name(name) for name in how.columns)
    match how.mode:
        case "full":
            return "true", "true"
        case "partition" if how.value is not None:
            kinds = {column.name: column.data_type for column in staged.columns}
            return f"{names} = CAST({literal(how.value)} AS {kinds[how.columns[0]]})", "true"
        case "partition" | "upsert":
            return f"({names}) IN (SELECT ({names}) FROM {rows})", "true"  # noqa: S608
        case "append":
            return f"{RUN_COLUMN} = {literal(run_id)}", "true"
    (highest,) = one(connection, f"SELECT CAST(max({names}) AS VARCHAR) FROM {target}")  # noqa: S608
    # Asked again here: another run may have added rows since these were staged.
    return "", f"{names} > (SELECT max({names}) FROM {target})" if highest is not None else "true"  # noqa: S608


def _kind(connection: duckdb.DuckDBPyConnection, name: str) -> str:
    """Return «BASE TABLE» or «VIEW»; "" where there is none."""
    schema, table = name.split(".")
    found = connection.execute(
        "SELECT table_type FROM information_schema.tables"
        " WHERE table_catalog = 'lake' AND table_schema = $schema AND table_name = $table",
        {"schema": schema, "table": table},
    ).fetchone()
    return str(found[0]) if found else ""
