from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.evidence.differing import KEPT, RowDifference, difference, floats_in

ROWS = st.lists(
    st.tuples(st.sampled_from("abc"), st.floats(allow_nan=False, allow_infinity=False, width=32)).map(list),
    max_size=12,
)


def differ(before: list[list[Any]], after: list[list[Any]]) -> RowDifference:
    return difference(["word", "value"], before, after, floats={1})


@given(ROWS, st.randoms())
def test_order_is_no_difference(rows: list[list[Any]], chance: Any) -> None:
    turned = list(rows)
    chance.shuffle(turned)
    assert differ(rows, turned).is_empty


@given(ROWS, ROWS)
def test_what_both_have_is_left_out_once_for_each(before: list[list[Any]], after: list[list[Any]]) -> None:
    found = differ(before, after)
    assert len(before) - found.before_count == len(after) - found.after_count
    assert differ(after, before).before_count == found.after_count


@given(st.floats(min_value=1e-6, max_value=1e12), st.floats(min_value=-3e-13, max_value=3e-13))
def test_the_noise_of_adding_up_is_no_difference(value: float, noise: float) -> None:
    assert differ([["a", value]], [["a", value * (1 + noise)]]).is_empty


@pytest.mark.parametrize(
    ("before", "after", "alike"),
    [
        (1.0, 1, True),
        (0.0, -0.0, True),
        (1e20, 10**20, True),
        (None, None, True),
        (None, 0.0, False),
        (1.0, 1.0000001, False),
    ],
)
def test_floats_as_json_brings_them_back(before: Any, after: Any, alike: bool) -> None:
    assert differ([["a", before]], [["a", after]]).is_empty is alike


def test_other_values_are_exact() -> None:
    assert not difference(["n"], [[2**60]], [[2**60 + 1]]).is_empty
    assert difference(["n"], [[{"a": 1, "b": [2]}]], [[{"b": [2], "a": 1}]]).is_empty


def test_only_some_rows_are_kept_but_all_are_counted() -> None:
    found = differ([], [["a", float(n)] for n in range(KEPT + 7)])
    assert (len(found.after), found.after_count, found.before_count) == (KEPT, KEPT + 7, 0)


def test_the_types_tell_which_columns_hold_floats() -> None:
    types = ("DOUBLE", "FLOAT", "DECIMAL(8,2)", "BIGINT", "VARCHAR")
    assert floats_in([{"name": "c", "type": kind} for kind in types]) == {0, 1}
