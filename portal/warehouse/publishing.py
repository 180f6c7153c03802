"""Publish into DuckLake: the fence first, then the swap, all in one transaction."""

import json
from collections.abc import Sequence

import duckdb

from portal.warehouse.asking import columns, one, relation
from portal.warehouse.checks import literal, quoted, quoted_name
from portal.warehouse.errors import ColumnsChanged, StalePublish
from portal.warehouse.port import Publishable, StagedTable, StagedView

# One table of one row for each target, so that publishing one target never waits for another; creating it
# twice at once conflicts, which stands in for the unique key that DuckLake has not.
LEDGER = "publish_ledger"


# The rows of runs that appended so long ago cannot meet a late attempt of their run any more.
_REMEMBERED = "INTERVAL 90 DAY"


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
    parts = [each.target for each in staged if _part(each, "") is not None]
    parts = [target for target in parts if _parts_name(target) not in known]
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
    """Publish to every target and return the new snapshot; raises StalePublish, ColumnsChanged."""
    connection.execute("BEGIN")
    for each in staged:
        # First of all: two transactions that update one row conflict, so of two publishers only one commits.
        _take(connection, each, run_id=run_id, fence=fence)
    for each in staged:
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS lake.{quoted(each.target.split('.')[0])}")
        if isinstance(each, StagedView):
            _set_view(connection, each)
        else:
            _swap(connection, each, run_id=run_id)
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
    attempts at the same part do. All of them touch the target's row, so that one commits at a time.
    """
    part = _part(staged, run_id)
    own: dict[str, str | int] = {"run": run_id, "fence": fence}
    if part is None:
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
    if part is not None:
        _take_part(connection, staged.target, part, own)


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


def _part(staged: Publishable, run_id: str) -> str | None:
    """Return which part of the target is written; None where newer runs stand for all of it."""
    if isinstance(staged, StagedView):
        return None
    if staged.how.mode == "append":
        return f"run:{run_id}"
    if staged.how.mode == "partition" and staged.how.value is not None:
        return f"{staged.how.columns[0]}={staged.how.value}"
    return None


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


def _swap(connection: duckdb.DuckDBPyConnection, staged: StagedTable, *, run_id: str) -> None:
    target, rows, how = quoted(f"lake.{staged.target}"), relation(staged), staged.how
    kind = _kind(connection, staged.target)
    if kind == "VIEW":
        connection.execute(f"DROP VIEW {target}")
    same = kind == "BASE TABLE" and tuple(columns(connection, target)) == staged.columns
    if kind != "BASE TABLE" or (how.drift == "replace" and not same):
        connection.execute(f"CREATE OR REPLACE TABLE {target} AS SELECT * FROM {rows}")  # noqa: S608
        return
    # The table stays the same one, so that its history and grants stay with it.
    _fit(connection, staged)
    gone, kept = _conditions(connection, staged, run_id=run_id)
    if gone:
        connection.execute(f"DELETE FROM {target} WHERE {gone}")  # noqa: S608
    connection.execute(f"INSERT INTO {target} BY NAME SELECT * FROM {rows} WHERE {kept}")  # noqa: S608


def _fit(connection: duckdb.DuckDBPyConnection, staged: StagedTable) -> None:
    """Give the target the new columns of the staged rows, or raise ColumnsChanged."""
    target = quoted(f"lake.{staged.target}")
    there = {column.name: column.data_type for column in columns(connection, target)}
    new = {column.name: column.data_type for column in staged.columns}
    missing = [name for name in there if name not in new]
    added = [name for name in new if name not in there]
    if missing:
        raise ColumnsChanged(staged.target, f"the column «{missing[0]}» is missing.")
    if added and staged.how.drift != "add":
        raise ColumnsChanged(staged.target, f"the column «{added[0]}» is new.")
    for name, kind in new.items():
        if name in added:
            connection.execute(f"ALTER TABLE {target} ADD COLUMN {quoted_name(name)} {kind}")
        elif there[name] != kind:
            raise ColumnsChanged(staged.target, f"the column «{name}» is {kind} now, it was {there[name]}.")


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
            return f"_run_id = {literal(run_id)}", "true"
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
