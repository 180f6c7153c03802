"""A second, tiny compiler for simple and ratio metrics, written from the definition's words alone.

It shares nothing with the real one but the definition's shape, so that a difference between their results is
a defect of one of them.
"""

from catalog.definitions import Aggregation, Filter, Measure, MetricDefinition, Ratio, Simple

_CALLS = {
    Aggregation.SUM: "sum({})",
    Aggregation.COUNT: "count({})",
    Aggregation.COUNT_DISTINCT: "count(DISTINCT {})",
    Aggregation.AVERAGE: "avg({})",
    Aggregation.MIN: "min({})",
    Aggregation.MAX: "max({})",
    Aggregation.MEDIAN: "median({})",
}


def reference_sql(definition: MetricDefinition, grain: str, table: str, *, zoned: bool) -> str:
    """Return a SELECT of (period, value, sample) for a simple or ratio metric."""
    time = definition.time_column
    if zoned:
        time = f"timezone('{definition.time_zone}', {time})"
    computation = definition.computation
    if isinstance(computation, Ratio):
        value = f"{_value(computation.numerator)}::DOUBLE / nullif({_value(computation.denominator)}, 0)"
        counted = computation.denominator
    elif isinstance(computation, Simple):
        value, counted = _value(computation.measure), computation.measure
    else:
        raise TypeError(computation)
    return (
        f"SELECT date_trunc('{grain}', {time})::DATE, ({value})::DOUBLE, {_sample(counted)}"  # noqa: S608
        f" FROM {table} WHERE {time} IS NOT NULL GROUP BY 1 ORDER BY 1"
    )


def _value(measure: Measure) -> str:
    if measure.aggregation is Aggregation.SUM_BOOLEAN:
        # Not count_if(): over nothing but nulls it is null in DuckDB, and none of them is true.
        kept = [f"{measure.column}", *map(_condition, measure.filters)]
        return f"count(*) FILTER (WHERE {' AND '.join(kept)})"
    call = _CALLS[measure.aggregation].format(measure.column or "*")
    return call + _kept(measure.filters)


def _sample(measure: Measure) -> str:
    return f"count({measure.column or '*'})" + _kept(measure.filters)


def _kept(filters: tuple[Filter, ...]) -> str:
    if not filters:
        return ""
    return f" FILTER (WHERE {' AND '.join(map(_condition, filters))})"


def _condition(each: Filter) -> str:
    if each.value is None:
        return f"{each.column} {each.operator}"
    if isinstance(each.value, list):
        return f"{each.column} IN ({', '.join(map(_literal, each.value))})"
    return f"{each.column} {each.operator} {_literal(each.value)}"


def _literal(value: object) -> str:
    if isinstance(value, bool):
        return str(value).upper()
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else str(value)
