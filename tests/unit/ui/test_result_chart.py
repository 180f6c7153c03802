"""Labels below a plot stand upright where they fit, whatever their script."""

import re

import pytest

from portal.ui.result_chart import ChartChoice, draw


@pytest.mark.parametrize(
    ("places", "upright"),
    [
        (["서울", "부산", "대구", "인천", "광주", "대전"], True),
        (["EWR", "JFK", "LGA"], True),
        ([f"Airline with a long name {number}" for number in range(12)], False),
        ([f"서울특별시 제{number}구역" for number in range(9)], False),
    ],
)
def test_labels_stand_upright_where_they_fit(places, upright):
    rows = [[place, 7] for place in places]
    drawn = draw(["place", "n"], rows, ChartChoice(kind="bar", x="place", y=["n"]))["en"]["wide"]
    # The title of the other axis is always turned.
    turned = len(re.findall(r"rotate\((?:-90|270)", drawn)) - 1
    assert turned == (0 if upright else len(places))
