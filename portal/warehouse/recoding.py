"""Write files anew in UTF-8, unpacked, where the engine could not read them as they are."""

import codecs
import gzip
import zlib
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

from portal.said import said
from portal.warehouse.errors import BadRow, MissingInput
from portal.warehouse.port import FileSource, SourceFile

_PIECE: Final = 1 << 20
_UTF_8: Final = frozenset({"utf-8", "ascii"})


def in_utf_8(source: FileSource, folder: Path) -> FileSource:
    """Write files in another encoding, and packed CSVs, anew; raises BadRow for a line that is not in it."""
    files = []
    for number, file in enumerate(source.files):
        packed = source.format == "csv" and file.name.endswith(".gz")
        encoding = encoding_of(file, source)
        if source.format == "parquet" or (codecs.lookup(encoding).name in _UTF_8 and not packed):
            files.append(file)
            continue
        path = folder / f"{number}-utf8.{source.format}"
        try:
            _recode(file, path, encoding)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            message = said("%(file)s cannot be unpacked: %(why)s", file=file.name, why=error)
            raise MissingInput(message) from error
        files.append(SourceFile(file.name, path))
    return replace(source, files=tuple(files))


def encoding_of(file: SourceFile, source: FileSource) -> str:
    """Return how a file is written: as the source says, but for UTF-16 that says so itself.

    Its first two bytes are in no text of UTF-8, so that nothing is read otherwise that could be read before.
    """
    if source.format == "parquet" or codecs.lookup(source.encoding).name not in _UTF_8:
        return source.encoding
    with suppress(EOFError, OSError, zlib.error), _opened(file) as stream:
        first = stream.read(4)
        # The same two bytes, and two of zero behind them, begin UTF-32.
        if first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) and first != codecs.BOM_UTF32_LE:
            return "utf-16"
    return source.encoding


def _opened(file: SourceFile) -> BinaryIO:
    """Open a file for reading its bytes, unpacked."""
    return cast("BinaryIO", gzip.open(file.path)) if file.name.endswith(".gz") else file.path.open("rb")


def _recode(file: SourceFile, path: Path, encoding: str) -> None:
    decode: Any = codecs.getincrementaldecoder(encoding)("strict").decode
    with _opened(file) as read, path.open("w", encoding="utf-8", newline="") as write:
        done = 1
        while True:
            piece = read.read(_PIECE)
            try:
                text = decode(piece, not piece)
            except UnicodeDecodeError as error:
                before = error.object[: error.start].decode(encoding, "replace")
                wrong = error.object[error.start : error.end].hex(" ")
                reason = said("the bytes %(bytes)s are not %(encoding)s", bytes=wrong, encoding=encoding)
                line = done + before.count("\n")
                raise BadRow(file=file.name, line=line, column="", reason=reason) from error
            write.write(text.removeprefix("\ufeff") if done == 1 else text)
            done += text.count("\n")
            if not piece:
                return
