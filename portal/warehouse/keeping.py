"""Give texts their types only where each is kept whole: nothing rounded, cut off or left out."""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

import duckdb

from portal.said import said
from portal.warehouse.checks import literal, quoted_name

_WHOLE_NUMBERS: Final = frozenset(
    f"{sign}{name}" for sign in ("", "U") for name in ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
)
_DECIMAL: Final = re.compile(r"DECIMAL\(\d+, ?(?P<scale>\d+)\)")
_DAY: Final = r"\s*\d+[-/]\d+[-/]\d+"
# The engine cuts off what is finer than a microsecond.
_CLOCK: Final = r"\d+:\d+(:\d+(\.\d{0,6}0*)?)?\s*"
_PATTERNS: Final = {
    **dict.fromkeys(_WHOLE_NUMBERS, r"\s*[+-]?\d+(\.0*)?\s*"),
    "DATE": rf"{_DAY}\s*",
    "TIME": rf"\s*{_CLOCK}",
    "TIMESTAMP": rf"{_DAY}\s*|{_DAY}[ T]+{_CLOCK}",
}
_ZONED: Final = frozenset({"TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE"})
_MICROSECONDS: Final = r"[^.]*(\.\d{0,6}0*(\D.*)?)?"
_NOTHING: Final = r"[^1-9]*([eE].*)?"
_LONGEST: Final = 200


class Refused(NamedTuple):
    """The first text that its column cannot keep, in row ``number`` (from 0)."""

    number: int
    column: str
    reason: str


def typed(texts: str, columns: Mapping[str, str]) -> str:
    """Return a SELECT that gives columns of texts these types, and fails where one is not kept whole."""
    # The engine would cast twice within one SELECT: it shares nothing between the branches of a CASE.
    inner = ", ".join(_pair(index, *column) for index, column in enumerate(columns.items()))
    outer = ", ".join(
        f"{_value(index, kind)} AS {quoted_name(name)}" for index, (name, kind) in enumerate(columns.items())
    )
    return f"SELECT {outer} FROM (SELECT {inner} FROM ({texts}))"  # noqa: S608


def first_refused(
    connection: duckdb.DuckDBPyConnection, texts: str, columns: Mapping[str, str]
) -> Refused | None:
    """Return the first text that ``typed`` fails for; reads every value."""
    parts = [_pair(index, *column) for index, column in enumerate(columns.items())]
    every = ", ".join(["row_number() OVER () - 1 AS number", "hash(every) AS read", *parts])
    numbered = f"SELECT {every} FROM ({texts}) AS every"  # noqa: S608
    asked = ["bit_xor(read)"]
    for index, kind in enumerate(columns.values()):
        bad = f"t{index} IS NOT NULL AND NOT coalesce({_fast(index, kind)} OR {_slow(index, kind)}, false)"
        asked += [
            f"min(number) FILTER ({bad})",
            f"CAST(min_by(t{index}, number) FILTER ({bad}) AS VARCHAR)",
        ]
    # Fetched to its end: before that the engine does not tell which lines it has rejected.
    ((_read, *answers),) = connection.execute(f"SELECT {', '.join(asked)} FROM ({numbered})").fetchall()  # noqa: S608
    found = [
        Refused(number, name, said("«%(value)s» does not fit %(type)s", value=text[:_LONGEST], type=kind))
        for (name, kind), number, text in zip(columns.items(), answers[::2], answers[1::2], strict=True)
        if number is not None
    ]
    return min(found, key=lambda each: each.number, default=None)


def whole(kind: str, text: str, value: str) -> str:
    """Return the condition under which ``value``, of this type, says all that ``text`` says."""
    if kind in _PATTERNS:
        return f"{value} IS NOT NULL AND {_matches(text, _PATTERNS[kind])}"
    if kind in {"DOUBLE", "FLOAT"}:
        # What is zero or no number by its own words is kept; too large or too small a number is not.
        kept = f"isfinite({value}) AND {value} <> 0 OR {_matches(text, _NOTHING)}"
        return f"{value} IS NOT NULL AND ({kept})"
    if kind in _ZONED:
        return f"{value} IS NOT NULL AND {_matches(text, _MICROSECONDS)}"
    if decimal := _DECIMAL.fullmatch(kind):
        plain = _matches(text, rf"\s*[+-]?\d*(\.\d{{0,{decimal['scale']}}}0*)?\s*")
        # Of so many digits a DOUBLE tells any two numbers apart.
        short = _matches(text, r"[+-]?(\d\.?){1,15}[eE][+-]?\d+")
        return f"{value} IS NOT NULL AND ({plain} OR {short} AND {value} = TRY_CAST({text} AS DOUBLE))"
    return f"{value} IS NOT NULL"


def _pair(index: int, name: str, kind: str) -> str:
    text = quoted_name(name)
    return f"{text} AS t{index}, {text if kind == 'VARCHAR' else f'TRY_CAST({text} AS {kind})'} AS v{index}"


def _value(index: int, kind: str) -> str:
    if kind == "VARCHAR":
        return f"v{index}"
    return (
        f"CASE WHEN {_fast(index, kind)} THEN v{index} WHEN {_slow(index, kind)} THEN v{index}"
        f" WHEN t{index} IS NOT NULL THEN error('refused: ' || t{index}) END"
    )


def _fast(index: int, kind: str) -> str:
    """Return a condition that is cheap and true of nearly all texts: most read back as they were written."""
    if kind in {"DOUBLE", "FLOAT"}:
        return f"v{index} BETWEEN 1e-30 AND 1e30"
    if kind in _PATTERNS or _DECIMAL.fullmatch(kind):
        return f"CAST(v{index} AS VARCHAR) = t{index}"
    if kind in _ZONED:
        return f"NOT contains(t{index}, '.') AND v{index} IS NOT NULL"
    return "false"


def _slow(index: int, kind: str) -> str:
    return f"({whole(kind, f't{index}', f'v{index}')})"


def _matches(text: str, pattern: str) -> str:
    return f"regexp_full_match({text}, {literal(pattern)})"
