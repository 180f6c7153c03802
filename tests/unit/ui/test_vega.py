"""A drawn chart is safe inline, suits both themes and tells where its points lie."""

import pytest

from portal.ui import vega

ROWS = [{"day": f"2013-01-{day:02d}", "value": None if day == 4 else day / 10} for day in range(1, 9)]


def spec(mark="line", **more):
    x = {"field": "day", "type": "temporal", "title": None}
    y = {"field": "value", "type": "quantitative", "title": None}
    layer = {"name": vega.SERIES, "mark": mark, "encoding": {"x": x, "y": y}}
    return {"width": 300, "height": 100, "data": {"values": ROWS}, "layer": [layer], **more}


@pytest.mark.parametrize("mark", ["line", "bar"])
def test_the_points_lie_where_the_series_is_drawn(mark):
    place = vega.positions(vega.render(spec(mark)))
    assert place is not None
    drawn = [x for x in place["xs"] if x is not None]
    assert drawn == sorted(drawn)
    assert place["ys"][0] > place["ys"][-1]
    assert max(drawn) <= place["width"]
    if mark == "line":
        assert len(drawn) == 7


def test_a_drawing_holds_nothing_that_the_policy_forbids():
    svg = vega.render(spec())
    for forbidden in ("<style", "style=", "<script", "<title", "aria-label", "href", "onclick", "white"):
        assert forbidden not in svg
    assert "var(--accent)" in svg
    assert 'viewBox="0 0' in svg
    assert " width=" not in svg.split(">", 1)[0]


def test_cleaning_drops_what_it_does_not_know():
    dirty = (
        '<svg xmlns="http://www.w3.org/2000/svg" width="10" height="5" onload="x()"><script>1</script>'
        '<a href="javascript:1"><text>link</text></a><g onclick="x()" style="fill:red" class="mark a_marks">'
        '<clipPath id="c"/><rect width="1" clip-path="url(#c)" fill="url(http://x/)"/></g>'
        '<foreignObject/><image href="x"/></svg>'
    )
    clean = vega.clean(dirty, "p")
    assert clean == (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 10 5"><g class="a"><clipPath id="p-c" />'
        '<rect width="1" clip-path="url(#p-c)" /></g></svg>'
    )


@pytest.mark.parametrize("name", ["params", "href", "usermeta"])
def test_a_spec_that_reaches_outside_is_refused(name):
    with pytest.raises(ValueError, match=name):
        vega.render(spec(**{name: []}))
    with pytest.raises(ValueError, match="url"):
        vega.render({**spec(), "data": {"url": "file:///etc/passwd"}})


def test_two_charts_on_one_page_share_no_ids():
    one, two = vega.render(spec("bar")), vega.render({**spec("bar"), "height": 120})
    assert "clip-path" not in one or one.split("url(#")[1][:9] != two.split("url(#")[1][:9]


def test_words_that_do_not_fit_the_points_give_no_crosshair():
    svg = vega.render(spec())
    names = [str(index) for index in range(7)]
    values = [[name] for name in names]
    fitting = vega.points(wide=svg, narrow="", names=names, values=values)
    assert fitting is not None
    assert fitting["names"] == names
    assert vega.points(wide=svg, narrow="", names=names[1:], values=values[1:]) is None
    assert vega.points(wide="", narrow="", names=[], values=[]) is None
