"""Read Parquet files, whose columns have types of their own."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb

from portal.said import said
from portal.warehouse import asking
from portal.warehouse.checks import quoted_name
from portal.warehouse.errors import BadRow, MissingInput
from portal.warehouse.port import FileSource, SourceFile
from portal.warehouse.reading import Reading, paths, require_columns


def read(connection: duckdb.DuckDBPyConnection, source: FileSource) -> Reading:
    """Return how the files are read; raises BadRow, MissingInput."""
    wanted = dict(source.columns)
    kinds: dict[Path, dict[str, str]] = {}
    for file in source.files:
        try:
            columns = asking.columns(connection, f"read_parquet({paths([file])})")
        except duckdb.InvalidInputException as error:
            words = str(error).splitlines()[0]
            message = said("%(file)s is no Parquet file: %(why)s", file=file.name, why=words)
            raise MissingInput(message) from error
        kinds[file.path] = found = {each.name: each.data_type for each in columns}
        if not source.columns or source.add_columns:
            wanted |= {name: kind for name, kind in found.items() if name not in wanted}
    for file in source.files:
        require_columns(file, list(kinds[file.path]), source, wanted, unit="row")
        _require_types(connection, file, kinds[file.path], wanted)

    def rows(files: Sequence[SourceFile]) -> str:
        return " UNION ALL ".join(
            f"SELECT {_chosen(kinds[file.path], wanted)} FROM read_parquet({paths([file])})"  # noqa: S608
            for file in files
        )

    return Reading(rows, {})


def _require_types(
    connection: duckdb.DuckDBPyConnection,
    file: SourceFile,
    found: Mapping[str, str],
    wanted: Mapping[str, str],
) -> None:
    """Raise BadRow for the first value that does not fit its type, or would lose something by it."""
    for name, kind in found.items():
        if kind == wanted[name]:
            continue
        column = quoted_name(name)
        whole = f"CAST(TRY_CAST({column} AS {wanted[name]}) AS {kind}) IS NOT DISTINCT FROM {column}"
        read = f"read_parquet({paths([file])}, file_row_number = true)"
        number, value = asking.one(
            connection,
            f"SELECT min(file_row_number), CAST(min_by({column}, file_row_number) AS VARCHAR)"  # noqa: S608
            f" FROM {read} WHERE NOT ({whole})",
        )
        if number is not None:
            reason = said(
                "«%(value)s» (%(type)s) does not fit %(wanted)s", value=value, type=kind, wanted=wanted[name]
            )
            raise BadRow(file=file.name, line=number + 1, column=name, reason=reason, unit="row")


def _chosen(names: Mapping[str, str], wanted: Mapping[str, str]) -> str:
    return ", ".join(
        f"CAST({quoted_name(name) if name in names else 'NULL'} AS {kind}) AS {quoted_name(name)}"
        for name, kind in wanted.items()
    )
