"""The one SELECT that is sent to a database: parsed, judged, and written anew from what was understood."""

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from portal.said import said

_WRITING = (exp.Into, exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.Lock, exp.Command)


class RefusedStatement(Exception):
    """The text is not one plain SELECT."""

    error_class = "settings"


def parsed(sql: str, *, dialect: str) -> exp.Query:
    """Return the SELECT; raises RefusedStatement where there is another statement or a second one."""
    try:
        found = [each for each in sqlglot.parse(sql, dialect=dialect) if each is not None]
    except SqlglotError as error:
        message = said("this is not read as SQL: %(why)s", why=str(error).splitlines()[0])
        raise RefusedStatement(message) from error
    if len(found) != 1 or not isinstance(found[0], exp.Query):
        raise RefusedStatement(said("write one SELECT and nothing else"))
    if found[0].find(*_WRITING):
        raise RefusedStatement(said("the SELECT may only read: no INTO, no FOR UPDATE, no changes within"))
    return found[0]


def names_partition(sql: str, *, dialect: str) -> bool:
    """Say whether the SELECT holds :partition."""
    return any(each.name == "partition" for each in parsed(sql, dialect=dialect).find_all(exp.Placeholder))


def select_of(sql: str, *, dialect: str, partition: str | None) -> str:
    """Return the SELECT as it is sent, with the partition as a text in its place."""

    def put_in(node: exp.Expression) -> exp.Expression:
        if not isinstance(node, exp.Placeholder):
            return node
        if node.name != "partition" or partition is None:
            message = said(
                ":%(name)s stands for nothing; only :partition does, in the mode «partition»", name=node.name
            )
            raise RefusedStatement(message)
        return exp.Literal.string(partition)

    # Comments may hold what only the database reads as SQL.
    return parsed(sql, dialect=dialect).transform(put_in).sql(dialect=dialect, comments=False)


def select_from(
    table: str, columns: list[str], *, dialect: str, partition: tuple[str, str] | None = None
) -> str:
    """Return the SELECT of a table: these columns or all, the rows of a partition (column, value) or all."""
    schema, _, name = table.rpartition(".")
    wanted: list[exp.Expression] = [exp.column(each, quoted=True) for each in columns] or [exp.Star()]
    select = exp.select(*wanted).from_(exp.table_(name, db=schema or None, quoted=True))
    if partition is not None:
        column, value = partition
        select = select.where(
            exp.EQ(this=exp.column(column, quoted=True), expression=exp.Literal.string(value))
        )
    return select.sql(dialect=dialect)
