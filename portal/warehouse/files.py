"""Read files of people's making strictly into staging: every deviation is named by file, line and column."""

import codecs
import gzip
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import duckdb

from portal.warehouse import asking, staging
from portal.warehouse.checks import literal, quoted_name
from portal.warehouse.errors import BadRow, MissingInput
from portal.warehouse.lines import header_of
from portal.warehouse.port import FileSource, SourceFile, StagedTable

# So many rows of a file are looked at to see which types its columns have.
LOOK: Final = 20_000
_REJECTS: Final = 1_000
_PIECE: Final = 1 << 20
_UTF_8: Final = frozenset({"utf-8", "ascii"})
_TYPES: Final = (
    ("BIGINT", r"-?(0|[1-9]\d{0,17})"),
    # A zero before other digits belongs to a code, not to a number.
    ("DOUBLE", r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?"),
    ("BOOLEAN", r"(?i)true|false"),
    ("DATE", r"\d{4}-\d\d-\d\d"),
    ("TIMESTAMP", r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?"),
    ("TIMESTAMPTZ", r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d(:?\d\d)?)"),
)
_JSON_PLACE: Final = re.compile(
    r'in file "(?P<file>[^"]+)".*? in (?P<unit>line|record)(/value)? (?P<number>\d+)', re.DOTALL
)
_NESTED: Final = re.compile(r"STRUCT|MAP|UNION|JSON|\[")


def stage(
    connection: duckdb.DuckDBPyConnection, source: FileSource, *, target: str, folder: Path
) -> StagedTable:
    """Read the files into one staged table; raises BadRow, MissingInput."""
    for file in source.files:
        if file.path.stat().st_size == 0:
            raise BadRow(file=file.name, line=1, column="", reason="the file is empty")
    folder.mkdir(parents=True, exist_ok=True)
    source = _in_utf_8(source, folder)
    parts = {"csv": _csv, "json": _json, "parquet": _parquet}[source.format](connection, source)
    added = "".join(
        f", CAST({literal(str(value))} AS {kind}) AS {quoted_name(name)}"
        for name, (kind, value) in source.added.items()
    )
    sql = f"SELECT *{added} FROM ({parts})"  # noqa: S608
    try:
        path = staging.write(connection, sql, target=target, folder=folder)
    except duckdb.InvalidInputException as error:
        raise _json_place(connection, source, error) from error
    if source.format == "csv":
        staging.require_no_rejects(connection, source.files)
    return staging.staged_at(connection, path, target=target, files=source)


# --- CSV


def _csv(connection: duckdb.DuckDBPyConnection, source: FileSource) -> str:
    headers = {file.path: _header(file, source) for file in source.files}
    wanted = dict(source.columns)
    if not wanted or source.add_columns:
        for file in source.files:
            if set(headers[file.path]) - set(wanted):
                found = _types(connection, file, headers[file.path], source)
                wanted |= {name: kind for name, kind in found.items() if name not in wanted}
    for file in source.files:
        _require_columns(file, headers[file.path], source, wanted)
    parts = []
    for names, paths in _groups(headers):
        types = ", ".join(f"{literal(name)}: {literal(wanted[name])}" for name in names)
        rejects = f"store_rejects = true, rejects_limit = {_REJECTS}"
        read = f"read_csv([{_paths(paths)}], {_options(source)}, {rejects}, columns = {{{types}}})"
        parts.append(f"SELECT {_chosen(names, wanted)} FROM {read}")  # noqa: S608
    return " UNION ALL ".join(parts)


def _options(source: FileSource) -> str:
    nulls = ", ".join(literal(text) for text in source.nulls)
    return (
        f"header = {str(source.header).lower()}, delim = {literal(source.delimiter)},"
        f" quote = {literal(source.quote)}, escape = {literal(source.quote)}, nullstr = [{nulls}],"
        " auto_detect = false, strict_mode = true"
    )


def _header(file: SourceFile, source: FileSource) -> list[str]:
    names = header_of(file, source)
    if not source.header:
        if len(names) != len(source.columns):
            reason = f"the line has {len(names)} values, {len(source.columns)} columns are declared"
            raise BadRow(file=file.name, line=1, column="", reason=reason)
        return list(source.columns)
    seen: set[str] = set()
    for position, name in enumerate(names, start=1):
        if not name.strip():
            raise BadRow(file=file.name, line=1, column=str(position), reason="the column has no name")
        if name.casefold() in seen:
            raise BadRow(file=file.name, line=1, column=name, reason="the column is there twice")
        seen.add(name.casefold())
    return names


def _types(
    connection: duckdb.DuckDBPyConnection, file: SourceFile, names: Sequence[str], source: FileSource
) -> dict[str, str]:
    """Return the narrowest type that fits all of the first values of each column."""
    texts = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in names)
    # What cannot be read is named later, when all is read.
    read = f"read_csv({_paths([file.path])}, {_options(source)}, ignore_errors = true, columns = {{{texts}}})"
    fits = ", ".join(
        f"coalesce(bool_and(regexp_full_match({quoted_name(name)}, {literal(pattern)})), false)"
        for name in names
        for _kind, pattern in _TYPES
    )
    row = asking.one(connection, f"SELECT {fits} FROM (SELECT * FROM {read} LIMIT {LOOK})")  # noqa: S608
    kinds = [kind for kind, _pattern in _TYPES]
    found = {}
    for index, name in enumerate(names):
        answers = row[index * len(kinds) : (index + 1) * len(kinds)]
        found[name] = next((kind for kind, fit in zip(kinds, answers, strict=True) if fit), "VARCHAR")
    return found


def _groups(headers: Mapping[Path, list[str]]) -> Iterator[tuple[list[str], list[Path]]]:
    """Yield neighbouring files with the same header together, so that rows stay in the files' order."""
    names: list[str] = []
    paths: list[Path] = []
    for path, header in headers.items():
        if paths and header != names:
            yield names, paths
            paths = []
        names = header
        paths.append(path)
    yield names, paths


# --- JSON


def _json(connection: duckdb.DuckDBPyConnection, source: FileSource) -> str:
    read = f"read_json([{_paths([file.path for file in source.files])}]"
    try:
        found = asking.columns(connection, f"{read}, union_by_name = true)")
    except duckdb.InvalidInputException as error:
        raise _json_place(connection, source, error) from error
    kinds = {each.name: "JSON" if _NESTED.search(each.data_type) else each.data_type for each in found}
    wanted = dict(source.columns)
    if not wanted or source.add_columns:
        wanted |= {name: kind for name, kind in kinds.items() if name not in wanted}
    for file in source.files[:1]:
        _require_columns(file, list(kinds), source, wanted)
    types = ", ".join(f"{literal(name)}: {literal(kind)}" for name, kind in wanted.items())
    return f"SELECT {_chosen(list(wanted), wanted)} FROM {read}, columns = {{{types}}})"  # noqa: S608


def _json_place(connection: duckdb.DuckDBPyConnection, source: FileSource, error: duckdb.Error) -> Exception:
    """Return the error with its place: the engine names file and line, the column is looked up."""
    place = _JSON_PLACE.search(str(error))
    if place is None or source.format != "json":
        return error
    file = next((each for each in source.files if str(each.path) == place["file"]), source.files[0])
    reason = str(error).strip().splitlines()[0].split(": ", 2)[-1]
    # What is no JSON at all the engine places one too far.
    number = int(place["number"]) - ("Malformed" in str(error))
    return BadRow(
        file=file.name,
        line=max(number, 1),
        unit=place["unit"],
        column=_json_column(connection, source, file),
        reason=reason,
    )


def _json_column(connection: duckdb.DuckDBPyConnection, source: FileSource, file: SourceFile) -> str:
    if not source.columns:
        return ""
    raw = ", ".join(f"{literal(name)}: 'JSON'" for name in source.columns)
    read = f"read_json({_paths([file.path])}, columns = {{{raw}}})"
    bad = ", ".join(
        f"count(*) FILTER (json_type({name}) <> 'NULL' AND TRY_CAST({name} ->> '$' AS {kind}) IS NULL)"
        for name, kind in ((quoted_name(name), kind) for name, kind in source.columns.items())
    )
    try:
        counts = asking.one(connection, f"SELECT {bad} FROM {read}")  # noqa: S608
    except duckdb.Error:
        return ""
    return next((name for name, count in zip(source.columns, counts, strict=True) if count), "")


# --- Parquet


def _parquet(connection: duckdb.DuckDBPyConnection, source: FileSource) -> str:
    wanted = dict(source.columns)
    kinds: dict[Path, dict[str, str]] = {}
    for file in source.files:
        read = f"read_parquet({_paths([file.path])})"
        try:
            found = {each.name: each.data_type for each in asking.columns(connection, read)}
        except duckdb.InvalidInputException as error:
            message = f"{file.name} is no Parquet file: {str(error).splitlines()[0]}"
            raise MissingInput(message) from error
        kinds[file.path] = found
        if not source.columns or source.add_columns:
            wanted |= {name: kind for name, kind in found.items() if name not in wanted}
    parts = []
    for file in source.files:
        found = kinds[file.path]
        _require_columns(file, list(found), source, wanted, unit="row")
        _require_types(connection, file, found, wanted)
        read = f"read_parquet({_paths([file.path])})"
        parts.append(f"SELECT {_chosen(list(found), wanted)} FROM {read}")  # noqa: S608
    return " UNION ALL ".join(parts)


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
        read = f"read_parquet({_paths([file.path])}, file_row_number = true)"
        number, value = asking.one(
            connection,
            f"SELECT min(file_row_number), CAST(min_by({column}, file_row_number) AS VARCHAR)"  # noqa: S608
            f" FROM {read} WHERE NOT ({whole})",
        )
        if number is not None:
            reason = f"«{value}» ({kind}) does not fit {wanted[name]}"
            raise BadRow(file=file.name, line=number + 1, column=name, reason=reason, unit="row")


# --- all of them


def _require_columns(
    file: SourceFile, names: Sequence[str], source: FileSource, wanted: Mapping[str, str], unit: str = "line"
) -> None:
    known = source.columns or wanted
    for name in known:
        if name not in names:
            raise BadRow(file=file.name, line=1, column=name, reason="the column is missing", unit=unit)
    for name in names:
        if name not in wanted:
            reason = "the column is new; declare it, or let new columns be added"
            raise BadRow(file=file.name, line=1, column=name, reason=reason, unit=unit)


def _chosen(names: Sequence[str], wanted: Mapping[str, str]) -> str:
    return ", ".join(
        f"CAST({quoted_name(name) if name in names else 'NULL'} AS {kind}) AS {quoted_name(name)}"
        for name, kind in wanted.items()
    )


def _paths(paths: Sequence[Path]) -> str:
    return ", ".join(literal(str(path)) for path in paths)


def _in_utf_8(source: FileSource, folder: Path) -> FileSource:
    """Write files in another encoding, and packed CSVs, anew; raises BadRow for a line that is not in it."""
    plain = codecs.lookup(source.encoding).name in _UTF_8
    files = []
    for number, file in enumerate(source.files):
        packed = source.format == "csv" and file.name.endswith(".gz")
        if source.format == "parquet" or (plain and not packed):
            files.append(file)
            continue
        path = folder / f"{number}-utf8.{source.format}"
        try:
            _recode(file, path, source.encoding)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            message = f"{file.name} cannot be unpacked: {error}"
            raise MissingInput(message) from error
        files.append(SourceFile(file.name, path))
    return replace(source, files=tuple(files))


def _recode(file: SourceFile, path: Path, encoding: str) -> None:
    decode: Any = codecs.getincrementaldecoder(encoding)("strict").decode
    opened = gzip.open(file.path) if file.name.endswith(".gz") else file.path.open("rb")  # noqa: SIM115
    with opened as read, path.open("w", encoding="utf-8", newline="") as write:
        done = 1
        while True:
            piece = read.read(_PIECE)
            try:
                text = decode(piece, not piece)
            except UnicodeDecodeError as error:
                before = error.object[: error.start].decode(encoding, "replace")
                raise BadRow(
                    file=file.name,
                    line=done + before.count("\n"),
                    column="",
                    reason=f"the bytes {error.object[error.start : error.end].hex(' ')} are not {encoding}",
                ) from error
            write.write(text.removeprefix("\ufeff") if done == 1 else text)
            done += text.count("\n")
            if not piece:
                return
