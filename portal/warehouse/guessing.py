"""Guess the types of columns of texts: the narrowest that keeps each text whole, else VARCHAR."""

from collections.abc import Sequence
from typing import Final

import duckdb

from portal.warehouse.checks import literal, quoted_name
from portal.warehouse.keeping import whole

_DAY: Final = r"\d{4}-\d\d-\d\d"
_MOMENT: Final = rf"{_DAY}[ T]\d\d:\d\d(:\d\d(\.\d{{1,6}}0*)?)?"
# A zero before other digits belongs to a code, not to a number.
_INTEGER: Final = r"-?(0|[1-9]\d*)"
_NUMBERS: Final = (
    ("BIGINT", _INTEGER),
    # Parquet has no HUGEINT: the engine writes it as DOUBLE.
    ("DECIMAL(38,0)", _INTEGER),
    # A program writes an exponent with a point before it, or with its sign; «12E3» is a code.
    ("DOUBLE", rf"{_INTEGER}(\.\d+)?|-?\d(\.\d+[eE][+-]?|[eE][+-])\d+"),
    ("BOOLEAN", r"(?i)true|false"),
)
_TIMES: Final = (
    ("DATE", _DAY),
    ("TIMESTAMP", _MOMENT),
    ("TIMESTAMPTZ", rf"{_MOMENT}(Z|[+-]\d\d(:?\d\d)?)"),
)
# Of more digits than these, two numbers may be one DOUBLE.
_SHORT: Final = r"-?0?\.?0*(\d\.?){0,15}0*([eE].*)?"
_NESTED: Final = r"(?s)[\[{].*"


def _matches(pattern: str) -> str:
    return f"regexp_full_match({{text}}, {literal(pattern)})"


_DOUBLE: Final = "TRY_CAST({text} AS DOUBLE)"
_SAME: Final = f"CAST({_DOUBLE} AS VARCHAR) = {{text}}"
_KEPT: Final = {
    "BIGINT": "TRY_CAST({text} AS BIGINT) IS NOT NULL",
    "DECIMAL(38,0)": "TRY_CAST({text} AS DECIMAL(38,0)) IS NOT NULL",
    "DOUBLE": f"{whole('DOUBLE', '{text}', _DOUBLE)} AND ({_matches(_SHORT)} OR {_SAME})",
    "BOOLEAN": "true",
}


# Of fewer values than this share nobody would say that the column should be of their type.
_MOST: Final = 0.8


def types(
    connection: duckdb.DuckDBPyConnection, texts: str, names: Sequence[str], *, json: bool = False
) -> dict[str, str]:
    """Return the type of each column; of JSON the texts are values as they are written in it."""
    tests = {kind: f"bool_and({test})" for kind, test in _tests(json=json).items()}
    if json:
        tests["JSON"] = f"bool_or({_matches(_NESTED)})"
    asked = ", ".join(test.replace("{text}", "text") for test in tests.values())
    # One column of all values, without the empty ones: thousands of aggregates side by side take minutes.
    every = f"UNPIVOT ({texts}) ON COLUMNS(*) INTO NAME name VALUE text"
    answered = connection.execute(f"SELECT name, {asked} FROM ({every}) GROUP BY name").fetchall()  # noqa: S608
    found = dict.fromkeys(names, "VARCHAR")
    for name, *answers in answered:
        found[name] = next((kind for kind, fit in zip(tests, answers, strict=True) if fit), "VARCHAR")
    return found


def misfits(
    connection: duckdb.DuckDBPyConnection, texts: str, names: Sequence[str]
) -> dict[str, tuple[str, str, int]]:
    """Return of these columns, which are texts, those that a few values keep from another type.

    That is the type of most values, the first value that is not of it, and how many are not.
    """
    tests = _tests(json=False)
    # Some name that no column has.
    place = max(names, key=len) + " place"
    asked = ", ".join(
        f"count_if({test}), arg_min(text, {quoted_name(place)}) FILTER (WHERE NOT coalesce({test}, false))"
        for test in (each.replace("{text}", "text") for each in tests.values())
    )
    listed = ", ".join(quoted_name(name) for name in names)
    numbered = f"SELECT row_number() OVER () AS {quoted_name(place)}, {listed} FROM ({texts})"  # noqa: S608
    every = f"UNPIVOT ({numbered}) ON {listed} INTO NAME name VALUE text"
    answered = connection.execute(f"SELECT name, count(*), {asked} FROM ({every}) GROUP BY name")  # noqa: S608
    found = {}
    for name, count, *answers in answered.fetchall():
        fits, first = answers[::2], answers[1::2]
        best = max(range(len(fits)), key=lambda index: (fits[index], -index))
        if count * _MOST <= fits[best] < count:
            found[name] = (list(tests)[best], first[best], count - fits[best])
    return found


def _tests(*, json: bool) -> dict[str, str]:
    """Return the condition for each type under which it keeps a {text}."""
    tests = {kind: f"{_matches(pattern)} AND {_KEPT[kind]}" for kind, pattern in _NUMBERS}
    for kind, pattern in _TIMES:
        # In JSON a text has quotes, which tells it from a number.
        tests[kind] = _matches(f'"({pattern})"' if json else pattern)
    return tests
