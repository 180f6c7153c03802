"""Look at the beginning of a file as a load would read it, without reading all of a large one."""

import codecs
import gzip
import zlib
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import duckdb

from portal.said import said
from portal.warehouse import asking, csv_files, files, staging
from portal.warehouse.errors import BadRow, WarehouseError
from portal.warehouse.guarding import is_outage
from portal.warehouse.lines import header_of
from portal.warehouse.port import ColumnInfo, FileSource, Peek, SourceFile
from portal.warehouse.reading import Reading, unreadable
from portal.warehouse.recoding import encoding_of, in_utf_8

# Of a larger file only so much is read, up to the end of a row.
HEAD: Final = 16 * 1024 * 1024


def peek(connection: duckdb.DuckDBPyConnection, source: FileSource, *, folder: Path, rows: int) -> Peek:
    """Return columns, first rows and the first problem of the source's first file."""
    folder.mkdir(parents=True, exist_ok=True)
    file = source.files[0]
    encoding = encoding_of(file, source)
    source = replace(source, encoding=encoding)
    head = folder / f"head.{source.format}"
    whole = source.format == "parquet" or not _copy_head(file, source, head)
    try:
        if file.path.stat().st_size == 0:
            raise BadRow(file=file.name, line=1, column="", reason=said("the file is empty"))
        if whole:
            source = in_utf_8(replace(source, files=(file,)), folder)
        else:
            source = replace(source, files=(SourceFile(file.name, head),), encoding="utf-8")
        if source.format == "csv" and not source.header and not source.columns:
            source = _with_names(connection, source)
        reading = files.reading_of(connection, source)
        columns = _columns(connection, reading, source)
    except WarehouseError as problem:
        return Peek(problem=problem, whole=whole, encoding=encoding)
    found = Peek(columns, _first(connection, reading, source, rows), None, whole, encoding)
    if source.format == "csv":
        found = replace(found, misfits=csv_files.misfits(connection, source, reading.columns))
    try:
        if source.format == "parquet":
            _require_parquet(connection, reading, source, rows)
        else:
            files.require_readable(connection, source, reading)
    except WarehouseError as problem:
        return replace(found, problem=problem)
    return found


def _columns(
    connection: duckdb.DuckDBPyConnection, reading: Reading, source: FileSource
) -> tuple[ColumnInfo, ...]:
    if reading.columns:
        return tuple(ColumnInfo(name, kind) for name, kind in reading.columns.items())
    return tuple(asking.columns(connection, f"({reading.rows(source.files)})"))


def _first(
    connection: duckdb.DuckDBPyConnection, reading: Reading, source: FileSource, rows: int
) -> tuple[tuple[Any, ...], ...]:
    """Return the first rows with their types; as texts where one of them does not fit."""
    # The second one shows what is there where the first one fails of a value.
    for sql in dict.fromkeys((reading.sql(source.files), reading.rows(source.files))):
        with suppress(duckdb.ConversionException, duckdb.InvalidInputException):
            found = connection.execute(f"SELECT * FROM ({sql}) LIMIT {rows}").fetchall()  # noqa: S608
            staging.forget_rejects(connection)
            return tuple(found)
    staging.forget_rejects(connection)
    return ()


def _require_parquet(
    connection: duckdb.DuckDBPyConnection, reading: Reading, source: FileSource, rows: int
) -> None:
    """Raise MissingInput where not even the first rows can be read."""
    try:
        connection.execute(f"SELECT * FROM ({reading.rows(source.files)}) LIMIT {rows}").fetchall()  # noqa: S608
    except (duckdb.InterruptException, duckdb.OutOfMemoryException):
        raise
    except duckdb.Error as error:
        if is_outage(error):
            raise
        raise unreadable(source.files[0], error) from error


def _with_names(connection: duckdb.DuckDBPyConnection, source: FileSource) -> FileSource:
    """Name the columns of a CSV without a header by their numbers: the load asks for names of one's own."""
    count = len(header_of(source.files[0], source))
    names = [f"column{number}" for number in range(1, count + 1)]
    return replace(source, columns=csv_files.types(connection, source.files[0], names, source))


def _copy_head(file: SourceFile, source: FileSource, target: Path) -> bool:
    """Write the whole rows at the beginning of a large file to ``target``; False where it is not large."""
    packed = file.name.endswith(".gz")
    if not packed and file.path.stat().st_size <= HEAD:
        return False
    try:
        with gzip.open(file.path) if packed else file.path.open("rb") as stream:
            head: bytes = stream.read(HEAD + 1)
        if len(head) <= HEAD:
            return False
        text = codecs.getincrementaldecoder(source.encoding)("strict").decode(head)
    except (EOFError, gzip.BadGzipFile, zlib.error, UnicodeDecodeError):
        # What reads it next says so, with its place.
        return False
    text = text.removeprefix("\ufeff")
    if source.format == "json" and not text.lstrip().startswith("{"):
        # One list: a piece of it is no JSON.
        return False
    end = _end_of_rows(text, source.quote if source.format == "csv" else "")
    if not end:
        return False
    target.write_text(text[:end], encoding="utf-8", newline="")
    return True


def _end_of_rows(text: str, quote: str) -> int:
    """Return where the last whole row ends: a line break within quotes ends none."""
    end = place = 0
    inside = False
    for line in text.splitlines(keepends=True):
        place += len(line)
        inside ^= bool(quote) and line.count(quote) % 2 == 1
        if not inside and line.endswith("\n"):
            end = place
    return end
