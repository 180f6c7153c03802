"""Read SQL before it runs: one SELECT, over known tables and functions, written anew from its tree."""

from collections.abc import Collection

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from catalog.exceptions import RefusedSql

# Nodes that would write, reach files or other databases, or lock, wherever in a query they may stand.
_REFUSED = (
    exp.Insert,
    exp.Update,
    exp.Delete,
    exp.Merge,
    exp.Create,
    exp.Drop,
    exp.Alter,
    exp.Command,
    exp.Copy,
    exp.Attach,
    exp.Detach,
    exp.Pragma,
    exp.Set,
    exp.Into,
    exp.Lock,
    exp.ReadCSV,
    exp.ReadParquet,
)


def lint(sql: str, *, dialect: str, tables: Collection[str]) -> exp.Query:
    """Return the syntax tree of one harmless SELECT; raises RefusedSql with the reason.

    ``tables`` are the names ``schema.name`` it may read. Functions that sqlglot does not know are refused:
    an engine has functions that read files, ask other databases and delete.
    """
    try:
        statements = [statement for statement in sqlglot.parse(sql, dialect=dialect) if statement is not None]
    except SqlglotError as exc:
        message = f"The SQL cannot be read: {str(exc).splitlines()[0]}"
        raise RefusedSql(message) from exc
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise RefusedSql("The SQL must be exactly one SELECT.")
    tree = statements[0]
    for node in tree.walk():
        _require_harmless(node)
    known = {name.casefold() for name in tables}
    for found in tree.find_all(exp.Table):
        _require_known(found, known)
    return tree


def rendered(tree: exp.Expr, *, dialect: str) -> str:
    """Return the statement written anew, without comments: what runs is what was read."""
    return tree.sql(dialect=dialect, pretty=True, comments=False)


def _require_harmless(node: exp.Expr) -> None:
    if isinstance(node, _REFUSED):
        message = f"{node.key.upper()} is not allowed in a query."
        raise RefusedSql(message)
    if isinstance(node, exp.Anonymous | exp.AnonymousAggFunc):
        message = f"The function {node.name}() is not allowed in a query."
        raise RefusedSql(message)


def _require_known(found: exp.Table, known: set[str]) -> None:
    if not isinstance(found.this, exp.Identifier):
        message = f"{found.sql()} is not a table."
        raise RefusedSql(message)
    name = ".".join(part.name for part in found.parts).casefold()
    if name in known:
        return
    if not found.db and name in _names_in_scope(found):
        return
    message = f"The table {name} is not known here; known are {', '.join(sorted(known)) or 'none'}."
    raise RefusedSql(message)


def _names_in_scope(found: exp.Table) -> set[str]:
    """Return the names that WITH gives to whatever stands around the table."""
    names: set[str] = set()
    node: exp.Expr | None = found
    while node is not None:
        given = node.args.get("with_") or node.args.get("with")
        if isinstance(given, exp.With):
            names |= {cte.alias.casefold() for cte in given.expressions}
        node = node.parent
    return names
