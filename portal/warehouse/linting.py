"""Read SQL before it runs: one SELECT over known tables, columns and functions, written anew from its tree.

Every column is resolved to its table, wherever it stands, so that a condition on a hidden column is refused
like its display. What cannot be resolved is refused: a guess here would be a hole.
"""

import difflib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import sqlglot
from sqlglot import exp
from sqlglot.errors import OptimizeError, SqlglotError
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, traverse_scope

from portal.said import in_a_row, said
from portal.warehouse.errors import RefusedSql
from portal.warehouse.sizes import too_large
from portal.warehouse.vocabulary import BY_CHANCE, BY_NAME, KNOWN, STRUCTURE

LONGEST: Final = 20_000
DEEPEST: Final = 50
MOST_TOKENS: Final = 4_000
MOST_NODES: Final = 5_000
MOST_SELECTS: Final = 60
_PLACE: Final = re.compile(r"Line: (\d+), Col: (\d+)")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")


@dataclass(frozen=True, slots=True)
class ReadableTable:
    """A table «schema.name» with its columns (name → type) as one person may read it.

    ``withheld`` are columns that exist, but whose values this person may not see.
    """

    name: str
    columns: Mapping[str, str]
    withheld: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Prepared:
    """A statement that may run: written anew, with all that it reads; ``parameters`` are to be bound."""

    sql: str
    tables: tuple[str, ...]
    columns: tuple[tuple[str, str], ...]
    parameters: tuple[str, ...]


def prepare(
    sql: str, *, dialect: str, tables: Mapping[str, ReadableTable], parameters: Collection[str] = ()
) -> Prepared:
    """Return the statement as it may be sent; raises RefusedSql with line and column (from 1).

    ``tables`` holds what the person may read, by «schema.name»; ``parameters`` the names that are given, of
    which ``$name`` may be used. What runs is written from the tree, never the typed text.
    """
    tree = select_of(sql, dialect=dialect)
    known = {name.casefold(): table for name, table in tables.items()}
    for found in tree.find_all(exp.Table):
        _require_known(found, known)
    used = _parameters(tree, parameters)
    qualified = _qualified(tree, known, dialect)
    columns = sorted(set(_columns(qualified, known)))
    for name, column in columns:
        if column in known[name.casefold()].withheld:
            raise _withheld(tree, name, column)
    named = sorted({_name_of(found) for found in tree.find_all(exp.Table) if found.db})
    # Where something is withheld, the very tree that was resolved is sent, so that the engine cannot resolve
    # a name otherwise than it was judged.
    # A star is sent as the columns it was judged to be: the table may have more by the time it runs.
    strict = any(known[name].withheld for name in named) or _has_star(tree)
    text = rendered(qualified if strict else tree, dialect=dialect)
    again = select_of(text, dialect=dialect)
    if sorted({_name_of(found) for found in again.find_all(exp.Table) if found.db}) != named:
        raise RefusedSql(said("The SQL reads differently each time; write it more plainly."))
    return Prepared(text, tuple(known[name].name for name in named), tuple(columns), used)


def select_of(sql: str, *, dialect: str) -> exp.Query:
    """Return the tree of one SELECT that uses allowed words only; tables and columns are not looked at."""
    tree = _parsed(sql, dialect)
    if isinstance(tree, exp.Select) and not tree.expressions:
        raise RefusedSql(said("The SELECT names nothing to show."))
    if not isinstance(tree, exp.Query):
        words = sql.split(None, 1)[0].upper() if isinstance(tree, exp.Command) else tree.key.upper()
        raise RefusedSql(said("Only a SELECT may be sent, not %(word)s.", word=words[:40]))
    selects = 0
    for count, node in enumerate(tree.walk()):
        selects += isinstance(node, exp.Select)
        if count > MOST_NODES or selects > MOST_SELECTS:
            raise RefusedSql(said("The SQL is too long to be checked; split it into several."))
        _require_allowed(node)
    if large := too_large(tree):
        raise _at(*large)
    return tree


def named_columns(sql: str, *, dialect: str) -> list[str]:
    """Return what the columns of a prepared SELECT are called; none where only the engine knows."""
    shown = select_of(sql, dialect=dialect).selects
    names = [each.alias_or_name if isinstance(each, exp.Alias | exp.Column) else "" for each in shown]
    return [] if {"", "*"} & set(names) else names


def rendered(tree: exp.Expr, *, dialect: str) -> str:
    """Return the statement written anew, without comments: what runs is what was read."""
    return tree.sql(dialect=dialect, pretty=True, comments=False)


def tables_of(tree: exp.Query) -> set[str]:
    """Return the tables that a statement names, as «schema.name» in small letters, WITH's own left out."""
    named = [found for found in tree.find_all(exp.Table) if isinstance(found.this, exp.Identifier)]
    return {_name_of(found) for found in named if found.db or _name_of(found) not in _names_in_scope(found)}


# --- the parts of a check


def _parsed(sql: str, dialect: str) -> exp.Expr:
    """Return the tree of the one statement, whatever it does."""
    if len(sql) > LONGEST:
        raise RefusedSql(said("The SQL is longer than %(most)s characters.", most=f"{LONGEST:,}"))
    _require_flat(sql)
    try:
        if len(sqlglot.tokenize(sql, dialect=dialect)) > MOST_TOKENS:
            raise RefusedSql(said("The SQL is too long to be checked; split it into several."))
        statements = [statement for statement in sqlglot.parse(sql, dialect=dialect) if statement is not None]
    except SqlglotError as exc:
        raise _unreadable(exc) from exc
    except RecursionError as exc:
        raise RefusedSql(said("The SQL is nested too deeply.")) from exc
    if not statements:
        raise RefusedSql(said("There is no SQL yet: write one SELECT."))
    if len(statements) != 1:
        raise RefusedSql(said("Only one statement may be sent; this is more than one."))
    return statements[0]


def _has_star(tree: exp.Query) -> bool:
    return any(not isinstance(star.parent, exp.Count) for star in tree.find_all(exp.Star))


def _require_flat(sql: str) -> None:
    """Refuse nesting before the parser, which is recursive, meets it."""
    depth = 0
    for character in sql:
        depth += (character in "([{") - (character in ")]}")
        if depth > DEEPEST:
            raise RefusedSql(said("The SQL is nested too deeply."))


def _require_allowed(node: exp.Expr) -> None:
    name = type(node).__name__
    if isinstance(node, exp.Anonymous | exp.AnonymousAggFunc | exp.CombinedAggFunc):
        _require_function(node, node.name.casefold())
    elif isinstance(node, exp.Func) and name not in STRUCTURE:
        if name not in KNOWN:
            _refuse_function(node, node.sql_name().casefold())
    elif name not in STRUCTURE:
        raise _at(node, said("%(word)s may not stand in a query.", word=node.key.upper()))
    if isinstance(node, exp.Table):
        _require_plain_table(node)
    if isinstance(node, exp.Placeholder | exp.Parameter) and not _NAME.fullmatch(node.name):
        raise _at(node, said("Parameters have names: write $name."))


def _require_function(node: exp.Expr, name: str) -> None:
    if name not in BY_NAME:
        _refuse_function(node, name)


def _refuse_function(node: exp.Expr, name: str) -> None:
    if name in BY_CHANCE:
        raise _at(
            node, said("%(name)s() gives another result each time, so nobody could verify it.", name=name)
        )
    near = difflib.get_close_matches(name, BY_NAME, 1, 0.75)
    hint = [said("Did you mean %(name)s()?", name=each) for each in near]
    message = said("The function %(name)s() may not be used in a query.", name=name)
    raise _at(node, in_a_row(message, *hint))


def _require_plain_table(node: exp.Table) -> None:
    if isinstance(node.this, exp.GenerateSeries | exp.Unnest):
        return
    if not isinstance(node.this, exp.Identifier):
        raise _at(node, said("%(text)s is not a table.", text=node.sql()[:80]))
    extras = [
        name
        for name in ("when", "version", "pivots", "sample", "changes", "partition")
        if node.args.get(name)
    ]
    if node.catalog or extras:
        raise _at(node, said("Name a table as schema.name and nothing more."))


def _require_known(found: exp.Table, known: Mapping[str, ReadableTable]) -> None:
    if not isinstance(found.this, exp.Identifier):
        return
    name = _name_of(found)
    if name in known or (not found.db and name in _names_in_scope(found)):
        return
    near = difflib.get_close_matches(name, known, 1, 0.6)
    near = near or [each for each in known if each.rpartition(".")[2] == name]
    hint = [said("Did you mean %(name)s?", name=known[each].name) for each in near[:1]]
    message = said("There is no table %(name)s that you may read.", name=name)
    raise _at(found.this, in_a_row(message, *hint))


def _name_of(found: exp.Table) -> str:
    return ".".join(part.name for part in found.parts[-2:]).casefold()


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


def _parameters(tree: exp.Query, given: Collection[str]) -> tuple[str, ...]:
    used = []
    for node in tree.find_all(exp.Placeholder, exp.Parameter):
        if node.name not in given:
            raise _at(node, said("The parameter $%(name)s has no value.", name=node.name))
        used.append(node.name)
    return tuple(dict.fromkeys(used))


def _qualified(tree: exp.Query, known: Mapping[str, ReadableTable], dialect: str) -> exp.Query:
    """Return a copy in which each column bears its table and no star is left."""
    schema: dict[str, Any] = {}
    for name, table in known.items():
        place, _dot, plain = name.rpartition(".")
        # sqlglot folds unquoted names to lower case, as the engine compares them.
        columns = {column.casefold(): kind for column, kind in table.columns.items()}
        schema.setdefault(place, {})[plain] = columns
    try:
        done: Any = qualify(
            tree.copy(),
            dialect=dialect,
            schema=schema,
            validate_qualify_columns=True,
            quote_identifiers=False,
            identify=False,
        )
    except OptimizeError as exc:
        raise _unresolved(exc, tree, known) from exc
    except (SqlglotError, RecursionError, KeyError, ValueError, TypeError, AttributeError) as exc:
        raise RefusedSql(said("The SQL cannot be resolved: name each column with its table.")) from exc
    for star in done.find_all(exp.Star):
        if not isinstance(star.parent, exp.Count):
            raise RefusedSql(said("Name the columns here instead of writing *."))
    if next(done.find_all(exp.TableColumn), None) is not None:
        raise RefusedSql(said("A whole row cannot be taken as a value; name its columns."))
    query: exp.Query = done
    return query


def _columns(tree: exp.Query, known: Mapping[str, ReadableTable]) -> Iterator[tuple[str, str]]:
    for scope in traverse_scope(tree):
        for column in scope.columns:
            source = _source(scope, column.table)
            if isinstance(source, exp.Table) and source.db:
                name = _name_of(source)
                yield known[name].name, _spelt(known[name], column.name)
            elif source is None and column.table:
                raise _at(column, said("It is not clear which table %(name)s belongs to.", name=column.sql()))


def _source(scope: Scope | None, name: str) -> exp.Expr | Scope | None:
    """Return what a name before a dot stands for, here or around."""
    while scope is not None:
        if name in scope.sources:
            found: exp.Expr | Scope = scope.sources[name]
            return found
        scope = scope.parent
    return None


def _spelt(table: ReadableTable, column: str) -> str:
    if column in table.columns:
        return column
    return next((each for each in table.columns if each.casefold() == column.casefold()), column)


# --- errors with their place


def _at(node: exp.Expr, message: str) -> RefusedSql:
    for each in (node, *node.find_all(exp.Identifier)):
        place = each.meta
        if "line" in place:
            # sqlglot counts the column to the end of the word.
            begins = int(place["col"]) - (int(place["end"]) - int(place["start"]))
            return RefusedSql(message, line=int(place["line"]), column=max(1, begins))
    return RefusedSql(message)


def _unreadable(error: SqlglotError) -> RefusedSql:
    first = (getattr(error, "errors", None) or [{}])[0]
    line, end = first.get("line"), first.get("col")
    word = str(first.get("highlight") or "").strip()[:40]
    message = (
        said("The SQL cannot be read at «%(word)s».", word=word) if word else said("The SQL cannot be read.")
    )
    column = max(1, int(end) - max(len(word), 1) + 1) if end is not None else None
    return RefusedSql(message, line=int(line) if line is not None else None, column=column)


def _unresolved(error: OptimizeError, tree: exp.Query, known: Mapping[str, ReadableTable]) -> RefusedSql:
    words = str(error)
    quoted = re.search(r"[Cc]olumn:? '?\"?([^'\".\s]+)", words)
    name = quoted[1] if quoted else ""
    used = {_name_of(found) for found in tree.find_all(exp.Table) if found.db} & known.keys()
    holders = [each for each in used if any(column.casefold() == name for column in known[each].columns)]
    if "ambiguous" in words.casefold() or len(holders) > 1:
        message = said("%(name)s is in more than one table: write table.%(name)s.", name=name)
    else:
        near = difflib.get_close_matches(
            name, {column for each in used for column in known[each].columns}, 1, 0.6
        )
        hint = [said("Did you mean %(name)s?", name=each) for each in near]
        message = in_a_row(said("There is no column %(name)s here.", name=name), *hint)
    place = _PLACE.search(words)
    if place:
        column = max(1, int(place[2]) - len(name) + 1)
        return RefusedSql(message, line=int(place[1]), column=column)
    return _placed(tree, name, message)


def _withheld(tree: exp.Query, table: str, column: str) -> RefusedSql:
    if any(each.name.casefold() == column.casefold() for each in tree.find_all(exp.Column)):
        message = said(
            "The values of %(column)s in %(table)s are masked for you. Leave the column out.",
            column=column,
            table=table,
        )
    else:
        message = said(
            "The values of %(column)s in %(table)s are masked for you. Leave it out: * EXCLUDE (%(column)s).",
            column=column,
            table=table,
        )
    return _placed(tree, column, message)


def _placed(tree: exp.Query, name: str, message: str) -> RefusedSql:
    for column in tree.find_all(exp.Column):
        if column.name.casefold() == name.casefold():
            return _at(column.this, message)
    return RefusedSql(message)
