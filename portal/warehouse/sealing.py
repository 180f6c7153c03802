"""Say of a statement that it was judged, so that whoever runs it soon after need not judge it again.

The seal covers the statement, what it reads, who asked, and the tables as they were readable then: where any
of it has changed, the seal does not fit and the statement is judged anew.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from django.utils.crypto import constant_time_compare, salted_hmac

from portal.warehouse.linting import Prepared, ReadableTable

# Raised with each change of what the linter allows: a statement that was queued before is judged again.
_RULES: Final = 2
_SALT: Final = "portal.warehouse.sealing"


def sealed(
    prepared: Prepared, tables: Mapping[str, ReadableTable], *, dialect: str, reader: str
) -> dict[str, Any]:
    """Return what is kept beside the statement, as JSON; ``reader`` says whose rights the tables show."""
    kept: dict[str, Any] = {
        "tables": list(prepared.tables),
        "columns": [list(pair) for pair in prepared.columns],
        "parameters": list(prepared.parameters),
    }
    return {**kept, "seal": _seal(prepared.sql, kept, tables, f"{dialect}:{reader}")}


def unsealed(
    kept: Mapping[str, Any], *, sql: str, tables: Mapping[str, ReadableTable], dialect: str, reader: str
) -> Prepared | None:
    """Return the judged statement, or None where it, the reader or the tables are not what they were.

    ``tables`` holds at least those that the statement names, as the reader may read them now.
    """
    try:
        told = {name: kept[name] for name in ("tables", "columns", "parameters")}
        if not constant_time_compare(str(kept["seal"]), _seal(sql, told, tables, f"{dialect}:{reader}")):
            return None
        columns = tuple((table, column) for table, column in told["columns"])
        return Prepared(sql, tuple(told["tables"]), columns, tuple(told["parameters"]))
    except (AttributeError, KeyError, TypeError, ValueError):
        # It was written by somebody else, or names a table that this person may not read any more.
        return None


def _seal(sql: str, told: Mapping[str, Any], tables: Mapping[str, ReadableTable], reader: str) -> str:
    known = {name.casefold(): table for name, table in tables.items()}
    readable = [
        [name, sorted(known[name.casefold()].columns.items()), sorted(known[name.casefold()].withheld)]
        for name in told["tables"]
    ]
    text = json.dumps([_RULES, reader, sql, told, readable], sort_keys=True, ensure_ascii=False)
    return salted_hmac(_SALT, text, algorithm="sha256").hexdigest()
