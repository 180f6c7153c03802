"""Queries as their page shows them: parameters read from a form, the answer, or what was wrong."""

import datetime as dt
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.functional import Promise
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from jobs.choices import ErrorClass, RunState
from jobs.models import Run
from portal.evidence.models import Evidence
from portal.ui import csvfile, formats
from portal.ui.result_chart import ChartChoice

# Strings, quoted names and comments hold no parameters.
_SKIPPED = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/", re.DOTALL)
_PARAMETER = re.compile(r"(?<![\w$])\$([A-Za-z_]\w{0,62})")
_NUMERIC = re.compile(r"(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|DECIMAL|DOUBLE|FLOAT|REAL)\b")
KINDS: dict[str, "str | Promise"] = {
    "text": gettext_lazy("Text"),
    "integer": gettext_lazy("Whole number"),
    "number": gettext_lazy("Number"),
    "date": gettext_lazy("Date"),
    "timestamp": gettext_lazy("Date and time"),
    "boolean": gettext_lazy("Yes or no"),
    "list": gettext_lazy("List of texts"),
}
_NOTES: dict[str, Promise] = {
    "not_finite": gettext_lazy("Values that are no numbers (NaN, infinity) are shown as empty."),
    "bytes": gettext_lazy("Binary values are shown shortened."),
    "cut_cell": gettext_lazy("Long texts are cut at 10,000 characters."),
    "large": gettext_lazy("Only as many rows are kept as fit into 2 MB."),
}
_CHART_PROBLEMS: dict[str, Promise] = {
    "no_y": gettext_lazy("Choose a column of numbers for the chart."),
    "no_column": gettext_lazy("The result has no column «%(column)s» to draw."),
    "not_numeric": gettext_lazy("The column «%(column)s» holds no numbers, so it cannot be drawn."),
    "series_and_many": gettext_lazy("A series needs exactly one column of values."),
    "nothing": gettext_lazy("There is nothing to draw."),
    "too_many_points": gettext_lazy("A chart shows at most 1,000 points. Group the rows more coarsely."),
    "too_many_series": gettext_lazy("A chart shows at most 6 series."),
    "too_many_bars": gettext_lazy("A bar chart shows at most 60 places on its axis."),
}
_TRUE, _FALSE = frozenset({"true", "yes", "1", "on"}), frozenset({"false", "no", "0"})


def parameters_in(sql: str) -> list[str]:
    """Return the names after a dollar sign, in the order they first stand."""
    return list(dict.fromkeys(_PARAMETER.findall(_SKIPPED.sub(" ", sql))))


@dataclass(frozen=True, slots=True)
class ParameterField:
    """A parameter's field: its name, the chosen type, the text in it, and what is wrong with that."""

    name: str
    kind: str = "text"
    text: str = ""
    error: str = ""


def read_parameters(
    names: Iterable[str], sent: Mapping[str, str]
) -> tuple[list[ParameterField], dict[str, Any]]:
    """Return the fields as they were sent (``t.NAME`` the type, ``p.NAME`` the text), and their values."""
    fields, values = [], {}
    for name in names:
        kind = sent.get(f"t.{name}", "text")
        kind = kind if kind in KINDS else "text"
        text = sent.get(f"p.{name}")
        error = ""
        if text is None:
            text, error = "", _("Give this parameter a value.")
        else:
            try:
                values[name] = value_of(kind, text)
            except ValueError:
                error = _("This is not what its type says.")
        fields.append(ParameterField(name, kind, text, error))
    return fields, values


def value_of(kind: str, text: str) -> Any:
    """Read a text as a value of its type, as JSON keeps it; raises ValueError."""
    bare = text.strip()
    match kind:
        case "integer":
            return int(bare)
        case "number":
            return _finite(float(bare))
        case "date":
            return dt.date.fromisoformat(bare).isoformat()
        case "timestamp":
            return dt.datetime.fromisoformat(bare).isoformat()
        case "list":
            return [part.strip() for part in text.split(",") if part.strip()]
        case "boolean" if bare.lower() in _TRUE | _FALSE:
            return bare.lower() in _TRUE
        case "boolean":
            raise ValueError(text)
    return text


def _finite(number: float) -> float:
    if not math.isfinite(number):
        # JSON, and so a run's parameters, knows neither infinity nor «not a number».
        raise ValueError(number)
    return number


def fields_of(run: Run) -> list[ParameterField]:
    """Return the fields as they were when the query was asked."""
    return [ParameterField(name, *_shown(value)) for name, value in run.params.get("parameters", {}).items()]


def _shown(value: Any) -> tuple[str, str]:
    if isinstance(value, bool):
        return "boolean", str(value).lower()
    if isinstance(value, list):
        return "list", ", ".join(map(str, value))
    if isinstance(value, int | float):
        return ("integer" if isinstance(value, int) else "number"), str(value)
    return "text", str(value)


@dataclass(frozen=True, slots=True)
class Problem:
    """Why there is no answer; ``lines`` are the statement's, the offending one marked."""

    message: str
    line: int | None = None
    column: int | None = None
    lines: list[tuple[int, str, bool]] = field(default_factory=list)


def problem(message: str, sql: str, line: int | None, column: int | None) -> Problem:
    """Return a problem with the statement's lines around its place."""
    lines = []
    if line is not None:
        numbered = list(enumerate(sql.splitlines(), start=1))
        lines = [(number, text, number == line) for number, text in numbered if abs(number - line) <= 3]
    return Problem(message, line, column, lines)


def problem_of(run: Run) -> Problem | None:
    """Return why a query that has ended has no answer; None where it has one, or runs."""
    state = RunState(run.state)
    if state.value not in {RunState.CANCELLED, RunState.SKIPPED} | RunState.unhappy():
        return None
    if state == RunState.CANCELLED:
        return Problem(_("The query was cancelled."))
    kind = run.error.get("class", "")
    if state == RunState.TIMED_OUT or kind == ErrorClass.TIMEOUT:
        return Problem(_("The query took longer than it may. Read less at a time, or group earlier."))
    if kind in {ErrorClass.CRASH, ErrorClass.WORKER_LOST}:
        return Problem(
            _("The query’s process died; it may have needed too much memory. Try it with less data.")
        )
    place = run.error.get("place") or {}
    message = run.trouble or str(state.label)
    return problem(message, str(run.params.get("sql", "")), place.get("line"), place.get("column"))


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the answer."""

    name: str
    type: str
    numeric: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """What a query gave, ready for the table; ``found`` says how many rows there were."""

    evidence: Evidence
    columns: list[Column]
    rows: list[list[tuple[Any, bool]]]
    found: str
    notes: list[str]
    chart_problem: str
    wide: SafeString
    narrow: SafeString


def evidence_of(run: Run) -> Evidence | None:
    """Return what a query kept, with its result; None where it has none, or none any more."""
    return Evidence.objects.select_related("result").filter(pk=run.outputs.get("evidence")).first()


def answer_of(run: Run) -> Answer | None:
    """Return the answer of a query that succeeded; None for every other."""
    evidence = evidence_of(run)
    if evidence is None:
        return None
    result = evidence.result
    columns = [
        Column(each["name"], each["type"], bool(_NUMERIC.match(each["type"]))) for each in result.columns
    ]
    numeric = [column.numeric for column in columns]
    drawn = result.charts.get(formats.language()) or result.charts.get("en") or {}
    refused = run.outputs.get("chart_problem") or {}
    return Answer(
        evidence=evidence,
        columns=columns,
        rows=[list(zip(map(_cell, row), numeric, strict=True)) for row in result.rows],
        found=_found(run, len(result.rows)),
        notes=[str(_NOTES[note]) for note in run.outputs.get("notes", []) if note in _NOTES],
        chart_problem=_CHART_PROBLEMS[refused["code"]] % refused
        if refused.get("code") in _CHART_PROBLEMS
        else "",
        # Drawn by the run from its own numbers and cleaned by portal.ui.vega, hence safe.
        wide=mark_safe(drawn.get("wide", "")),  # noqa: S308 - see above
        narrow=mark_safe(drawn.get("narrow", "")),  # noqa: S308 - see above
    )


def _cell(value: Any) -> Any:
    if value is True or value is False:
        return str(value).lower()
    return value


def _found(run: Run, shown: int) -> str:
    rows = run.outputs.get("row_count", 0)
    count = formats.number(rows)
    if run.outputs.get("more"):
        return _("the first {shown} of more than {count} rows").format(
            shown=formats.number(shown), count=count
        )
    if run.outputs.get("cut"):
        return _("the first {shown} of {count} rows").format(shown=formats.number(shown), count=count)
    return ngettext("{count} row", "{count} rows", rows).format(count=count)


def csv_of(evidence: Evidence) -> Iterator[str]:
    """Yield the kept rows as the lines of a CSV file."""
    return csvfile.lines([column["name"] for column in evidence.result.columns], evidence.result.rows)


def rendered(run: Run) -> list[tuple[int, str]]:
    """Return the statement's numbered lines as it ran; none where that is what was typed."""
    ran, written = str(run.params.get("sql", "")), str(run.params.get("written", ""))
    # Blanks and capitals are of no account.
    if not written or _bare(ran) == _bare(written.rstrip("; \n")):
        return []
    return list(enumerate(ran.splitlines(), start=1))


def _bare(sql: str) -> str:
    return "".join(sql.split()).casefold()


def chart_from(sent: Any) -> ChartChoice:
    """Return the chart that a form asks for; what cannot be is none."""
    kind = sent.get("chart", "none")
    if kind not in {"bar", "line"}:
        return ChartChoice()
    wanted = [name.strip() for name in sent.get("chart_y", "").split(",") if name.strip()][:4]
    return ChartChoice(
        kind=kind, x=sent.get("chart_x", "")[:200], y=wanted, series=sent.get("chart_series", "")[:200]
    )
