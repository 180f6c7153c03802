"""What dbt's DuckDB connection gets besides: the lake to read, and what earlier runs have published.

A plugin of dbt-duckdb, loaded in the process of ``child``; it knows nothing of the portal's settings.
"""

from collections.abc import Sequence
from typing import Final

import duckdb
from dbt.adapters.duckdb.plugins import BasePlugin

from jobs.runners.dbt import UNREACHABLE


class Session:
    """The one database of this process, and what is done as soon as it is open."""

    opening: Final[list[str]] = []
    connection: duckdb.DuckDBPyConnection | None = None


class Plugin(BasePlugin):
    """Open the lake in the database, once."""

    def configure_connection(self, conn: duckdb.DuckDBPyConnection) -> None:
        """Run the opening statements; a connection is kept, so that the database outlives dbt's command."""
        if Session.connection is not None:
            return
        Session.connection = conn.cursor()
        for statement in Session.opening:
            try:
                conn.execute(statement)
            except duckdb.Error as error:
                # The engine's words may hold the statement, and with it the lake's password.
                words = str(error).splitlines()[0] if "SECRET" not in statement else "no secret can be made"
                message = f"{UNREACHABLE}: {words}"
                raise RuntimeError(message) from None
        # Among them is a password, and the project's code comes next.
        Session.opening.clear()


def export(orders: Sequence[tuple[str, str]]) -> None:
    """Write what SELECTs return into Parquet files, each given by its path."""
    connection = Session.connection
    if connection is None:
        raise RuntimeError("dbt has opened no database.")
    for select, path in orders:
        quoted = path.replace("'", "''")
        connection.execute(f"COPY ({select}) TO '{quoted}' (FORMAT parquet, COMPRESSION snappy)")
