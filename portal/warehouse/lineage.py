"""Say which columns of which tables the columns of a SELECT are made from."""

from collections.abc import Mapping
from typing import Any, Final

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.lineage import lineage
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import build_scope

from portal.warehouse.linting import ReadableTable

MOST: Final = 500

Sources = dict[str, list[tuple[str, str]]]


def column_sources(sql: str, *, dialect: str, tables: Mapping[str, ReadableTable]) -> Sources:
    """Return for each output column the (table, column) pairs that its values come from, sorted.

    ``sql`` has been linted with these tables. What cannot be followed has no sources; it is a help for
    readers, no wall.
    """
    schema: dict[str, Any] = {}
    known = {name.casefold(): table for name, table in tables.items()}
    for name, table in known.items():
        place, _dot, plain = name.rpartition(".")
        schema.setdefault(place, {})[plain] = {
            column.casefold(): kind for column, kind in table.columns.items()
        }
    try:
        tree: Any = qualify(sqlglot.parse_one(sql, dialect=dialect), dialect=dialect, schema=schema)
        scope = build_scope(tree)
    except (SqlglotError, RecursionError, ValueError, TypeError):
        return {}
    return {
        name: _sources(name, tree, scope, known, schema=schema, dialect=dialect)
        for name in tree.named_selects[:MOST]
    }


def without_catalogs(sql: str, *, dialect: str) -> tuple[str, frozenset[tuple[str, str]]]:
    """Return a statement with its tables named as schema.name, and those tables as (catalog, schema.name).

    Raises SqlglotError where it cannot be read.
    """
    tree: Any = sqlglot.parse_one(sql, dialect=dialect)
    found = set()
    for table in tree.find_all(exp.Table):
        if table.db:
            found.add((table.catalog, f"{table.db}.{table.name}"))
            table.set("catalog", None)
    return tree.sql(dialect=dialect), frozenset(found)


def _sources(
    name: str, tree: Any, scope: Any, known: Mapping[str, ReadableTable], **how: Any
) -> list[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    try:
        for node in lineage(name, tree, scope=scope, trim_selects=False, copy=False, **how).walk():
            if not node.downstream and isinstance(node.source, exp.Table):
                table = known.get(f"{node.source.db}.{node.source.name}".casefold())
                column = sqlglot.to_identifier(node.name.rpartition(".")[2].strip('"')).name
                if table is not None:
                    spelt = {each.casefold(): each for each in table.columns}
                    found.add((table.name, spelt.get(column.casefold(), column)))
    except (SqlglotError, RecursionError, ValueError, KeyError):
        return []
    return sorted(found)
