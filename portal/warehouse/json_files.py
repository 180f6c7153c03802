"""Read the records of JSON files as texts."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

import duckdb

from portal.warehouse import asking, guessing
from portal.warehouse.checks import literal, quoted_name
from portal.warehouse.errors import BadRow
from portal.warehouse.lines import place_of_json
from portal.warehouse.port import FileSource, SourceFile
from portal.warehouse.reading import Reading, paths, require_columns, unreadable

_NESTED: Final = re.compile(r"STRUCT|MAP|UNION|JSON|\[")
# Of more digits than 15 the engine may have rounded a number that is not a whole one.
_LONG: Final = r"^-?[0.]*[1-9]\.?([0-9]\.?){14,}[1-9]"


def read(connection: duckdb.DuckDBPyConnection, source: FileSource) -> Reading:
    """Return how the files are read; raises BadRow, MissingInput."""
    names = _names(connection, source)
    wanted = dict(source.columns)
    if not wanted or source.add_columns:
        new = [name for name in names if name not in wanted]
        if new:
            wanted |= guessing.types(connection, _values(source.files, new), new, json=True)
    _require_known(connection, names, source, wanted)
    # What this program wrote itself holds only numbers that the engine reads as they are.
    exact = {name for name, kind in wanted.items() if kind.startswith("DECIMAL") and not source.own}
    kinds = {name: _kind(kind) for name, kind in wanted.items()} | dict.fromkeys(exact, "JSON")
    chosen = ", ".join(
        f"{_number(name) if name in exact else quoted_name(name)} AS {quoted_name(name)}" for name in wanted
    )

    def texts(files: Sequence[SourceFile]) -> str:
        return f"SELECT {chosen} FROM {_read(files, kinds)}"  # noqa: S608

    return Reading(texts, wanted)


def _require_known(
    connection: duckdb.DuckDBPyConnection, names: Sequence[str], source: FileSource, wanted: Mapping[str, str]
) -> None:
    """Raise BadRow as ``require_columns`` does, at the first record that has a column nobody asked for."""
    try:
        require_columns(source.files[0], names, source, wanted)
    except BadRow as bad:
        for file in source.files if bad.column in names else ():
            rows, there = _read([file], {bad.column: "JSON"}), f"{quoted_name(bad.column)} IS NOT NULL"
            numbered = f"SELECT row_number() OVER () - 1 AS number, {there} AS there FROM {rows}"  # noqa: S608
            (number,) = asking.one(connection, f"SELECT min(number) FILTER (there) FROM ({numbered})")  # noqa: S608
            if number is not None:
                unit, line = place_of_json(file.path, number)
                raise BadRow(
                    file=file.name, line=line, column=bad.column, reason=bad.reason, unit=unit
                ) from None
        raise


def _names(connection: duckdb.DuckDBPyConnection, source: FileSource) -> list[str]:
    """Return the names that any record has."""
    # However seldom a name is, and however many there are, none is left out or becomes part of a map.
    look = (
        f"sample_size = -1, maximum_sample_files = {len(source.files)}, maximum_depth = 1,"
        " map_inference_threshold = -1, field_appearance_threshold = 0"
    )
    try:
        found = asking.columns(connection, f"read_json({paths(source.files)}, union_by_name = true, {look})")
    except duckdb.InvalidInputException:
        for file in source.files:
            try:
                asking.columns(connection, f"read_json({paths([file])}, {look})")
            except duckdb.InvalidInputException as error:
                raise unreadable(file, error) from error
        raise
    return [each.name for each in found]


def _values(files: Sequence[SourceFile], names: Sequence[str]) -> str:
    """Return a SELECT of values as they are written in JSON."""
    return f"SELECT CAST(COLUMNS(*) AS VARCHAR) FROM {_read(files, dict.fromkeys(names, 'JSON'))}"  # noqa: S608


def _read(files: Sequence[SourceFile], kinds: Mapping[str, str]) -> str:
    columns = ", ".join(f"{literal(name)}: {literal(kind)}" for name, kind in kinds.items())
    return f"read_json({paths(files)}, columns = {{{columns}}})"


def _kind(kind: str) -> str:
    return kind if _NESTED.search(kind) else "VARCHAR"


def _number(name: str) -> str:
    """Return the text of a value; where it is a number that the engine may have rounded, it says so."""
    column = quoted_name(name)
    written = f"CAST({column} AS VARCHAR)"
    rounded = f"contains({written}, '.') AND regexp_matches({written}, {literal(_LONG)})"
    return f"CASE WHEN {rounded} THEN 'about ' ELSE '' END || ({column} ->> '$')"
