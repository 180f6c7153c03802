"""Small pieces of SQL, built as syntax trees: no text of a definition is ever pasted into a statement."""

from collections.abc import Mapping

from sqlglot import exp, parse_one
from sqlglot.errors import ParseError

from catalog.definitions import Aggregation, Filter, Measure, Operator
from catalog.exceptions import BadDefinition
from portal.said import said

_COMPARISONS: dict[Operator, type[exp.Binary]] = {
    Operator.EQ: exp.EQ,
    Operator.NE: exp.NEQ,
    Operator.LT: exp.LT,
    Operator.LE: exp.LTE,
    Operator.GT: exp.GT,
    Operator.GE: exp.GTE,
}
_ARITHMETIC = (
    exp.Add,
    exp.Sub,
    exp.Mul,
    exp.Div,
    exp.Neg,
    exp.Paren,
    exp.Column,
    exp.Identifier,
    exp.Literal,
)
_ZONED = ("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ")


def column(name: str) -> exp.Column:
    """Return a column, quoted, so that a name may be a word of the language."""
    return exp.column(exp.to_identifier(name, quoted=True))


def table(name: str) -> exp.Table:
    """Return a table ``schema.name``, quoted."""
    schema, _, plain = name.rpartition(".")
    return exp.table_(plain, db=schema or None, quoted=True)


def literal(value: str | int | float | bool) -> exp.Expr:
    """Return a value as a literal."""
    return exp.convert(value)


def condition(filters: tuple[Filter, ...]) -> exp.Expr | None:
    """Return all filters joined by AND; None without any."""
    parts = [_comparison(each) for each in filters]
    return exp.and_(*parts) if parts else None


def expression_of(measure: Measure) -> exp.Expr:
    """Return what the measure aggregates: its column, or 1, and nothing for rows that the filters leave out.

    Filtering inside the aggregation keeps a period whose rows are all left out: it has a count of 0 rather
    than no row.
    """
    value: exp.Expr = column(measure.column) if measure.column else exp.Literal.number(1)
    kept = condition(measure.filters)
    return exp.Case().when(kept, value) if kept is not None else value


def sample_of(measure: Measure) -> exp.Expr:
    """Return what is counted as the sample: the rows that the filters keep and that have a value."""
    return expression_of(
        Measure(aggregation=Aggregation.COUNT, column=measure.column, filters=measure.filters)
    )


def period_of(time_column: str, data_type: str, time_zone: str) -> exp.Expr:
    """Return the time that periods are cut by: moments as told in the metric's zone, plain times as is."""
    time = column(time_column)
    if data_type.upper() in _ZONED:
        return exp.AtTimeZone(this=time, zone=exp.Literal.string(time_zone))
    return time


def arithmetic(text: str, aliases: Mapping[str, str]) -> str:
    """Return a derived metric's expression, checked to be arithmetic over its aliases; x / 0 has no value."""
    try:
        tree = parse_one(text)
    except ParseError as exc:
        message = said("«%(text)s» is not an arithmetic expression.", text=text)
        raise BadDefinition(message) from exc
    for node in tree.walk():
        if not isinstance(node, _ARITHMETIC) or (isinstance(node, exp.Literal) and node.is_string):
            message = said(
                "«%(sql)s» may not stand in a derived metric; it takes + - * / ( ) and numbers.",
                sql=node.sql(),
            )
            raise BadDefinition(message)
        if isinstance(node, exp.Column) and (node.table or node.name not in aliases):
            message = said(
                "«%(sql)s» is not one of the inputs: %(inputs)s.",
                sql=node.sql(),
                inputs=", ".join(sorted(aliases)),
            )
            raise BadDefinition(message)

    def guarded(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Div):
            # As a float on the left: integers would be divided without their remainder in some dialects.
            left = exp.cast(exp.paren(node.left), exp.DataType.Type.DOUBLE)
            return exp.Div(
                this=left, expression=exp.func("NULLIF", exp.paren(node.right), exp.Literal.number(0))
            )
        return node

    return tree.transform(guarded).sql()


def _comparison(each: Filter) -> exp.Expr:
    tested = column(each.column)
    if each.operator is Operator.IS_NULL:
        return exp.Is(this=tested, expression=exp.Null())
    if each.operator is Operator.IS_NOT_NULL:
        return exp.Not(this=exp.Is(this=tested, expression=exp.Null()))
    if isinstance(each.value, list):
        return exp.In(this=tested, expressions=[literal(value) for value in each.value])
    if each.value is None:
        message = said("«%(condition)s» needs a value.", condition=f"{each.column} {each.operator}")
        raise BadDefinition(message)
    return _COMPARISONS[each.operator](this=tested, expression=literal(each.value))
