"""A judged statement runs without being judged again only while everything about it is as it was."""

from dataclasses import replace
from typing import Any

import pytest

from portal.warehouse.linting import ReadableTable, prepare
from portal.warehouse.sealing import sealed, unsealed

FLIGHTS = ReadableTable("flights.flights", {"origin": "VARCHAR", "month": "BIGINT"})
PLANES = ReadableTable("flights.planes", {"tailnum": "VARCHAR"})
TABLES = {table.name: table for table in (FLIGHTS, PLANES)}
PREPARED = prepare(
    "SELECT origin FROM flights.flights WHERE month = $m", dialect="duckdb", tables=TABLES, parameters={"m"}
)
KEPT = sealed(PREPARED, TABLES, dialect="duckdb", reader="7")


def opened(kept: Any = KEPT, **changes: Any) -> Any:
    given = {"sql": PREPARED.sql, "tables": {FLIGHTS.name: FLIGHTS}, "dialect": "duckdb", "reader": "7"}
    return unsealed(kept, **{**given, **changes})


def test_it_opens_with_the_tables_it_names_and_no_other() -> None:
    assert opened() == PREPARED


@pytest.mark.parametrize(
    "change",
    [
        {"sql": "SELECT tailnum FROM flights.planes"},
        {"reader": "8"},
        {"dialect": "postgres"},
        {"tables": {}},
        {"tables": {FLIGHTS.name: replace(FLIGHTS, withheld=frozenset({"month"}))}},
        {"tables": {FLIGHTS.name: replace(FLIGHTS, columns={"origin": "VARCHAR"})}},
        {"tables": {FLIGHTS.name: replace(FLIGHTS, columns={"origin": "VARCHAR", "month": "DATE"})}},
    ],
)
def test_any_change_breaks_it(change: dict[str, Any]) -> None:
    assert opened(**change) is None


@pytest.mark.parametrize(
    "forged",
    [
        {},
        {**KEPT, "tables": []},
        {**KEPT, "parameters": []},
        {**KEPT, "columns": []},
        {**KEPT, "seal": "0" * 64},
        {**KEPT, "tables": [1]},
        {**KEPT, "tables": 1},
        {name: value for name, value in KEPT.items() if name != "seal"},
    ],
)
def test_what_somebody_else_wrote_does_not_open(forged: dict[str, Any]) -> None:
    assert opened(forged) is None
