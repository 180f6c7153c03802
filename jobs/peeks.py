"""Looks into source files as their page shows them."""

import glob
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.http import Http404, QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from jobs.access import access_peek
from jobs.choices import ErrorClass, RunState
from jobs.lists import MOST_ITEMS
from jobs.models import Run
from jobs.runners.landing import LoadedColumn
from jobs.runners.load_config import Files
from jobs.source_files import delimiter_of, format_of
from portal.accounts.models import User
from portal.said import retold
from portal.ui import formats

_NUMERIC: Final = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER")
_NUMBERS: Final = (*_NUMERIC, "UBIGINT", "UHUGEINT", "DECIMAL", "DOUBLE", "FLOAT")
_NOTES: Final[dict[str, Promise]] = {
    "not_finite": gettext_lazy("Values that are no numbers (NaN, infinity) are shown as empty."),
    "bytes": gettext_lazy("Binary values are shown shortened."),
    "cut_cell": gettext_lazy("Long texts are shown shortened."),
    "large": gettext_lazy("The rows are long: only the first of them are shown."),
}
_USUAL: Final = Files(path="usual")


@dataclass(frozen=True, slots=True)
class Column:
    """A column with the type that a load would give it."""

    name: str
    type: str
    numeric: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look found; ``counted`` says of how many files this is the first, "" where there is one."""

    file: str
    counted: str
    columns: list[Column]
    more_columns: int
    rows: list[list[tuple[Any, bool]]]
    notes: list[str]
    whole: bool

    @property
    def declarable(self) -> bool:
        """Whether a job can declare all of the file's columns with the types seen."""
        if self.more_columns or len(self.columns) > MOST_ITEMS:
            return False
        try:
            for column in self.columns:
                LoadedColumn(name=column.name, type=column.type)
        except ValueError:
            return False
        return True


def seen_of(run: Run) -> Seen | None:
    """Return what was found in the file; None where nothing was, or not yet."""
    outputs = run.outputs
    if run.state != RunState.SUCCEEDED or not outputs.get("columns"):
        return None
    columns = [
        Column(each["name"], each["type"], each["type"].startswith(_NUMBERS)) for each in outputs["columns"]
    ]
    count = int(outputs.get("files", 1))
    counted = _("the first of {n} files").format(n=formats.number(count))
    return Seen(
        file=outputs["file"],
        counted=counted if count > 1 else "",
        columns=columns,
        more_columns=max(0, int(outputs.get("column_count", 0)) - len(columns)),
        rows=[
            [(_cell(cell), column.numeric) for cell, column in zip(row, columns, strict=True)]
            for row in outputs["rows"]
        ],
        notes=[
            *_remarks(outputs),
            *(str(_NOTES[note]) for note in outputs.get("notes", ()) if note in _NOTES),
        ],
        whole=bool(outputs.get("whole", True)),
    )


def _remarks(outputs: Mapping[str, Any]) -> Iterator[str]:
    """Yield what was noticed in the file itself: its encoding, and what made columns texts."""
    if encoding := outputs.get("encoding"):
        yield _("Its first bytes say that it is written in {encoding}: a load reads it so, too.").format(
            encoding=str(encoding).upper()
        )
    for each in outputs.get("misfits", ()):
        if each["line"] is None:
            words = _("«{column}» would be {type}, but for the value «{text}».")
        elif each["count"] == 1:
            words = _("«{column}» would be {type}, but for line {line}: «{text}».")
        else:
            words = _(
                "«{column}» would be {type}, but for {count} values; the first is «{text}» in line {line}."
            )
        yield words.format(**{**each, "count": formats.number(each["count"])})


def with_columns(data: QueryDict, user: User) -> QueryDict | None:
    """Return what a job's form sent with the columns that a look of one's own has seen; None if not asked to.

    The button ``do`` says «take PATH NUMBER». What was said of a column by its name stays, its type too;
    columns that the file does not have go. Raises Http404 for a look that is not the person's own.
    """
    word, _space, rest = data.get("do", "").partition(" ")
    path, _space, number = rest.partition(" ")
    if word != "take":
        return None
    if not (number.isascii() and number.isdigit() and len(number) < 20):
        raise Http404
    seen = seen_of(access_peek(user, int(number)))
    changed = data.copy()
    if seen is None or not seen.declarable:
        return changed
    head = f"{path}."
    said: dict[str, dict[str, list[str]]] = {}
    for name in data:
        index, dot, field = name.removeprefix(head).partition(".")
        if name.startswith(head) and dot:
            said.setdefault(index, {})[field] = data.getlist(name)
            del changed[name]
    known = {fields["name"][0]: fields for fields in said.values() if fields.get("name")}
    for place, column in enumerate(seen.columns):
        fields = known.get(column.name) or {"name": [column.name], "type": [column.type]}
        for field, values in fields.items():
            changed.setlist(f"{head}{place}.{field}", values)
    changed[f"{path}:list"] = str(len(seen.columns))
    return changed


def problem_of(run: Run) -> str:
    """Return why the file cannot be loaded as it is, or why nobody knows; "" where it can, or not yet."""
    if run.is_open:
        return ""
    problem = run.outputs.get("problem")
    if problem:
        return retold(problem.get("said"), problem["message"])
    if run.state == RunState.SUCCEEDED:
        return ""
    kind = run.error.get("class", "")
    if run.state == RunState.TIMED_OUT or kind == ErrorClass.TIMEOUT:
        return _("Looking into it took longer than it may.")
    if kind in {ErrorClass.CRASH, ErrorClass.WORKER_LOST}:
        return _("The process that looked into it died; it may have needed too much memory.")
    return run.trouble or str(RunState(run.state).label)


def named(path: str) -> dict[str, Any]:
    """Return how one file of the list is read, as far as its name says."""
    return {
        "path": glob.escape(path),
        "format": format_of(path) or "csv",
        "delimiter": delimiter_of(path),
    }


def form_schema() -> dict[str, Any]:
    """Return the schema of the form that asks how to read a file; where it lies is clear."""
    schema = Files.model_json_schema()
    del schema["properties"]["type"]
    return schema


def as_query(source: Mapping[str, Any]) -> dict[str, str]:
    """Return what leads the form of a new job to this source: the path, and what is not as usual."""
    usual = _USUAL.model_dump()
    told = {
        name: str(source[name])
        for name in ("format", "delimiter", "quote", "encoding")
        if name in source and source[name] != usual[name]
    }
    if not source.get("header", True):
        told["header"] = "no"
    return {"source": str(source.get("path", "")), **told}


def from_query(sent: Mapping[str, str]) -> dict[str, Any]:
    """Return the source that a link to the form of a new job tells; what does not fit is left out."""
    kind = sent.get("format") or format_of(sent["source"]) or "csv"
    source: dict[str, Any] = {"type": "files", "path": sent["source"][:500], "format": kind}
    for name in ("delimiter", "quote", "encoding"):
        if sent.get(name):
            source[name] = sent[name]
    if sent.get("header") == "no":
        source["header"] = False
    try:
        Files.model_validate(source)
    except ValueError:
        return {"type": "files", "path": source["path"]}
    return source


def _cell(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value
