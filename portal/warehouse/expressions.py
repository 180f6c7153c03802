"""Read a condition that somebody wrote over the columns of one table, and write it anew from its tree."""

from collections.abc import Mapping
from typing import Final

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from portal.said import said
from portal.warehouse.errors import RefusedSql
from portal.warehouse.linting import DEEPEST, LONGEST, ReadableTable, prepare

_ROWS: Final = "checked.rows"


def condition(text: str, *, columns: Mapping[str, str], dialect: str) -> str:
    """Return the condition as it may run; raises RefusedSql.

    It may use the columns (name → type) and the functions of every other query, no subquery, no parameter.
    """
    tree = parsed(text, dialect=dialect)
    select = exp.select(exp.alias_(exp.paren(tree.copy()), "holds")).from_(exp.table_("rows", db="checked"))
    table = ReadableTable(name=_ROWS, columns=columns)
    try:
        prepare(select.sql(dialect=dialect), dialect=dialect, tables={_ROWS: table})
    except RefusedSql as error:
        # Its place is one in the SELECT around it, which nobody has written.
        raise RefusedSql(error.message) from error
    return tree.sql(dialect=dialect, comments=False)


def parsed(text: str, *, dialect: str) -> exp.Expr:
    """Return the tree of a condition over one row, whatever its columns are; raises RefusedSql."""
    depth = most = 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        most = max(most, depth)
    if len(text) > LONGEST or most > DEEPEST:
        raise RefusedSql(said("The SQL is too long to be checked; split it into several."))
    try:
        tree: exp.Expr = sqlglot.parse_one(text, into=exp.Condition, dialect=dialect)
    except (SqlglotError, RecursionError) as error:
        raise RefusedSql(said("The condition cannot be read: write it as after WHERE.")) from error
    if next(tree.find_all(exp.Query, exp.Subquery), None) is not None:
        raise RefusedSql(said("A condition looks at its own row only: write it without SELECT."))
    return tree
