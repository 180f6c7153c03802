"""The kind ``peek``: looks at the beginning of a source file, before any job loads it."""

import json
from typing import Any, Final

from django.utils.translation import gettext_lazy as _
from pydantic import BaseModel, ConfigDict, Field

from jobs.models import Job, Run
from jobs.runners.apart import apart
from jobs.runners.base import Context, Step
from jobs.runners.load_config import Files
from jobs.runners.sources import RefusedPath, find_files, source_folder
from portal.accounts.models import User
from portal.accounts.permissions import Permission
from portal.said import Said, said, said_of
from portal.warehouse.cells import CUT, Cells
from portal.warehouse.errors import MissingInput, WarehouseError
from portal.warehouse.port import FileSource, Peek, SourceFile

_PLACE: Final = "{partition}"
_LONGEST_NAME: Final = 200


class PeekConfig(BaseModel):
    """The limits of one look."""

    model_config = ConfigDict(extra="forbid")

    timeout: float = Field(default=60.0, gt=0, description="Seconds that the engine may take.")
    rows: int = Field(default=20, ge=1, description="Rows that are shown.")
    columns: int = Field(default=200, ge=1, description="Columns that are shown.")
    cell: int = Field(default=200, ge=1, description="Characters of a cell that are shown.")
    misfits: int = Field(default=20, ge=1, description="Columns of which it is told why they are texts.")
    kept_bytes: int = Field(default=250_000, ge=1_000, description="Size of the kept rows as JSON.")


class NobodyLooks(Exception):
    """The person who asked is gone, or may not make jobs any more."""

    error_class = "settings"

    def __init__(self) -> None:
        super().__init__(said("Whoever asked this may not make jobs any more."))


class PeekRunner:
    """Read the first rows as a load would, kept in by the kernel; a fault of the file is an answer too."""

    Config: type[BaseModel] = PeekConfig
    label = _("Look into a file")
    icon = "eye"
    confined = False
    docs = _("Shows the first rows of a source file with the types that a load would give its columns.")

    def steps(self, job: Job) -> list[Step]:
        """Return no steps: it is over before anybody could read their names."""
        return []

    def run(self, context: Context) -> dict[str, Any]:
        """Return what the page shows: the file, its columns and rows, and what is wrong with it."""
        _require_asker(context)
        source = Files.model_validate(context.params)
        try:
            # Nobody knows a run's partition yet: any file that the path may mean shows what is in it.
            files = find_files(source.path.replace(_PLACE, "*"), file_format=source.format)
        except (MissingInput, RefusedPath) as problem:
            return {"problem": _problem(problem)}
        peek = _peek(context, source, files[0])
        shown = _shown(peek, context.config)
        if peek.encoding != source.encoding:
            shown["encoding"] = peek.encoding
        return {"file": files[0].name, "files": len(files), **shown}

    def record(self, *, run: Run, outputs: dict[str, Any]) -> dict[str, Any]:
        """Keep it all: it is small, and for the eyes of whoever asked."""
        return outputs


def _require_asker(context: Context) -> None:
    asked = Run.objects.filter(pk=context.run_id).values("requested_by")
    asker = User.objects.filter(pk__in=asked, is_active=True).first()
    if asker is None or not asker.may(Permission.EDIT_JOBS):
        raise NobodyLooks


def _peek(context: Context, source: Files, file: SourceFile) -> Peek:
    wanted = FileSource(
        files=(file,),
        format=source.format,
        delimiter=source.delimiter,
        quote=source.quote,
        header=source.header,
        nulls=tuple(source.nulls),
        encoding=source.encoding,
    )
    folder, config = context.folder / "look", context.config
    with context.warehouse():
        # A reader finds no lake before anything was published; as at a first load, this makes an empty one.
        pass
    with apart(read=[source_folder()], write=[folder]) as there:
        reader = there(lambda: context.warehouse(read_only=True, folders=[source_folder(), folder]))
        peek: Peek = there(
            lambda: reader.peek(wanted, folder=folder, rows=config.rows, timeout=config.timeout)
        )
        there(reader.close)
    return peek


def _shown(peek: Peek, config: PeekConfig) -> dict[str, Any]:
    cells = Cells(longest=config.cell)
    rows: list[list[Any]] = []
    size = 0
    for row in peek.rows:
        shown = cells.row(row[: config.columns])
        size += len(json.dumps(shown, ensure_ascii=False).encode())
        if size > config.kept_bytes:
            cells.notes.add("large")
            break
        rows.append(shown)
    return {
        "columns": [
            {"name": _short(column.name), "type": _short(column.data_type)}
            for column in peek.columns[: config.columns]
        ],
        "column_count": len(peek.columns),
        "rows": rows,
        "notes": sorted(cells.notes),
        "whole": peek.whole,
        "misfits": [
            {
                "column": _short(each.column),
                "type": each.data_type,
                "text": each.text[: config.cell],
                "line": each.line,
                "count": each.count,
            }
            for each in peek.misfits[: config.misfits]
        ],
        "problem": _problem(peek.problem) if peek.problem is not None else None,
    }


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_NAME else text[:_LONGEST_NAME] + CUT


def _problem(error: Exception) -> dict[str, Any]:
    """Return what is wrong as the page says it again in its reader's language."""
    message = said_of(error)
    kept = message.kept if isinstance(message, Said) else None
    place = {"line": error.line} if isinstance(error, WarehouseError) and hasattr(error, "line") else {}
    return {"message": message[:2000], "said": kept, **place}
