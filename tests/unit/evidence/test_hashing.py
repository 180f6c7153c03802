"""A result's hash follows its rows and their order, not the last bits of floats."""

import datetime as dt
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from portal.evidence.hashing import result_hash

cells = st.none() | st.integers() | st.text() | st.booleans() | st.dates() | st.floats(allow_nan=False)
tables = st.lists(st.tuples(cells, cells))


@given(tables)
def test_the_same_rows_have_the_same_hash(rows) -> None:
    assert result_hash(["a", "b"], rows) == result_hash(["a", "b"], [list(row) for row in rows])


@given(tables, st.tuples(cells, cells))
def test_one_more_row_changes_it(rows, row) -> None:
    assert result_hash(["a", "b"], rows) != result_hash(["a", "b"], [*rows, row])


def test_columns_order_and_types_count() -> None:
    base = result_hash(["a", "b"], [(1, 2)])
    assert base != result_hash(["b", "a"], [(1, 2)])
    assert base != result_hash(["a", "b"], [(2, 1)])
    assert base != result_hash(["a", "b"], [("1", 2)])
    assert result_hash(["a"], [("x",), ("y",)]) != result_hash(["a"], [("y",), ("x",)])


def test_only_the_last_bits_of_floats_do_not() -> None:
    assert result_hash(["a"], [(0.1 + 0.2,)]) == result_hash(["a"], [(0.3,)])
    assert result_hash(["a"], [(0.3,)]) != result_hash(["a"], [(0.30001,)])
    assert result_hash(["a"], [(-0.0,)]) == result_hash(["a"], [(0.0,)])
    assert result_hash(["a"], [(Decimal("0.3"),)]) == result_hash(["a"], [(Decimal("0.30"),)])
    assert result_hash(["a"], [(dt.date(2013, 2, 8),)]) != result_hash(["a"], [(dt.date(2013, 2, 9),)])
