"""Read CSV files as texts, strictly: what the engine rejects it keeps apart, with its place."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Final

import duckdb

from portal.said import said
from portal.warehouse import guessing
from portal.warehouse.checks import literal, quoted_name
from portal.warehouse.errors import BadRow
from portal.warehouse.lines import header_of, lines_of
from portal.warehouse.port import FileSource, Misfit, SourceFile
from portal.warehouse.reading import Reading, paths, require_columns, unreadable

# So many rows of a file are looked at to see which types its columns have.
LOOK: Final = 20_000
_REJECTS: Final = 1_000
# So many columns of texts are looked at for what made them texts.
_MISFITS: Final = 200


def read(connection: duckdb.DuckDBPyConnection, source: FileSource) -> Reading:
    """Return how the files are read; raises BadRow."""
    headers = {file.path: _header(file, source) for file in source.files}
    wanted = dict(source.columns)
    if not wanted or source.add_columns:
        for file in source.files:
            if set(headers[file.path]) - set(wanted):
                found = types(connection, file, headers[file.path], source)
                wanted |= {name: kind for name, kind in found.items() if name not in wanted}
    for file in source.files:
        require_columns(file, headers[file.path], source, wanted)

    def texts(files: Sequence[SourceFile]) -> str:
        rejects = f"store_rejects = true, rejects_limit = {_REJECTS}"
        return " UNION ALL ".join(
            f"SELECT {_chosen(names, wanted)} FROM {_read(group, names, source, rejects)}"  # noqa: S608
            for names, group in _groups(files, headers)
        )

    return Reading(texts, wanted)


def _read(files: Sequence[SourceFile], names: Sequence[str], source: FileSource, how: str) -> str:
    nulls = ", ".join(literal(text) for text in source.nulls)
    texts = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in names)
    return (
        f"read_csv({paths(files)}, header = {str(source.header).lower()},"
        f" delim = {literal(source.delimiter)}, quote = {literal(source.quote)},"
        f" escape = {literal(source.quote)}, nullstr = [{nulls}], auto_detect = false, strict_mode = true,"
        f" {how}, columns = {{{texts}}})"
    )


def _chosen(names: Sequence[str], wanted: Mapping[str, str]) -> str:
    return ", ".join(
        f"{quoted_name(name) if name in names else 'CAST(NULL AS VARCHAR)'} AS {quoted_name(name)}"
        for name in wanted
    )


def _header(file: SourceFile, source: FileSource) -> list[str]:
    names = header_of(file, source)
    if not names:
        raise BadRow(file=file.name, line=1, column="", reason=said("the line is empty"))
    if not source.header:
        if len(names) != len(source.columns):
            reason = said(
                "the line has %(values)s values, %(columns)s columns are declared",
                values=len(names),
                columns=len(source.columns),
            )
            raise BadRow(file=file.name, line=1, column="", reason=reason)
        return list(source.columns)
    seen: set[str] = set()
    for position, name in enumerate(names, start=1):
        if "\0" in name:
            # No statement could name it.
            reason = said("the column's name has a zero byte; the file is in another encoding")
            raise BadRow(file=file.name, line=1, column=str(position), reason=reason)
        if not name.strip():
            raise BadRow(file=file.name, line=1, column=str(position), reason=said("the column has no name"))
        if name.casefold() in seen:
            raise BadRow(file=file.name, line=1, column=name, reason=said("the column is there twice"))
        seen.add(name.casefold())
    return names


def types(
    connection: duckdb.DuckDBPyConnection, file: SourceFile, names: Sequence[str], source: FileSource
) -> dict[str, str]:
    """Return the narrowest type that fits all of the first values of each column."""
    # What cannot be read is named later, when all is read.
    rows = _read([file], names, source, "ignore_errors = true")
    try:
        return guessing.types(connection, f"SELECT * FROM {rows} LIMIT {LOOK}", names)  # noqa: S608
    except duckdb.InvalidInputException as error:
        raise unreadable(file, error) from error


def misfits(
    connection: duckdb.DuckDBPyConnection, source: FileSource, columns: Mapping[str, str]
) -> tuple[Misfit, ...]:
    """Return which of these columns of the first file a few of its first values keep from being no texts."""
    file = source.files[0]
    names = [name for name, kind in columns.items() if kind == "VARCHAR"][:_MISFITS]
    if not names:
        return ()
    rows = _read([file], _header(file, source), source, "ignore_errors = true")
    found = guessing.misfits(connection, f"SELECT * FROM {rows} LIMIT {LOOK}", names)  # noqa: S608
    places = lines_of(file, source, {name: text for name, (_kind, text, _count) in found.items()}, most=LOOK)
    told = ((name, *found[name]) for name in names if name in found)
    return tuple(Misfit(name, kind, text, places.get(name), count) for name, kind, text, count in told)


def _groups(
    files: Sequence[SourceFile], headers: Mapping[Path, list[str]]
) -> Iterator[tuple[list[str], list[SourceFile]]]:
    """Yield neighbouring files with the same header together, so that rows stay in the files' order."""
    for header, group in groupby(files, key=lambda file: headers[file.path]):
        yield header, list(group)
